//! Keys of items that belong to no agreement and no person.

use super::Key;

/// The products and plan types.
pub fn catalog() -> Key {
    Key::head("CATALOG")
}

/// The record of an imported file, by its digest.
pub fn import(digest: &str) -> Key {
    Key::head(format!("IMPORT#{digest}"))
}

/// The key that the health check reads; no item needs to exist there.
pub fn health() -> Key {
    Key::head("HEALTH")
}
