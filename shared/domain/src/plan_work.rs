//! What the clock does to a plan: what is due, what is ahead, what waits or will not happen, and why. The sweeper acts by
//! these rules, and a forecast shows them: there is no second set of rules.

mod concerns;
mod expiry;
mod growth;
mod leaving;
mod mails;
mod renewal;
mod utilization;

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use crate::{
    agreement::Portfolio,
    capacity::SeatCounts,
    clock::Timestamp,
    ids::{AgreementId, EnterpriseId, JobId, PlanId},
    job::{Job, JobKind},
    plan::SubscriptionPlan,
    renewal::PROCESSING_WINDOW,
};

pub use self::{
    concerns::{Concern, ConcerningPlan, Concerns, ENDS_WITHIN, concerns},
    expiry::{expiry, prior_plans},
    growth::{growing_plan, growth},
    leaving::UNLINKED_AFTER,
    mails::{LONG_ACTIVATED, LicenseNotice, NOTIFIED_WITHIN, Notified, REMINDED_BEFORE, is_of_run, since},
    renewal::{FORESEEN, REFUSED, refused},
    utilization::{REPORTED_AFTER, weeks},
};

/// So long after its effective date a renewal that is not processed still keeps its plan from expiring.
pub const RENEWAL_GRACE: TimeDelta = TimeDelta::days(1);

/// Changes of the agreement or of a setting do not move the marks of plans: a plan is looked at once a day anyway.
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
    /// When unlinking was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlinked: Option<Timestamp>,
    /// When purging was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Timestamp>,
    /// When reminding learners of the plan's end was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<Notified>,
    /// When informing learners that the plan has ended was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_notified: Option<Notified>,
    /// When sending license events was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_sent: Option<Timestamp>,
    /// When informing the customer's admins of the first week with auto-apply was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Timestamp>,
    /// When informing the customer's admins of a week was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week_reported: Option<Timestamp>,
    /// How many times the record was written.
    pub version: u64,
}

impl PlanWork {
    /// The record of a run that begins, after the work that was begun last.
    pub fn begun(plan: &SubscriptionPlan, last: Option<&Self>, run: &Job) -> Self {
        let at = |kind: JobKind, before: Option<Timestamp>| if run.kind == kind { Some(run.created) } else { before };
        let notified = |kind: JobKind, before: Option<Notified>| {
            if run.kind == kind { Some(Notified { at: run.created, end: plan.expiration_date }) } else { before }
        };
        Self {
            plan: plan.uuid,
            agreement: plan.customer_agreement,
            run: run.uuid,
            kind: run.kind,
            begun: run.created,
            unlinked: at(JobKind::Unlink, last.and_then(|last| last.unlinked)),
            purged: at(JobKind::Purge, last.and_then(|last| last.purged)),
            reminded: notified(JobKind::ExpirationReminders, last.and_then(|last| last.reminded)),
            expiration_notified: notified(JobKind::ExpirationMails, last.and_then(|last| last.expiration_notified)),
            reported: at(JobKind::UtilizationReport, last.and_then(|last| last.reported)),
            week_reported: at(JobKind::WeeklyReport, last.and_then(|last| last.week_reported)),
            events_sent: at(JobKind::LicenseEvents, last.and_then(|last| last.events_sent)),
            version: 0,
        }
    }
}

/// What may happen to a plan by the clock.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum PlanWorkKind {
    /// Its renewal is processed.
    ProcessRenewal,
    /// It gets more licenses, because most of its licenses are allocated.
    GrowPlan,
    /// The customer's admins are informed of its utilization a week after auto-apply was enabled.
    ReportUtilization,
    /// The customer's admins are informed of its last week.
    ReportWeek,
    /// Its learners are reminded that it ends.
    RemindOfExpiration,
    /// The enrollments that its licenses pay for end, and the plan is marked.
    ExpireSubscription,
    /// Its learners are informed that it has ended.
    SendExpirationMails,
    /// Other systems are informed of licenses that were activated long ago.
    SendLicenseEvents,
    /// Its learners are unlinked from the customer.
    UnlinkLearners,
    /// Personal data of its licenses is purged.
    RetireLicenses,
}

