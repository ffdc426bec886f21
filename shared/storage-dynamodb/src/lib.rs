//! Where the state lives: the ports that handlers know, and the DynamoDB adapter behind them.
//!
//! Everything about keys is in [`keys`], everything about single calls in [`table`]; each use case has a
//! module of its own whose function's doc comment is its protocol.

mod activate;
mod allocate;
mod assign;
mod attempts;
mod audit_trails;
mod auto_apply;
mod batch;
mod cache;
mod delete_plan;
mod deliveries;
mod events;
pub mod failures;
mod idempotency;
mod jobs;
pub mod keys;
mod learners;
mod licenses;
mod notifications;
mod portfolios;
mod prefetch;
mod provision;
mod remind;
mod renew;
mod renewals;
mod retire;
mod revoke;
pub mod rows;
mod settings;
mod stream;
mod sweep;
pub mod table;
mod transaction;
mod transfer;
mod update;
mod users;
mod webhooks;
mod write;

pub use activate::alias_item;
pub use settings::{NoTable, StoreSettings};
pub use table::{Store, Table};
