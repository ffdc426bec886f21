//! The console, tested as a browser sees it.

mod access;
mod agreements;
mod changing;
mod confirming;
mod editing;
mod faults;
mod filling;
mod further;
mod lists;
mod operating;
mod operations;
mod pages;
mod products;
mod reading;
mod sessions;
mod sign_in;
