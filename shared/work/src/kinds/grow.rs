//! Adds licenses to a plan.

use license_domain::{
    ProspectState, RowOutcome, RowResult, SeatCounts, SubscriptionPlan, plan::MAX_LICENSES, plan_work,
};
use license_storage::Change;
use license_telemetry::metrics;

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

impl AllKinds {
    /// Adds licenses until the plan has the desired number, if it has fewer.
    pub(super) async fn grow(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, portfolio, plan) = (chunk.run, chunk.portfolio, chunk.plan()?);
        if run.is_internal {
            return self.grow_by_the_clock(chunk, change).await;
        }
        let wanted = run.params.desired_num_licenses.ok_or(WorkError::Gone("number of licenses"))?;
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
    /// Adds the licenses of one step of auto-scaling, if it is still due. The desired number stays: it is what was sold.
    async fn grow_by_the_clock(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let counts = self.licenses.portfolios.seat_counts(&[plan]).await?;
        let counts: SeatCounts = counts.get(&plan.uuid).copied().unwrap_or_default();
        let step = match plan_work::growth(portfolio, plan, &counts, change.at) {
            Some((prospect, step)) if prospect.state == ProspectState::Due => step,
            Some((prospect, _)) => {
                return Ok(Acted::ToRecord(vec![result(RowOutcome::Refused, Some(&prospect.why))]));
            }
            None => return Ok(Acted::ToRecord(vec![result(RowOutcome::Refused, Some("The plan does not grow."))])),
        };
        let results = vec![result(RowOutcome::Grown, None)];
        let seats = plan.seats.grown_to(plan.seats.total + step);
        let after = SubscriptionPlan { seats, modified: change.at, ..plan.clone() };
        self.update.update_plan(portfolio, plan, &after, &change.recording(&results)).await?;
        tracing::info!(plan = %plan.uuid, step, total = after.seats.total, "plan {} has grown by {step}", plan.uuid);
        metrics::count("PlansGrown", &[]);
        Ok(Acted::Recorded(results))
    }
}

/// The outcome of the only row.
fn result(outcome: RowOutcome, detail: Option<&str>) -> RowResult {
    RowResult {
        row: 0,
        user_email: None,
        course_run_key: None,
        license: None,
        original_status: None,
        outcome,
        detail: detail.map(str::to_owned),
    }
}
