//! How a list of licenses is filtered and sorted.

use crate::license::{License, LicenseStatus};

/// The field by which a list of licenses is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderField {
    UserEmail,
    /// The status, alphabetically.
    Status,
    ActivationDate,
    /// When the learner was last reminded.
    LastRemindDate,
}

/// One field of an ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBy {
    pub field: OrderField,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// The filter of a plan's licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Only these statuses; `None` for all.
    pub statuses: Option<Vec<LicenseStatus>>,
    /// Texts that must all be part of the learner's address, ignoring case.
    pub search: Vec<String>,
    /// Whether licenses without a learner are left out; free seats stay.
    pub ignore_null_emails: bool,
}

impl LicenseFilter {
    /// Whether the filter admits licenses of that status.
    pub fn admits(&self, status: LicenseStatus) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&status))
            && (self.search.is_empty() || status != LicenseStatus::Unassigned)
    }

    /// Whether the filter admits the license.
    pub fn matches(&self, license: &License) -> bool {
        if !self.admits(license.status) {
            return false;
        }
        match &license.user_email {
            Some(email) => {
                let key = email.key();
                self.search.iter().all(|word| key.as_str().contains(word.as_str()))
            }
            None => self.search.is_empty() && (!self.ignore_null_emails || license.status == LicenseStatus::Unassigned),
        }
    }
}
