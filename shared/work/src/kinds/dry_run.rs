//! What a run would do, without changes.

use std::collections::HashSet;

use license_domain::{EmailAddress, EmailKey, JobKind, LicenseStatus, RowOutcome, RowResult};
use license_storage::JobRows;

use super::{ChunkRows, LicenseKinds, learners::addresses};
use crate::WorkError;

impl LicenseKinds {
    /// The outcomes that the rows would have, without changes.
    pub(super) async fn dry_run(&self, chunk: ChunkRows<'_>) -> Result<Vec<RowResult>, WorkError> {
        let ChunkRows { run, rows, so_far, .. } = chunk;
        let plan = chunk.plan()?;
        let keys: Vec<EmailKey> = addresses(rows).iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan.uuid, &keys).await?;
        let assigned = prefetch.held(plan.uuid, &keys, LicenseStatus::Assigned)?;
        let activated = prefetch.held(plan.uuid, &keys, LicenseStatus::Activated)?;
        let taken = match (run.kind, run.params.to_plan) {
            (JobKind::Transfer, Some(to)) => self.live(to, rows).await?,
            _ => HashSet::new(),
        };
        let counts = self.portfolios.seat_counts(&[plan]).await?;
        let seats = counts.get(&plan.uuid).map_or(0, |counts| counts.of(LicenseStatus::Unassigned));
        let mut left = seats.saturating_sub(so_far.succeeded);
        let without = if run.params.wait { RowOutcome::Waiting } else { RowOutcome::NoSeat };
        let is_live = |key: &EmailKey| assigned.contains(key) || activated.contains(key);
        Ok(JobRows::new(rows).each(|row, email| {
            let key = email.key();
            let outcome = match run.kind {
                JobKind::Assign if is_live(&key) => RowOutcome::AlreadyAssociated,
                JobKind::Assign if left == 0 => without,
                JobKind::Assign => {
                    left -= 1;
                    RowOutcome::Assigned
                }
                JobKind::Remind if assigned.contains(&key) => RowOutcome::Reminded,
                JobKind::Revoke if is_live(&key) => RowOutcome::Revoked,
                JobKind::Transfer if is_live(&key) && taken.contains(&key) => RowOutcome::Refused,
                JobKind::Transfer if is_live(&key) => RowOutcome::Transferred,
                _ => RowOutcome::NotFound,
            };
            row.result(outcome, None)
        }))
    }
}
