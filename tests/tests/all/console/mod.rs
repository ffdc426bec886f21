//! The console, tested as a browser sees it.

mod access;
mod changing;
mod editing;
mod further;
mod operating;
mod pages;
mod reading;
mod sessions;
mod sign_in;
