use std::{iter::Sum, ops::AddAssign};

use license_domain::LicenseStatus;
use serde::{Deserialize, Serialize};

/// The numbers of licenses that have or had a person, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub activated: u64,
    pub assigned: u64,
    pub revoked: u64,
}

/// The statuses of a roster's rows, in the order of the list.
pub(crate) const STATUSES: [LicenseStatus; 3] =
    [LicenseStatus::Activated, LicenseStatus::Assigned, LicenseStatus::Revoked];

impl Counts {
    /// The number of that status; 0 for unassigned licenses.
    pub const fn of(&self, status: LicenseStatus) -> u64 {
        match status {
            LicenseStatus::Activated => self.activated,
            LicenseStatus::Assigned => self.assigned,
            LicenseStatus::Revoked => self.revoked,
            LicenseStatus::Unassigned => 0,
        }
    }

    pub const fn total(&self) -> u64 {
        self.activated + self.assigned + self.revoked
    }

    pub(crate) const fn of_mut(&mut self, status: LicenseStatus) -> Option<&mut u64> {
        match status {
            LicenseStatus::Activated => Some(&mut self.activated),
            LicenseStatus::Assigned => Some(&mut self.assigned),
            LicenseStatus::Revoked => Some(&mut self.revoked),
            LicenseStatus::Unassigned => None,
        }
    }

    pub(crate) const fn add(&mut self, status: LicenseStatus, rows: u64) {
        if let Some(count) = self.of_mut(status) {
            *count += rows;
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.activated += other.activated;
        self.assigned += other.assigned;
        self.revoked += other.revoked;
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}
