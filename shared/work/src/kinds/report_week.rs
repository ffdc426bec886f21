//! The report on a plan's last week, for customers that want it every week.

use chrono::TimeDelta;
use license_domain::{Consequence, PlanWorkKind, RowOutcome, RowResult, plan_work, utilization::PlanDay};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

impl AllKinds {
    /// Adds up the plan's days since the week before, and asks for the mail to the customer's admins, once for each week.
    pub(super) async fn report_week(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let results = |outcome| -> Vec<RowResult> { chunk.rows.iter().map(|row| row.result(outcome, None)).collect() };
        let is_wanted = portfolio.agreement.enable_weekly_utilization_mails && plan.is_active;
        let Some((week, end)) = plan_work::weeks(plan, change.at).filter(|_| is_wanted) else {
            return Ok(Acted::ToRecord(results(RowOutcome::Refused)));
        };
        // The counts of a day are those since the day before.
        let days = self.days.days(plan.uuid, end - TimeDelta::days(6), end).await?;
        let mail = Consequence::MailWeeklyUtilization {
            activations: PlanDay::sum(&days, |day| day.activations),
            revocations: PlanDay::sum(&days, |day| day.revocations),
        };
        let notified = results(RowOutcome::Notified);
        if self.notifications.report_week(portfolio, plan.uuid, (week, mail), &change.recording(&notified)).await? {
            tracing::info!(plan = %plan.uuid, week, work = PlanWorkKind::ReportWeek.as_str(), "admins are informed");
            return Ok(Acted::Recorded(notified));
        }
        Ok(Acted::ToRecord(results(RowOutcome::NotFound)))
    }
}
