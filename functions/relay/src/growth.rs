//! Plans that are to grow: the event that took licenses of such a plan makes it due to be looked at. The change itself costs
//! no more by that, and plans of agreements without auto-scaling cost nothing here either.

use license_domain::{Event, EventKind, Portfolio, ProspectState, plan_work};
use license_storage::StoreError;

use crate::Context;

/// Makes the agreement's growing plan due, if the event took licenses of it, or changed the agreement, and it is to grow.
pub(crate) async fn look(context: &Context, event: &Event, portfolio: &Portfolio) -> Result<(), StoreError> {
    if !portfolio.agreement.enable_auto_scaling_of_current_plan || !may_begin_growth(event.kind) {
        return Ok(());
    }
    let now = context.clock.now();
    let Some(plan) = plan_work::growing_plan(portfolio, now) else { return Ok(()) };
    if event.plan.is_some_and(|of| of != plan.uuid) {
        return Ok(());
    }
    let counted = context.portfolios.seat_counts(&[plan]).await?;
    let counts = counted.get(&plan.uuid).expect("seat_counts has every plan that it is asked for");
    let growth = plan_work::growth(portfolio, plan, counts, now);
    if growth.is_some_and(|(prospect, _)| prospect.state == ProspectState::Due) {
        context.plan_works.look_at_plan(portfolio.agreement.uuid, plan.uuid, now).await?;
    }
    Ok(())
}

/// Whether such a change may bring a plan above its threshold. What writes the plan makes it due by that.
const fn may_begin_growth(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::LicensesAssigned
            | EventKind::LicenseAutoApplied
            | EventKind::LicenseNotAssigned
            | EventKind::LicensesTransferred
            | EventKind::LicensesRenewed
            | EventKind::AgreementUpdated
    )
}
