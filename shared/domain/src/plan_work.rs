//! What the clock does to a plan: what is due, what is ahead, what waits or will not happen, and why. The sweeper acts by
//! these rules, and a forecast shows them: there is no second set of rules.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    agreement::Portfolio,
    clock::Timestamp,
    ids::{AgreementId, JobId, PlanId},
    job::JobKind,
    plan::SubscriptionPlan,
    renewal::SubscriptionPlanRenewal,
};

/// So long after its effective date a renewal that is not processed still keeps its plan from expiring.
pub const RENEWAL_GRACE: TimeDelta = TimeDelta::days(1);

/// Changes of the agreement, of a renewal or of a setting do not move a plan's mark: it is looked at once a day anyway.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(1);

/// A plan with work under way is looked at again after so long.
pub const WORK_WAIT: TimeDelta = TimeDelta::minutes(5);

/// A plan that is due to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuePlan {
    /// The plan.
    pub plan: PlanId,
    /// Its agreement.
    pub agreement: AgreementId,
    /// When it fell due.
    pub at: Timestamp,
    /// How often looking at it has failed since.
    pub attempts: u32,
}

/// The work that was begun on a plan last. There is one piece of work at a time on each plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanWork {
    /// The plan.
    pub plan: PlanId,
    /// Its agreement.
    pub agreement: AgreementId,
    /// The run that does it.
    pub run: JobId,
    /// What the run does.
    pub kind: JobKind,
    /// When it was begun.
    pub begun: Timestamp,
    /// How many times the record was written.
    pub version: u64,
}

/// What may happen to a plan by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanWorkKind {
    /// The enrollments that its licenses pay for end, and the plan is marked.
    ExpireSubscription,
}

impl PlanWorkKind {
    /// The kind of run that does it.
    pub const fn run(self) -> JobKind {
        match self {
            Self::ExpireSubscription => JobKind::Expire,
        }
    }

    /// Its name: the reason that its changes are stamped with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpireSubscription => "expire_subscriptions",
        }
    }
}

/// How something stands that may happen to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProspectState {
    /// It has happened.
    Done,
    /// It is to happen now.
    Due,
    /// It will happen.
    Ahead,
    /// Something else is waited for.
    Waits,
    /// It will not happen as things stand.
    Never,
}

/// Something that may happen to a plan by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// What.
    pub work: PlanWorkKind,
    /// How it stands.
    pub state: ProspectState,
    /// Since when it is due, or when it will be; of what waits: when that ends at the latest, if that is known.
    pub at: Option<Timestamp>,
    /// Why.
    pub why: String,
}

/// All that may happen to the plan, in the order in which it is done where several things are due.
pub fn prospects(portfolio: &Portfolio, plan: &SubscriptionPlan, now: Timestamp) -> Vec<Prospect> {
    vec![expiry(portfolio, plan, now)]
}

/// The first thing that is due.
pub fn due(prospects: &[Prospect]) -> Option<&Prospect> {
    prospects.iter().find(|prospect| prospect.state == ProspectState::Due)
}

/// When a plan of which nothing is under way is looked at next; `None`: nothing more will happen to it, unless it is
/// changed.
pub fn next_look(prospects: &[Prospect], now: Timestamp) -> Option<Timestamp> {
    let looks = prospects.iter().filter_map(|prospect| match prospect.state {
        ProspectState::Done => None,
        ProspectState::Due => Some(now + WORK_WAIT),
        ProspectState::Ahead | ProspectState::Waits | ProspectState::Never => {
            Some(prospect.at.unwrap_or(now + LONGEST_WAIT))
        }
    });
    looks.min().map(|at| at.clamp(now + TimeDelta::minutes(1), now + LONGEST_WAIT))
}

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

#[cfg(test)]
mod tests;
