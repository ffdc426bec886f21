//! Adds licenses to a plan.

use license_domain::{ProspectState, RowOutcome, SeatCounts, SubscriptionPlan, plan::MAX_LICENSES, plan_work};
use license_storage::Change;
use license_telemetry::metrics;

use super::{Acted, AllKinds, ChunkRows, one_row};
use crate::WorkError;

impl AllKinds {
    /// Adds licenses until the plan has that number, or the desired number of its terms, if it has fewer.
    pub(super) async fn grow(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, portfolio, plan) = (chunk.run, chunk.portfolio, chunk.plan()?);
        if run.is_internal {
            return self.grow_by_the_clock(chunk, change).await;
        }
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

    /// Adds the licenses of one step of auto-scaling, if it is still due. The desired number stays: it is what was sold.
    async fn grow_by_the_clock(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let counts = self.licenses.portfolios.seat_counts(&[plan]).await?;
        let counts: SeatCounts = counts.get(&plan.uuid).copied().unwrap_or_default();
        let step = match plan_work::growth(portfolio, plan, &counts, change.at) {
            Some((prospect, step)) if prospect.state == ProspectState::Due => step,
            Some((prospect, _)) => {
                return Ok(Acted::ToRecord(one_row(RowOutcome::Refused, prospect.why)));
            }
            None => {
                let detail = "The plan does not grow.".to_owned();
                return Ok(Acted::ToRecord(one_row(RowOutcome::Refused, detail)));
            }
        };
        let results = one_row(RowOutcome::Grown, format!("{step} licenses were added."));
        let seats = plan.seats.grown_to(plan.seats.total + step);
        let after = SubscriptionPlan { seats, modified: change.at, ..plan.clone() };
        self.update.update_plan(portfolio, plan, &after, &change.recording(&results)).await?;
        tracing::info!(plan = %plan.uuid, step, total = after.seats.total, "plan {} has grown by {step}", plan.uuid);
        metrics::count("PlansGrown", &[]);
        Ok(Acted::Recorded(results))
    }
}
