//! Where the state lives: the ports that handlers know, and the DynamoDB adapter behind them.
//!
//! Everything about keys is in [`keys`], everything about single calls in [`table`]; each use case has a
//! module of its own whose function's doc comment is its protocol.

mod cache;
pub mod error;
pub mod keys;
mod licenses;
mod portfolios;
pub mod ports;
pub mod rows;
pub mod table;
mod users;

pub use error::StoreError;
pub use table::{Store, Table};
