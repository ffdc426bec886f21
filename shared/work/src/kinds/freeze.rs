//! Deletes the unassigned licenses of a plan.

use license_domain::{LicenseStatus, RowOutcome, RowResult};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows, one_row};
use crate::WorkError;

impl AllKinds {
    /// Freezes the plan. A plan with many returned seats takes several transactions; whatever interrupts them, another
    /// attempt deletes the rest.
    pub(super) async fn freeze(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        if !plan.can_freeze_unused_licenses {
            let detail = "The plan's unused licenses may not be frozen.".to_owned();
            return Ok(Acted::ToRecord(one_row(RowOutcome::Refused, detail)));
        }
        if chunk.run.dry_run {
            let counts = self.licenses.portfolios.seat_counts(&[plan]).await?;
            let unassigned = counts.get(&plan.uuid).map_or(0, |counts| counts.of(LicenseStatus::Unassigned));
            let detail = format!("{unassigned} unassigned licenses would be deleted.");
            return Ok(Acted::ToRecord(one_row(RowOutcome::Frozen, detail)));
        }
        loop {
            if let Some(results) = self.operations.freeze(portfolio, plan.uuid, &change, frozen).await? {
                return Ok(Acted::Recorded(results));
            }
        }
    }
}

fn frozen(total: u64) -> Vec<RowResult> {
    one_row(RowOutcome::Frozen, format!("The plan has {total} licenses now."))
}
