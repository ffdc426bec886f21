//! The report on a plan's utilization, a week after auto-apply was enabled.

use license_domain::{License, LicenseStatus, PlanWorkKind, RowOutcome, RowResult, Timestamp};
use license_storage::{Change, LicenseFilter, LicenseQuery};

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

/// How many licenses one read returns.
const PAGE: usize = 500;

impl AllKinds {
    /// Counts the licenses that learners took, and asks for the mail to the customer's admins, once for the plan.
    pub(super) async fn report(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let results = |outcome| -> Vec<RowResult> { chunk.rows.iter().map(|row| row.result(outcome, None)).collect() };
        let since = plan.auto_apply_since.filter(|_| plan.should_auto_apply_licenses == Some(true) && plan.is_active);
        let Some(since) = since else { return Ok(Acted::ToRecord(results(RowOutcome::Refused))) };
        let taken = self.taken_since(plan, since).await?;
        let notified = results(RowOutcome::Notified);
        if self.notifications.report_first_week(portfolio, plan.uuid, taken, &change.recording(&notified)).await? {
            tracing::info!(plan = %plan.uuid, taken, work = PlanWorkKind::ReportUtilization.as_str(), "admins are informed");
            return Ok(Acted::Recorded(notified));
        }
        Ok(Acted::ToRecord(results(RowOutcome::NotFound)))
    }

    /// How many licenses learners took since then without an invitation.
    async fn taken_since(&self, plan: &license_domain::SubscriptionPlan, since: Timestamp) -> Result<u64, WorkError> {
        let filter = LicenseFilter { statuses: Some(vec![LicenseStatus::Activated]), ..LicenseFilter::default() };
        let mut query = LicenseQuery { filter, limit: PAGE, ..LicenseQuery::default() };
        let is_taken = |license: &&License| {
            license.auto_applied == Some(true) && license.activation_date.is_some_and(|at| at >= since)
        };
        let mut taken = 0;
        loop {
            let page = self.licenses.licenses.list(plan, &query).await?;
            taken += license_domain::number::to_u64(page.iter().filter(is_taken).count());
            match page.last().filter(|_| page.len() == PAGE) {
                Some(last) => query.after = Some(self.licenses.licenses.position_behind(last)),
                None => return Ok(taken),
            }
        }
    }
}
