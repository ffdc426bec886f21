//! The expiry of a plan by the clock.

use super::{PlanWorkKind, Prospect, ProspectState, RENEWAL_GRACE};
use crate::{
    agreement::Portfolio, clock::Timestamp, ids::PlanId, plan::SubscriptionPlan, renewal::SubscriptionPlanRenewal,
};

/// A plan's expiry: what its licenses pay for ends.
///
/// - It is due once the plan has ended, however long ago, and is not marked.
/// - A renewal that is not processed yet keeps the plan from expiring until a day after its effective date.
/// - A plan that was renewed expires after the last plan of its chain has.
pub fn expiry(portfolio: &Portfolio, plan: &SubscriptionPlan, now: Timestamp) -> Prospect {
    let say = |state, at, why: String| Prospect { work: PlanWorkKind::ExpireSubscription, state, at, why };
    if plan.expiration_processed {
        return say(ProspectState::Done, None, "The plan's expiry was carried out.".to_owned());
    }
    let from = |at: Timestamp, why: String| {
        let state = if now > at { ProspectState::Due } else { ProspectState::Ahead };
        say(state, Some(at), why)
    };
    match portfolio.renewal_of(plan.uuid) {
        None => from(plan.expiration_date, "The plan ends, and no renewal carries it on.".to_owned()),
        Some(renewal) if renewal.processed => match last_of_chain(portfolio, plan, renewal) {
            Some(last) if last.expiration_processed => {
                let why = format!("The plan was renewed, and the last plan of its chain, {}, has expired.", last.uuid);
                from(plan.expiration_date, why)
            }
            Some(last) => {
                let why = format!("The plan was renewed: it expires after the last plan of its chain, {}.", last.uuid);
                say(ProspectState::Waits, Some(last.expiration_date), why)
            }
            None => say(ProspectState::Never, None, "The plan was renewed.".to_owned()),
        },
        Some(renewal) => {
            let at = plan.expiration_date.max(renewal.effective_date + RENEWAL_GRACE);
            if now > at {
                let why = format!("The plan has ended, and its renewal {} was not processed in time.", renewal.id);
                return say(ProspectState::Due, Some(at), why);
            }
            let why = format!("Renewal {} is to carry the plan on from {}.", renewal.id, renewal.effective_date);
            say(ProspectState::Waits, Some(at), why)
        }
    }
}

/// The plan at the end of the processed renewals that begin with this one; none where they form a ring, or lead to a plan
/// that is not there.
fn last_of_chain<'a>(
    portfolio: &'a Portfolio,
    first: &SubscriptionPlan,
    renewal: &'a SubscriptionPlanRenewal,
) -> Option<&'a SubscriptionPlan> {
    let mut next = Some(renewal);
    let mut last = None;
    for _ in 0..=portfolio.renewals.len() {
        let Some(renewal) = next else { break };
        last = Some(portfolio.plan(renewal.renewed_subscription_plan?)?);
        next = last.and_then(|plan| portfolio.renewal_of(plan.uuid)).filter(|renewal| renewal.processed);
    }
    last.filter(|last| next.is_none() && last.uuid != first.uuid)
}

/// The plans that were renewed into this one, directly or not: they expire once it has.
pub fn prior_plans(portfolio: &Portfolio, plan: PlanId) -> Vec<PlanId> {
    let mut found = vec![plan];
    let mut at = 0;
    while at < found.len() {
        let prior = portfolio.prior_renewals_of(found[at]).filter(|renewal| renewal.processed);
        let prior: Vec<PlanId> = prior.map(|renewal| renewal.prior_subscription_plan).collect();
        for plan in prior {
            if !found.contains(&plan) {
                found.push(plan);
            }
        }
        at += 1;
    }
    found.split_off(1)
}
