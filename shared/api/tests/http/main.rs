//! The web layer over HTTP, with a small API behind it.

mod endpoints;
mod keys;
mod support;
