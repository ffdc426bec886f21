//! The renewal of a plan by the clock: when it is processed, and why it is not.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{Facts, PlanWorkKind, Prospect, ProspectState};
use crate::{
    agreement::Portfolio, capacity::SeatCounts, clock::Timestamp, due::Waits, ids::PlanId, plan::SubscriptionPlan,
    renewal::SubscriptionPlanRenewal, renewing::Refusal,
};

/// A renewal that would be refused is reported to operators from so long before it is due.
pub const FORESEEN: TimeDelta = TimeDelta::days(14);

/// How long a renewal that was refused is left alone until it is tried again.
pub const REFUSED: Waits = Waits { first: TimeDelta::minutes(5), longest: TimeDelta::days(1) };

/// The plan's renewal, if it has one.
///
/// - It is due once its effective date is within the window, and stays due however late it gets.
/// - One that would be refused as things stand is not begun.
/// - One that is exempt waits for an operator.
pub(super) fn renewal(facts: Facts<'_>, now: Timestamp) -> Option<Prospect> {
    let Facts { portfolio, plan, .. } = facts;
    let renewal = portfolio.renewal_of(plan.uuid)?;
    let (id, effective) = (renewal.id, renewal.effective_date);
    let say = |state, at, why: String| Some(Prospect { work: PlanWorkKind::ProcessRenewal, state, at, why });
    if renewal.processed {
        return say(ProspectState::Done, None, format!("Renewal {id} was processed."));
    }
    if renewal.exempt_from_batch_processing {
        let why = format!("Renewal {id} is exempt from batch processing: an operator processes it.");
        return say(ProspectState::Never, None, why);
    }
    let at = effective.checked_sub_signed(facts.rules.renewal_window).unwrap_or(effective);
    if let Some(refusal) = refusal(portfolio, renewal, plan, facts.counts) {
        let why = format!("Renewal {id}, which takes effect at {effective}, would be refused. {refusal}");
        return say(ProspectState::Refused, Some(at), why);
    }
    let state = if now >= at { ProspectState::Due } else { ProspectState::Ahead };
    say(state, Some(at), format!("Renewal {id} takes effect at {effective}."))
}

/// Why the renewal would be refused as things stand.
fn refusal(
    portfolio: &Portfolio,
    renewal: &SubscriptionPlanRenewal,
    prior: &SubscriptionPlan,
    counts: &HashMap<PlanId, SeatCounts>,
) -> Option<Refusal> {
    let counts = |plan: &SubscriptionPlan| counts.get(&plan.uuid).copied().unwrap_or_default();
    let given = renewal.renewed_subscription_plan.and_then(|plan| portfolio.plan(plan));
    let there = given.map(counts).unwrap_or_default();
    if let Err(refusal) = renewal.check((prior, &counts(prior)), given.map(|given| (given, &there))) {
        return Some(refusal);
    }
    let title = renewal.future_title(prior);
    let is_same = |other: &SubscriptionPlan| other.title.trim().to_lowercase() == title.trim().to_lowercase();
    (given.is_none() && portfolio.plans.iter().any(is_same)).then_some(Refusal::TitleTaken { title })
}

/// The renewal that would be refused, if operators are to hear of it by now.
pub fn refused(prospects: &[Prospect], now: Timestamp) -> Option<&Prospect> {
    let is_near = |at: Timestamp| now >= at.checked_sub_signed(FORESEEN).unwrap_or(at);
    prospects.iter().find(|prospect| prospect.state == ProspectState::Refused && prospect.at.is_some_and(is_near))
}
