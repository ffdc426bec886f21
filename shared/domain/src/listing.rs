//! How a list of licenses is filtered and sorted.

use crate::license::{License, LicenseStatus};

/// By what a list of licenses is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderField {
    /// The learner's address.
    UserEmail,
    /// The status, alphabetically.
    Status,
    /// When it was activated.
    ActivationDate,
    /// When the learner was last reminded.
    LastRemindDate,
}

/// One step of an ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// By what.
    pub field: OrderField,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Which licenses of a plan are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Only these statuses; all where none is given.
    pub statuses: Option<Vec<LicenseStatus>>,
    /// Every one of these texts is part of the learner's address, without case.
    pub search: Vec<String>,
    /// Leaves out licenses that name no learner; free seats stay.
    pub ignore_null_emails: bool,
}

impl LicenseFilter {
    /// Whether licenses of that status are meant at all.
    pub fn admits(&self, status: LicenseStatus) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&status))
            && (self.search.is_empty() || status != LicenseStatus::Unassigned)
    }

    /// Whether this license is meant.
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
