//! The reports on a plan's utilization: a week after learners could first take its licenses without an invitation, and,
//! where the customer wants it, every week.

use chrono::TimeDelta;

use super::{Facts, PlanWorkKind, Prospect, ProspectState};
use crate::{clock::Timestamp, plan::SubscriptionPlan};

/// So long after auto-apply was enabled the customer's admins are informed of the plan's utilization.
pub const REPORTED_AFTER: TimeDelta = TimeDelta::days(7);

/// The report on the first week, once for a plan. `None`: learners cannot take licenses of it, or it has ended.
pub(super) fn first_week(facts: Facts<'_>, now: Timestamp) -> Option<Prospect> {
    let plan = facts.plan;
    if plan.should_auto_apply_licenses != Some(true) || now > plan.expiration_date {
        return None;
    }
    let say =
        |state, at, why: &str| Some(Prospect { work: PlanWorkKind::ReportUtilization, state, at, why: why.to_owned() });
    if facts.last.is_some_and(|last| last.reported.is_some()) {
        return say(ProspectState::Done, None, "The customer's admins were informed of the plan's utilization.");
    }
    let Some(since) = plan.auto_apply_since else {
        let why = "It is not on record since when learners take licenses without an invitation.";
        return say(ProspectState::Never, None, why);
    };
    if !plan.is_active {
        return say(ProspectState::Never, None, "The plan is not active.");
    }
    let at = since.max(plan.start_date) + REPORTED_AFTER;
    if at > plan.expiration_date {
        return say(ProspectState::Never, None, "The plan ends before a week has passed.");
    }
    let state = if now >= at { ProspectState::Due } else { ProspectState::Ahead };
    let why =
        "A week after learners could first take licenses without an invitation, admins are informed how many did.";
    say(state, Some(at), why)
}

/// A week of a plan, from which its weekly mails are counted.
const WEEK: TimeDelta = TimeDelta::days(7);

/// How many whole weeks have passed since the plan's start, and when the last of them ended. `None`: not one.
pub fn weeks(plan: &SubscriptionPlan, now: Timestamp) -> Option<(i32, Timestamp)> {
    let passed = (now - plan.start_date).num_days().max(0) / WEEK.num_days();
    let passed = i32::try_from(passed).expect("no plan has so many weeks");
    (passed > 0).then(|| (passed, plan.start_date + WEEK * passed))
}

/// The report on the last week. `None`: the customer does not want it, or the plan has ended.
pub(super) fn weekly(facts: Facts<'_>, now: Timestamp) -> Option<Prospect> {
    let (plan, agreement) = (facts.plan, &facts.portfolio.agreement);
    if !agreement.enable_weekly_utilization_mails || now > plan.expiration_date {
        return None;
    }
    let say = |state, at, why: &str| Some(Prospect { work: PlanWorkKind::ReportWeek, state, at, why: why.to_owned() });
    if !plan.is_active {
        return say(ProspectState::Never, None, "The plan is not active.");
    }
    let why = "A week of the plan has passed, and the customer's admins are informed of its utilization every week.";
    let (passed, end) = weeks(plan, now).unwrap_or((0, plan.start_date));
    if passed > 0 && facts.last.and_then(|last| last.week_reported).is_none_or(|at| at < end) {
        return say(ProspectState::Due, Some(end), why);
    }
    let next = end + WEEK;
    if next > plan.expiration_date {
        return say(ProspectState::Never, None, "The plan ends before another week has passed.");
    }
    say(ProspectState::Ahead, Some(next), why)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{
        super::{
            Rules,
            tests::{day, plan, portfolio},
        },
        *,
    };

    #[test]
    fn each_week_of_a_plan_is_reported_once_where_the_customer_wants_it() {
        let mut at = portfolio(vec![plan(1, 10, 40)], Vec::new());
        let stands = |at: &crate::Portfolio, reported: Option<Timestamp>, now| {
            let (counts, rules) = (HashMap::new(), Rules::default());
            let run = crate::Job::internal(
                crate::JobId(uuid::Uuid::nil()),
                crate::JobKind::WeeklyReport,
                &at.agreement,
                &crate::Stamp {
                    actor: String::new(),
                    actor_lms_user_id: None,
                    reason: String::new(),
                    request_id: String::new(),
                    at: reported.unwrap_or(day(0)),
                },
            );
            let last = reported.map(|_| crate::PlanWork::begun(&at.plans[0], None, &run));
            let facts =
                Facts { portfolio: at, plan: &at.plans[0], counts: &counts, last: last.as_ref(), rules: &rules };
            weekly(facts, now).map(|prospect| (prospect.state, prospect.at))
        };
        assert_eq!(stands(&at, None, day(20)), None);
        at.agreement.enable_weekly_utilization_mails = true;
        assert_eq!(stands(&at, None, day(5)), Some((ProspectState::Ahead, Some(day(17)))));
        assert_eq!(stands(&at, None, day(16)), Some((ProspectState::Ahead, Some(day(17)))));
        assert_eq!(stands(&at, None, day(18)), Some((ProspectState::Due, Some(day(17)))));
        assert_eq!(stands(&at, Some(day(18)), day(19)), Some((ProspectState::Ahead, Some(day(24)))));
        // Of weeks that an outage missed only the last one is reported.
        assert_eq!(stands(&at, Some(day(18)), day(33)), Some((ProspectState::Due, Some(day(31)))));
        assert_eq!(stands(&at, Some(day(38)), day(39)), Some((ProspectState::Never, None)));
        assert_eq!(stands(&at, None, day(41)), None);
        at.plans[0].is_active = false;
        assert_eq!(stands(&at, None, day(20)), Some((ProspectState::Never, None)));
    }

    #[test]
    fn the_report_is_due_a_week_after_auto_apply_was_enabled_and_the_plan_has_started() {
        let mut at = portfolio(vec![plan(1, 10, 100)], Vec::new());
        let stands = |at: &crate::Portfolio, now| {
            let (counts, rules) = (HashMap::new(), Rules::default());
            let facts = Facts { portfolio: at, plan: &at.plans[0], counts: &counts, last: None, rules: &rules };
            first_week(facts, now).map(|prospect| (prospect.state, prospect.at))
        };
        assert_eq!(stands(&at, day(50)), None);
        let off = at.plans[0].clone();
        at.plans[0].should_auto_apply_licenses = Some(true);
        assert_eq!(stands(&at, day(50)), Some((ProspectState::Never, None)), "as an import leaves it");
        at.plans[0].modified = day(5);
        at.plans[0] = at.plans[0].clone().noting_auto_apply(Some(&off));
        assert_eq!(stands(&at, day(16)), Some((ProspectState::Ahead, Some(day(17)))));
        assert_eq!(stands(&at, day(17)), Some((ProspectState::Due, Some(day(17)))));
        assert_eq!(stands(&at, day(101)), None);
        // Other changes leave the time; disabling and enabling starts anew.
        let mut later = at.plans[0].clone();
        later.modified = day(40);
        assert_eq!(later.clone().noting_auto_apply(Some(&at.plans[0])).auto_apply_since, Some(day(5)));
        later.should_auto_apply_licenses = Some(false);
        assert_eq!(later.clone().noting_auto_apply(Some(&at.plans[0])).auto_apply_since, None);
        at.plans[0].auto_apply_since = Some(day(95));
        assert_eq!(stands(&at, day(96)), Some((ProspectState::Never, None)));
    }
}
