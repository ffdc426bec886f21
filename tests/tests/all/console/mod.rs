//! The console, tested as a browser sees it.

mod access;
mod agreements;
mod as_of;
mod attention;
mod changing;
mod confirming;
mod editing;
mod faults;
mod filling;
mod further;
mod lists;
mod moments;
mod operating;
mod operations;
mod pages;
mod products;
mod reading;
mod recorded;
mod sessions;
pub mod sights;
mod sign_in;
mod system;
