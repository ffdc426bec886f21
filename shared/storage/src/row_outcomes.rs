//! Outcomes of changes of several learners, as the results of a job's rows.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use license_domain::{EmailAddress, EmailKey, LicenseId, Row, RowOutcome, RowResult};
use serde::Serialize;

use crate::{Assigned, Revocation, Revocations, Transferred, Transfers};

/// The rows of a job's chunk that one change covers.
#[derive(Clone, Debug)]
pub struct JobRows {
    /// All rows, including those that cannot be read.
    pub rows: Arc<[Row]>,
    /// Learners who held a license before. `None`: all learners who get none now.
    pub held: Option<Arc<HashSet<EmailKey>>>,
    /// The outcome for learners who hold no license and get none.
    pub without_seat: RowOutcome,
}

impl JobRows {
    /// For these rows: a learner who gets no license held one before.
    pub fn new(rows: &[Row]) -> Self {
        Self { rows: rows.into(), held: None, without_seat: RowOutcome::NoSeat }
    }

    /// A result for each row: a row that cannot be read is invalid, `outcome` decides the others.
    pub fn each(&self, mut outcome: impl FnMut(&Row, &EmailAddress) -> RowResult) -> Vec<RowResult> {
        self.rows
            .iter()
            .map(|row| match (&row.user_email, &row.problem) {
                (Some(email), None) => outcome(row, email),
                _ => row.result(RowOutcome::Invalid, None),
            })
            .collect()
    }
}

/// An outcome for several learners that can be split into rows.
pub trait RowOutcomes: Serialize {
    fn of_rows(&self, rows: &JobRows) -> Vec<RowResult>;
}

impl RowOutcomes for Assigned {
    fn of_rows(&self, rows: &JobRows) -> Vec<RowResult> {
        let licenses: HashMap<EmailKey, LicenseId> =
            self.assigned.iter().map(|(email, license)| (email.key(), *license)).collect();
        let is_without = |key: &EmailKey| rows.held.as_ref().is_some_and(|held| !held.contains(key));
        rows.each(|row, email| match licenses.get(&email.key()) {
            Some(license) => row.result(RowOutcome::Assigned, Some(*license)),
            None if is_without(&email.key()) => row.result(rows.without_seat, None),
            None => row.result(RowOutcome::AlreadyAssociated, None),
        })
    }
}

impl RowOutcomes for Revocations {
    fn of_rows(&self, rows: &JobRows) -> Vec<RowResult> {
        let of: HashMap<EmailKey, &Revocation> =
            self.iter().map(|(email, revocation)| (email.key(), revocation)).collect();
        rows.each(|row, email| match of.get(&email.key()) {
            Some(Revocation::Revoked { license, original_status }) => {
                RowResult { original_status: Some(*original_status), ..row.result(RowOutcome::Revoked, Some(*license)) }
            }
            Some(Revocation::CapReached) => row.result(RowOutcome::CapReached, None),
            Some(Revocation::NotFound) | None => row.result(RowOutcome::NotFound, None),
        })
    }
}

impl RowOutcomes for Transfers {
    fn of_rows(&self, rows: &JobRows) -> Vec<RowResult> {
        let of: HashMap<EmailKey, &Transferred> = self.iter().map(|(email, moved)| (email.key(), moved)).collect();
        rows.each(|row, email| match of.get(&email.key()) {
            Some(Transferred::Moved(license)) => row.result(RowOutcome::Transferred, Some(*license)),
            Some(Transferred::Taken) => RowResult {
                detail: Some("The learner holds a license of the other plan.".to_owned()),
                ..row.result(RowOutcome::Refused, None)
            },
            Some(Transferred::NotFound) | None => row.result(RowOutcome::NotFound, None),
        })
    }
}