impl PlanWorkKind {
    /// Every kind.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The kind of run that does it.
    pub const fn run(self) -> JobKind {
        match self {
            Self::ProcessRenewal => JobKind::Renew,
            Self::GrowPlan => JobKind::Grow,
            Self::ReportUtilization => JobKind::UtilizationReport,
            Self::ReportWeek => JobKind::WeeklyReport,
            Self::RemindOfExpiration => JobKind::ExpirationReminders,
            Self::ExpireSubscription => JobKind::Expire,
            Self::SendExpirationMails => JobKind::ExpirationMails,
            Self::SendLicenseEvents => JobKind::LicenseEvents,
            Self::UnlinkLearners => JobKind::Unlink,
            Self::RetireLicenses => JobKind::Purge,
        }
    }

    /// Its name: the reason that its changes are stamped with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProcessRenewal => "process_renewals",
            Self::GrowPlan => "process_auto_scalable_plans",
            Self::ReportUtilization => "send_license_utilization_emails",
            Self::ReportWeek => "send_weekly_utilization_emails",
            Self::RemindOfExpiration => "send_license_expiration_reminders",
            Self::ExpireSubscription => "expire_subscriptions",
            Self::SendExpirationMails => "send_subscription_plan_expiration_emails",
            Self::SendLicenseEvents => "trigger_event_for_licenses",
            Self::UnlinkLearners => "unlink_expired_licenses",
            Self::RetireLicenses => "retire_old_licenses",
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
    /// It would be refused as things stand.
    Refused,
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

/// What an installation has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The customers whose learners are unlinked.
    pub unlinking: HashSet<EnterpriseId>,
    /// The customers whose learners are reminded of their plan's end.
    pub reminders: HashSet<EnterpriseId>,
    /// The customers whose learners are informed that their plan has ended.
    pub expiration_mails: HashSet<EnterpriseId>,
    /// The customers of whose licenses other systems are informed half a year after their activation.
    pub license_events: HashSet<EnterpriseId>,
    /// How long before a plan's end its learners are reminded.
    pub reminded_before: TimeDelta,
    /// Until how long after a plan's end its learners are informed of it.
    pub notified_within: TimeDelta,
    /// How long before its effective date a renewal is processed.
    pub renewal_window: TimeDelta,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            unlinking: HashSet::new(),
            reminders: HashSet::new(),
            expiration_mails: HashSet::new(),
            license_events: HashSet::new(),
            reminded_before: REMINDED_BEFORE,
            notified_within: NOTIFIED_WITHIN,
            renewal_window: PROCESSING_WINDOW,
        }
    }
}

/// A list of customers names something that is no customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the UUID of a customer")]
pub struct NotACustomer(pub String);

impl Rules {
    /// The setting with the customers whose learners are unlinked 90 days after their plan's end.
    pub const UNLINKING: &str = "CUSTOMERS_WITH_EXPIRED_LICENSES_UNLINKING_ENABLED";
    /// The setting with the customers whose learners are reminded of their plan's end.
    pub const REMINDERS: &str = "CUSTOMERS_WITH_LICENSE_EXPIRATION_REMINDERS_ENABLED";
    /// The setting with the customers whose learners are informed that their plan has ended.
    pub const EXPIRATION_MAILS: &str = "CUSTOMERS_WITH_PLAN_EXPIRATION_EMAILS_ENABLED";
    /// The setting with the customers of whose licenses other systems are informed half a year after their activation.
    pub const LICENSE_EVENTS: &str = "CUSTOMERS_WITH_CUSTOM_LICENSE_EVENTS";

    /// What the settings of these names choose.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NotACustomer> {
        let named = |setting: &str| customers(&lookup(setting).unwrap_or_default());
        Ok(Self {
            unlinking: named(Self::UNLINKING)?,
            reminders: named(Self::REMINDERS)?,
            expiration_mails: named(Self::EXPIRATION_MAILS)?,
            license_events: named(Self::LICENSE_EVENTS)?,
            ..Self::default()
        })
    }
}

