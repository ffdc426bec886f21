//! Adds licenses to a plan.

use license_domain::{RowOutcome, plan::MAX_LICENSES};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows, one_row};
use crate::WorkError;

impl AllKinds {
    /// Adds licenses until the plan has that number, or the desired number of its terms, if it has fewer.
    pub(super) async fn grow(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, portfolio, plan) = (chunk.run, chunk.portfolio, chunk.plan()?);
        let refused = |detail: &str| Ok(Acted::ToRecord(one_row(RowOutcome::Refused, detail.to_owned())));
        let Some(wanted) = run.params.desired_num_licenses.or(plan.desired_num_licenses) else {
            return refused("The plan has no desired number of licenses.");
        };
        if plan.last_freeze_timestamp.is_some() {
            return refused("The plan is frozen.");
        }
        if wanted > MAX_LICENSES && !plan.for_internal_use_only {
            return refused("The plan would have too many licenses.");
        }
        let missing = wanted.saturating_sub(plan.seats.total);
        if missing == 0 || run.dry_run {
            let detail = format!("{missing} licenses are missing.");
            return Ok(Acted::ToRecord(one_row(RowOutcome::Grown, detail)));
        }
        let results = one_row(RowOutcome::Grown, format!("{missing} licenses were added."));
        let mut after = plan.clone();
        after.seats = after.seats.grown_to(wanted);
        after.desired_num_licenses = Some(wanted);
        after.modified = change.at;
        self.update.update_plan(portfolio, plan, &after, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }
}
