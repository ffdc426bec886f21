//! Keys of items that belong to no agreement and no person.

use license_domain::Timestamp;

use super::{Key, time};

/// The products and plan types.
pub fn catalog() -> Key {
    Key::head("CATALOG")
}

/// The partition of the records of changes of the products and plan types.
pub const PRODUCT_CHANGES: &str = "CATALOG-CHANGES";

/// The record of such a change.
pub fn product_change(at: Timestamp, id: uuid::Uuid) -> Key {
    Key::new(PRODUCT_CHANGES, format!("{}#{id}", time(at)))
}

/// The partition of the records of what operators did to the queues.
pub const QUEUE_CHANGES: &str = "QUEUE-CHANGES";

/// The record of such a change.
pub fn queue_change(at: Timestamp, id: uuid::Uuid) -> Key {
    Key::new(QUEUE_CHANGES, format!("{}#{id}", time(at)))
}

/// The record of an imported file, by its digest.
pub fn import(digest: &str) -> Key {
    Key::head(format!("IMPORT#{digest}"))
}

/// The record of the sweeper's last run.
pub fn sweep() -> Key {
    Key::head("SWEEP")
}

/// The key that the health check reads; no item needs to exist there.
pub fn health() -> Key {
    Key::head("HEALTH")
}
