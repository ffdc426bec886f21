//! The storage: DynamoDB behind the traits of `license_storage`. Only the adapter is public.
//!
//! Every key is made in `keys.rs`, every item in `rows.rs`, every single call in `table.rs`; each use case has a module
//! of its own , and the doc comment of its function describes its steps.

mod activate;
mod ahead;
mod allocate;
mod announce;
mod assign;
mod attempts;
mod audit_trails;
mod auto_apply;
mod buckets;
mod bulk;
mod cache;
mod changes;
mod check;
mod decode;
mod delete_plan;
mod delete_revoked;
mod deliveries;
mod erasure;
mod events;
mod expire;
mod export;
mod failures;
mod freeze;
mod idempotency;
mod jobs;
mod keys;
mod learners;
mod license_events;
mod licenses;
mod notifications;
mod plan_days;
mod plan_work;
mod portfolios;
mod prefetch;
mod products;
mod provision;
mod purge;
mod queue_changes;
mod remind;
mod renew;
mod renewals;
mod reserve;
mod retire;
mod retired;
mod revert;
mod revoke;
mod role_changes;
mod roster;
mod rows;

mod sdk_attempts;
mod sessions;
mod settings;
mod store;
mod stream;
mod sweep;
mod sweep_records;
mod table;
#[doc(hidden)]
pub mod testing;
mod transaction;
mod transfer;
mod unlink;
mod update;
mod user_lists;
mod users;
mod webhooks;
mod write;

pub use bulk::{BulkWriter, PutItems};
pub use keys::{Item, PK, SK};
pub use settings::{NoTable, StoreSettings};
pub use store::Store;
