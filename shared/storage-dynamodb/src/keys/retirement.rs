//! Keys of retirements, and of the progress of their erasure.

use license_domain::Timestamp;

use super::{Key, time};

/// The partition of retirements.
pub const RETIRED: &str = "RETIRED";

/// A retirement: items that are older than its time are read without the person whose name has that digest.
pub fn retired(until: Timestamp, digest: uuid::Uuid) -> Key {
    Key::new(RETIRED, format!("{}#{digest}", time(until)))
}

/// The progress of the erasure.
pub fn erasure() -> Key {
    Key::head("ERASURE")
}
