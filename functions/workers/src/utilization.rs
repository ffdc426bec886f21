//! The utilization of plans with auto-apply: their admins are informed at 75% and at 100%.

use license_domain::{Event, Stamp};

use crate::{BulkError, Context};

/// The percentages at which admins get a notice, the greatest first.
const THRESHOLDS: [u8; 2] = [100, 75];

/// Sends the notice that the admins did not get before. At 100% the notice of 75% is skipped.
pub(crate) async fn check(context: &Context, event: &Event) -> Result<(), BulkError> {
    let Some(portfolio) = context.portfolios.portfolio(event.agreement).await? else { return Ok(()) };
    let Some(plan) = event.plan.and_then(|plan| portfolio.plan(plan)) else { return Ok(()) };
    if plan.should_auto_apply_licenses != Some(true) {
        return Ok(());
    }
    let counts = context.portfolios.seat_counts(&[plan]).await?;
    let allocated = counts.get(&plan.uuid).expect("seat_counts has every plan that it is asked for").allocated();
    let is_reached = |percent: &u8| allocated * 100 >= plan.seats.total * u64::from(*percent);
    if let Some(percent) = THRESHOLDS.into_iter().find(is_reached).filter(|_| plan.seats.total > 0) {
        let stamp = Stamp {
            actor: "license-manager".to_owned(),
            actor_lms_user_id: None,
            reason: "utilization".to_owned(),
            request_id: event.stamp.request_id.clone(),
            at: context.clock.now(),
        };
        context.notifications.report_utilization(&portfolio, plan.uuid, percent, &stamp).await?;
    }
    Ok(())
}
