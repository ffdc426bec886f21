//! The console, as a browser sees it.

mod access;
mod pages;
mod sessions;
mod sign_in;