/// The customers of a list of UUIDs, which commas or blanks separate.
pub fn customers(list: &str) -> Result<HashSet<EnterpriseId>, NotACustomer> {
    let names = list.split([',', ' ', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(|_| NotACustomer(name.to_owned()))).collect()
}

/// What is known of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The agreement with its plans and renewals.
    pub portfolio: &'a Portfolio,
    /// The plan.
    pub plan: &'a SubscriptionPlan,
    /// Where the licenses of the plans stand that [`counted`] names.
    pub counts: &'a HashMap<PlanId, SeatCounts>,
    /// The work that was begun on it last.
    pub last: Option<&'a PlanWork>,
    /// What the installation has chosen.
    pub rules: &'a Rules,
}

impl Facts<'_> {
    fn own_counts(&self) -> SeatCounts {
        self.counts.get(&self.plan.uuid).copied().unwrap_or_default()
    }
}

/// The plans whose counts the rules look at: the plan, and the one that its renewal is given.
pub fn counted<'a>(portfolio: &'a Portfolio, plan: &'a SubscriptionPlan) -> Vec<&'a SubscriptionPlan> {
    let renewal = portfolio.renewal_of(plan.uuid).filter(|renewal| !renewal.processed);
    let given = renewal.and_then(|renewal| portfolio.plan(renewal.renewed_subscription_plan?));
    std::iter::once(plan).chain(given.filter(|given| given.uuid != plan.uuid)).collect()
}

/// All that may happen to the plan, in the order in which it is done where several things are due.
pub fn prospects(facts: Facts<'_>, now: Timestamp) -> Vec<Prospect> {
    // A renewal that is late keeps its plan from expiring. Who is to be unlinked must still be named: unlinking comes
    // before purging.
    // What names learners comes before purging, too.
    let mut ending = vec![expiry(facts.portfolio, facts.plan, now), mails::mails_after_end(facts, now)];
    ending.extend(mails::license_events(facts, now));
    ending.extend([leaving::unlinking(facts, now), leaving::purging(facts, now)]);
    let growth = growth(facts.portfolio, facts.plan, &facts.own_counts(), now);
    let running = [
        renewal::renewal(facts, now),
        growth.map(|(prospect, _)| prospect),
        utilization::first_week(facts, now),
        utilization::weekly(facts, now),
        mails::reminding(facts, now),
    ];
    running.into_iter().flatten().chain(ending).collect()
}

/// The first thing that is due.
pub fn due(prospects: &[Prospect]) -> Option<&Prospect> {
    prospects.iter().find(|prospect| prospect.state == ProspectState::Due)
}

/// When a plan of which nothing is under way is looked at next; `None`: nothing more will happen to it, unless it is
/// changed. A renewal that is refused is tried again after a time that grows with the attempts.
pub fn next_look(prospects: &[Prospect], attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let looks = prospects.iter().filter_map(|prospect| match prospect.state {
        ProspectState::Done => None,
        ProspectState::Due => Some(now + WORK_WAIT),
        ProspectState::Refused if prospect.at.is_some_and(|at| at <= now) => Some(now + REFUSED.after(attempts)),
        ProspectState::Refused | ProspectState::Ahead | ProspectState::Waits | ProspectState::Never => {
            Some(prospect.at.unwrap_or(now + LONGEST_WAIT))
        }
    });
    looks.min().map(|at| at.clamp(now + TimeDelta::minutes(1), now + LONGEST_WAIT))
}

/// The forecast of a plan: what is due in the order in which it is done, then by time, and what has no time last. Nothing
/// that is to happen after `until`.
pub fn forecast(mut prospects: Vec<Prospect>, until: Option<Timestamp>) -> Vec<Prospect> {
    prospects.retain(|prospect| prospect.at.is_none_or(|at| until.is_none_or(|until| at <= until)));
    prospects.sort_by_key(|prospect| {
        let is_due = prospect.state == ProspectState::Due;
        (!is_due, prospect.at.is_none(), prospect.at.filter(|_| !is_due))
    });
    prospects
}

#[cfg(test)]
mod tests;
