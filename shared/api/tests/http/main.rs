//! The HTTP layer, tested with a small API behind it.

mod endpoints;
mod keys;
mod support;
