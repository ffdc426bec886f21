//! Takes a plan's counts once a day.

use license_domain::{
    Subject, SubscriptionPlan, Timestamp,
    utilization::{MAX_CHANGES, PlanDay},
};
use license_storage::{AuditQuery, StoreError};
use license_telemetry::metrics;

use crate::Plans;

impl Plans {
    /// Takes the plan's counts, if this is the first look of the day. A failure does not stop the look: the next one of the
    /// day tries again.
    pub(crate) async fn take_day(&self, plan: &SubscriptionPlan, now: Timestamp) {
        if let Err(error) = self.try_to_take_day(plan, now).await {
            tracing::warn!(plan = %plan.uuid, %error, "the counts of plan {} were not taken", plan.uuid);
            metrics::failure("PlanDayFailed", error.metric());
        }
    }

    async fn try_to_take_day(&self, plan: &SubscriptionPlan, now: Timestamp) -> Result<(), StoreError> {
        let last = self.days.last_day(plan.uuid).await?;
        if last.as_ref().is_some_and(|last| last.day >= now.date_naive()) {
            return Ok(());
        }
        let (from, until) = PlanDay::period(plan, last.as_ref(), now);
        let query =
            AuditQuery { from: Some(from), until: Some(until), limit: Some(MAX_CHANGES), ..AuditQuery::default() };
        let plans = [plan];
        let (counts, changes) = futures::try_join!(
            self.portfolios.seat_counts(&plans),
            self.trails.trail(Subject::Plan(plan.uuid), query)
        )?;
        let seats = counts.get(&plan.uuid).copied().unwrap_or_default();
        let changes = (changes.len() < MAX_CHANGES).then_some(changes.as_slice());
        self.days.put_day(&PlanDay::new(plan, seats, changes, now)).await
    }
}
