//! Assigns to as many learners as there are seats.

use std::{collections::HashSet, sync::Arc};

use license_domain::{EmailAddress, EmailKey, LicenseStatus, PlanId, Row, RowOutcome};
use license_storage::{AssignError, AssignRequest, Assigned, Assignment, Change, JobRows, Prefetch, RowOutcomes};

use super::{
    Acted, ChunkRows, LicenseKinds,
    learners::{addresses, assignment},
};
use crate::WorkError;

impl LicenseKinds {
    /// Assigns to as many learners as there are seats, in the order of the rows.
    ///
    /// 1. Try all of them. If there are enough seats: done.
    /// 2. If there are fewer: learners who hold a license need none; of the others the first ones are tried, as many as
    ///    there are seats. If other requests have taken seats meanwhile: repeat with fewer, so that it ends.
    /// 3. If they do not fit into one transaction: try the first half of the rows, and leave the others to another
    ///    round.
    pub(super) async fn assign(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, portfolio, plan) = (chunk.run, chunk.portfolio, chunk.plan()?);
        let without_seat = if run.params.wait { RowOutcome::Waiting } else { RowOutcome::NoSeat };
        let mut rows = chunk.rows;
        let mut seats = rows.len();
        let mut held: Option<Arc<HashSet<EmailKey>>> = None;
        loop {
            let mut left = seats;
            let good = rows.iter().filter(|row| row.problem.is_none());
            let tried = good.filter(|row| match (&held, &row.user_email) {
                (Some(held), Some(email)) if !held.contains(&email.key()) => {
                    let has_seat = left > 0;
                    left = left.saturating_sub(1);
                    has_seat
                }
                _ => true,
            });
            let assignments: Vec<Assignment> = tried.filter_map(assignment).collect();
            let of_rows = JobRows { held: held.clone(), without_seat, ..JobRows::new(rows) };
            if assignments.is_empty() {
                return Ok(Acted::ToRecord(Assigned::default().of_rows(&of_rows)));
            }
            let request = AssignRequest {
                assignments,
                notify: run.params.notify,
                greeting: run.params.greeting.clone(),
                closing: run.params.closing.clone(),
                prefetch: Prefetch::default(),
                change: change.clone().for_rows(&of_rows),
            };
            match self.assign.assign(portfolio, plan.uuid, request).await {
                Ok(assigned) => return Ok(Acted::Recorded(assigned.of_rows(&of_rows))),
                Err(AssignError::NotEnough { available, .. }) => {
                    // The number decreases with each attempt.
                    seats = usize::try_from(available)
                        .expect("fewer than the rows of a chunk")
                        .min(seats.saturating_sub(1));
                    held = Some(Arc::new(self.live(plan.uuid, rows).await?));
                }
                Err(AssignError::TooMany) => rows = &rows[..rows.len().div_ceil(2)],
                Err(AssignError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The rows' learners who hold a live license of the plan.
    pub(super) async fn live(&self, plan: PlanId, rows: &[Row]) -> Result<HashSet<EmailKey>, WorkError> {
        let keys: Vec<EmailKey> = addresses(rows).iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan, &keys).await?;
        let mut live = prefetch.held(plan, &keys, LicenseStatus::Assigned)?;
        live.extend(prefetch.held(plan, &keys, LicenseStatus::Activated)?);
        Ok(live)
    }
}
