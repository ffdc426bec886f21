//! What learners, and other systems, are informed of licenses by the clock: that their plan ends soon, that it has ended, and
//! that a license has been in use for half a year.

use chrono::{NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::{Facts, LONGEST_WAIT, PlanWorkKind, Prospect, ProspectState, expiry::expiry};
use crate::{
    agreement::Portfolio,
    clock::Timestamp,
    job::JobKind,
    license::{License, LicenseStatus},
    plan::SubscriptionPlan,
};

/// So long before a plan's end its learners are reminded, unless an operator says otherwise.
pub const REMINDED_BEFORE: TimeDelta = TimeDelta::days(30);

/// Learners are informed of a plan's end until this long after it. Later it helps no one, and most plans hold no address then.
pub const NOTIFIED_WITHIN: TimeDelta = TimeDelta::days(90);

/// So long after its activation other systems are informed of a license.
pub const LONG_ACTIVATED: TimeDelta = TimeDelta::days(180);

/// A license may show in a list some time after it was changed.
const LIST_LAG: TimeDelta = TimeDelta::hours(1);

/// That the learners of a plan were informed of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// When that was begun last.
    pub at: Timestamp,
    /// The end of the plan as it was then.
    pub end: Timestamp,
}

impl Notified {
    /// Whether it was about the same day.
    fn is_of(&self, end: Timestamp) -> bool {
        self.end.date_naive() == end.date_naive()
    }
}

/// An announcement about licenses, made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseNotice {
    /// Their plan ends then. Once for each learner, plan and day of the end.
    PlanEnds(Timestamp),
    /// Their plan has ended. In the same way.
    PlanEnded(Timestamp),
    /// They were activated half a year ago. Once for each license.
    LongActivated,
}

impl LicenseNotice {
    /// What a run of that kind announces of licenses of the plan.
    pub const fn of(kind: JobKind, plan: &SubscriptionPlan) -> Option<Self> {
        match kind {
            JobKind::ExpirationReminders => Some(Self::PlanEnds(plan.expiration_date)),
            JobKind::ExpirationMails => Some(Self::PlanEnded(plan.expiration_date)),
            JobKind::LicenseEvents => Some(Self::LongActivated),
            _ => None,
        }
    }

    /// Whether the announcement may be made about the license; it may have been made before.
    pub fn concerns(&self, license: &License, now: Timestamp) -> bool {
        let is_activated = license.status == LicenseStatus::Activated && license.user_email.is_some();
        is_activated
            && match self {
                // Whose license a later plan carries on goes on learning.
                Self::PlanEnds(_) | Self::PlanEnded(_) => license.renewed_to.is_none(),
                Self::LongActivated => license.activation_date.is_some_and(|at| now > at + LONG_ACTIVATED),
            }
    }

    /// Why the announcement is not made about the plan any more.
    pub fn refused(&self, portfolio: &Portfolio, plan: &SubscriptionPlan, now: Timestamp) -> Option<&'static str> {
        match self {
            Self::PlanEnds(_) if now >= plan.expiration_date => Some("The plan has ended."),
            Self::PlanEnded(_) if now <= plan.expiration_date => Some("The plan has not ended."),
            Self::PlanEnds(_) | Self::PlanEnded(_) => never(portfolio, plan),
            Self::LongActivated => (!plan.is_active).then_some(INACTIVE),
        }
    }
}

const INACTIVE: &str = "The plan is not active.";

/// Why learners of the plan are not informed of its end, whatever an installation has chosen.
fn never(portfolio: &Portfolio, plan: &SubscriptionPlan) -> Option<&'static str> {
    if portfolio.agreement.disable_expiration_notifications {
        Some("The agreement disables expiration notifications.")
    } else if plan.for_internal_use_only {
        Some("The plan is for internal use.")
    } else {
        (!plan.is_active).then_some(INACTIVE)
    }
}

/// Since when a license must have changed to be of interest to the next run; `None`: all are.
pub fn since(facts: Facts<'_>, work: PlanWorkKind) -> Option<Timestamp> {
    let last = facts.last?;
    let begun = |last: Option<Notified>| last.filter(|last| last.is_of(facts.plan.expiration_date)).map(|last| last.at);
    let at = match work {
        PlanWorkKind::RemindOfExpiration => begun(last.reminded),
        PlanWorkKind::SendLicenseEvents => last.events_sent,
        _ => None,
    };
    at.map(|at| at - LIST_LAG)
}

/// Whether a run that looks for licenses of that kind is to look at this one. `since`: when the run before was begun.
pub fn is_of_run(kind: JobKind, license: &License, since: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(since) = since else { return true };
    // What became half a year old since then did not change by that.
    let came_of_age = |at: Timestamp| kind == JobKind::LicenseEvents && at + LONG_ACTIVATED >= since && at <= now;
    license.modified >= since || license.activation_date.is_some_and(came_of_age)
}

