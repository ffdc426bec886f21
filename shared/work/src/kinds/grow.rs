//! Adds licenses to a plan.

use license_domain::{RowOutcome, RowResult, plan::MAX_LICENSES};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

impl AllKinds {
    /// Adds licenses until the plan has the desired number, if it has fewer.
    pub(super) async fn grow(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, portfolio, plan) = (chunk.run, chunk.portfolio, chunk.plan()?);
        let wanted = run.params.desired_num_licenses.ok_or(WorkError::Gone("number of licenses"))?;
        let result = |outcome, detail: Option<&str>| RowResult {
            row: 0,
            user_email: None,
            course_run_key: None,
            license: None,
            original_status: None,
            outcome,
            detail: detail.map(str::to_owned),
        };
        if plan.last_freeze_timestamp.is_some() {
            return Ok(Acted::ToRecord(vec![result(RowOutcome::Refused, Some("The plan is frozen."))]));
        }
        if wanted > MAX_LICENSES && !plan.for_internal_use_only {
            let detail = "The plan would have too many licenses.";
            return Ok(Acted::ToRecord(vec![result(RowOutcome::Refused, Some(detail))]));
        }
        let results = vec![result(RowOutcome::Grown, None)];
        if wanted <= plan.seats.total || run.dry_run {
            return Ok(Acted::ToRecord(results));
        }
        let mut after = plan.clone();
        after.seats = after.seats.grown_to(wanted);
        after.desired_num_licenses = Some(wanted);
        after.modified = change.at;
        self.update.update_plan(portfolio, plan, &after, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }
}
