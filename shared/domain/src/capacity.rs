//! Counting seats, and the cap on revocations.

use serde::{Deserialize, Serialize};

use crate::license::LicenseStatus;

/// How many licenses of a plan stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatCounts {
    /// Every license that is not revoked.
    pub total: u64,
    /// Invited learners.
    pub assigned: u64,
    /// Learners who study.
    pub activated: u64,
    /// Licenses taken back.
    pub revoked: u64,
    /// Those of them that no longer name a person.
    pub revoked_without_person: u64,
}

impl SeatCounts {
    /// Seats that nobody has. Holds also while a batch has drawn seats that are not handed out yet.
    pub const fn unassigned(&self) -> u64 {
        self.total.saturating_sub(self.assigned + self.activated)
    }

    /// Seats that somebody has.
    pub const fn allocated(&self) -> u64 {
        self.assigned + self.activated
    }

    /// The number of licenses in that status.
    pub const fn of(&self, status: LicenseStatus) -> u64 {
        match status {
            LicenseStatus::Activated => self.activated,
            LicenseStatus::Assigned => self.assigned,
            LicenseStatus::Revoked => self.revoked,
            LicenseStatus::Unassigned => self.unassigned(),
        }
    }
}

/// The cap on revocations of activated licenses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationCap {
    /// How many are allowed in all.
    pub allowed: u64,
    /// How many have been made.
    pub applied: u64,
}

impl RevocationCap {
    /// allowed = ceil(total × percentage / 100), the total without revoked licenses.
    pub const fn new(total: u64, percentage: u32, applied: u64) -> Self {
        Self { allowed: (total * percentage as u64).div_ceil(100), applied }
    }

    /// How many are left; negative if the percentage was lowered afterwards.
    pub fn remaining(&self) -> i64 {
        let signed = crate::number::to_i64;
        signed(self.allowed) - signed(self.applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_rounds_up_and_may_be_overdrawn() {
        assert_eq!(RevocationCap::new(10, 20, 1), RevocationCap { allowed: 2, applied: 1 });
        assert_eq!(RevocationCap::new(11, 5, 0).allowed, 1);
        assert_eq!(RevocationCap::new(0, 5, 0).allowed, 0);
        assert_eq!(RevocationCap::new(10, 10, 3).remaining(), -2);
    }
}
