//! The counts of a plan's seats, and the revocation cap.

use serde::{Deserialize, Serialize};

use crate::license::LicenseStatus;

/// How many licenses of a plan have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatCounts {
    /// Every license that is not revoked.
    pub total: u64,
    /// Licenses of invited learners.
    pub assigned: u64,
    /// Licenses in use.
    pub activated: u64,
    pub revoked: u64,
    /// Revoked licenses that no longer name a person.
    pub revoked_without_person: u64,
}

impl SeatCounts {
    /// Unassigned seats. The number is also right while a run has reserved seats for rows that it has not assigned yet.
    pub const fn unassigned(&self) -> u64 {
        self.total.saturating_sub(self.assigned + self.activated)
    }

    /// Assigned and activated seats.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationCap {
    /// How many revocations are allowed in total.
    pub allowed: u64,
    /// How many have been made.
    pub applied: u64,
}

impl RevocationCap {
    /// allowed = ceil(total × percentage / 100), the total without revoked licenses.
    pub const fn new(total: u64, percentage: u32, applied: u64) -> Self {
        Self { allowed: (total * percentage as u64).div_ceil(100), applied }
    }

    /// How many revocations are left; negative if the percentage was lowered afterwards.
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
