//! Keys of buckets and of their free seats.

use license_domain::{LicenseId, PlanId};

use super::Key;

/// The keys of a bucket and of its free seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKeys {
    pub plan: PlanId,
    pub bucket: u16,
}

/// The prefix of a free seat's sort key.
pub const FREE_PREFIX: &str = "FREE#";

impl BucketKeys {
    pub fn partition(self) -> String {
        format!("POOL#{}#{}", self.plan, self.bucket)
    }

    /// The bucket's counters.
    pub fn bucket(self) -> Key {
        Key::head(self.partition())
    }

    /// A returned or imported seat.
    pub fn free(self, license: LicenseId) -> Key {
        Key::new(self.partition(), format!("{FREE_PREFIX}{license}"))
    }
}