/// Learners are reminded from 30 days before their plan's end, and those who come later within a day. `None`: it has ended.
///
/// A renewal that is not processed keeps them from it: their licenses are to be carried on.
pub(super) fn reminding(facts: Facts<'_>, now: Timestamp) -> Option<Prospect> {
    let Facts { portfolio, plan, rules, .. } = facts;
    let end = plan.expiration_date;
    if now >= end {
        return None;
    }
    let say = |state, at, why: String| Some(Prospect { work: PlanWorkKind::RemindOfExpiration, state, at, why });
    if !rules.reminders.contains(&portfolio.agreement.enterprise_customer_uuid) {
        return say(ProspectState::Never, None, "Expiration reminders are not enabled for the customer.".to_owned());
    }
    if let Some(why) = never(portfolio, plan) {
        return say(ProspectState::Never, None, why.to_owned());
    }
    if let Some(renewal) = portfolio.renewal_of(plan.uuid).filter(|renewal| !renewal.processed) {
        return say(ProspectState::Waits, None, format!("Renewal {} is to carry the licenses on.", renewal.id));
    }
    let from = end.checked_sub_signed(rules.reminded_before).unwrap_or(end).max(plan.start_date);
    let last = facts.last.and_then(|last| last.reminded).filter(|last| last.is_of(end));
    let at = last.map_or(from, |last| from.max(last.at + LONGEST_WAIT));
    if at >= end {
        return say(ProspectState::Done, None, "The learners were reminded.".to_owned());
    }
    if now >= at && facts.own_counts().activated == 0 {
        return say(ProspectState::Waits, None, "No license of the plan is activated.".to_owned());
    }
    let why = match last {
        None => format!("Learners with an activated license are reminded that the plan ends at {end}."),
        Some(_) => "Learners who activated a license since the last reminders are looked for each day.".to_owned(),
    };
    say(if now >= at { ProspectState::Due } else { ProspectState::Ahead }, Some(at), why)
}

/// Learners are informed from the day after their plan's end (UTC) on that it has ended, once its expiry waits for no renewal.
pub(super) fn mails_after_end(facts: Facts<'_>, now: Timestamp) -> Prospect {
    let Facts { portfolio, plan, rules, last, .. } = facts;
    let end = plan.expiration_date;
    let say =
        |state, at, why: &str| Prospect { work: PlanWorkKind::SendExpirationMails, state, at, why: why.to_owned() };
    if last.and_then(|last| last.expiration_notified).is_some_and(|last| last.is_of(end)) {
        return say(ProspectState::Done, None, "The learners were informed that the plan has ended.");
    }
    if now > end && (facts.own_counts().activated == 0 || now > end + rules.notified_within) {
        return say(ProspectState::Done, None, "No license of the plan is activated, or it ended long ago.");
    }
    if !rules.expiration_mails.contains(&portfolio.agreement.enterprise_customer_uuid) {
        return say(ProspectState::Never, None, "Mails about expired plans are not enabled for the customer.");
    }
    if let Some(why) = never(portfolio, plan) {
        return say(ProspectState::Never, None, why);
    }
    let from = (end.date_naive() + TimeDelta::days(1)).and_time(NaiveTime::MIN).and_utc();
    if portfolio.renewal_of(plan.uuid).is_some_and(|renewal| !renewal.processed)
        && expiry(portfolio, plan, now).state == ProspectState::Waits
    {
        return say(ProspectState::Waits, None, "A renewal is to carry the licenses on.");
    }
    let state = if now >= from { ProspectState::Due } else { ProspectState::Ahead };
    say(
        state,
        Some(from),
        "Learners whose activated license no later plan carries on are informed that the plan has ended.",
    )
}

/// Other systems are informed of each license half a year after its activation. `None`: the customer has not chosen it.
pub(super) fn license_events(facts: Facts<'_>, now: Timestamp) -> Option<Prospect> {
    let Facts { portfolio, plan, rules, last, .. } = facts;
    if !rules.license_events.contains(&portfolio.agreement.enterprise_customer_uuid) {
        return None;
    }
    let say =
        |state, at, why: &str| Some(Prospect { work: PlanWorkKind::SendLicenseEvents, state, at, why: why.to_owned() });
    if facts.own_counts().activated == 0 {
        let has_ended = now > plan.expiration_date;
        let state = if has_ended { ProspectState::Done } else { ProspectState::Waits };
        return say(state, None, "No license of the plan is activated.");
    }
    if !plan.is_active {
        return say(ProspectState::Never, None, INACTIVE);
    }
    // No license was activated earlier than that.
    let first = plan.created.min(plan.start_date) + LONG_ACTIVATED;
    let at = last.and_then(|last| last.events_sent).map_or(first, |last| first.max(last + LONGEST_WAIT));
    let state = if now > at { ProspectState::Due } else { ProspectState::Ahead };
    say(state, Some(at), "Licenses that were activated 180 days ago are looked for each day.")
}

#[cfg(test)]
mod tests;
