//! Keys of retirements, and of the progress of their erasure.

use license_domain::Timestamp;

use super::{Key, time};

/// How many copies of each retirement there are. Every function reads the new ones before it uses what is older: a single
/// partition would allow 3,000 of such reads a second, for the whole table.
pub const RETIRED_COPIES: u16 = 16;

/// The partition of a copy of all retirements.
pub fn retirements(copy: u16) -> String {
    format!("RETIRED#{copy}")
}

/// A retirement in one of the copies: items that are older than its time are read without the person whose name has that
/// digest.
pub fn retired(copy: u16, until: Timestamp, digest: uuid::Uuid) -> Key {
    Key::new(retirements(copy), format!("{}#{digest}", time(until)))
}

/// The progress of the erasure.
pub fn erasure() -> Key {
    Key::head("ERASURE")
}
