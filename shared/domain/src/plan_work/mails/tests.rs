use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{
    super::{
        PlanWork, Rules, due, next_look, prospects,
        tests::{day, plan, portfolio, renewal},
    },
    *,
};
use crate::{
    capacity::SeatCounts,
    ids::{EnterpriseId, JobId, LicenseId},
    license::License,
};

fn rules() -> Rules {
    let customers = HashSet::from([EnterpriseId(Uuid::nil())]);
    Rules {
        reminders: customers.clone(),
        expiration_mails: customers.clone(),
        license_events: customers,
        ..Rules::default()
    }
}

/// What is due of the first plan, with an activated license, after that work.
fn is_due(at: &Portfolio, last: Option<&PlanWork>, now: Timestamp) -> Option<PlanWorkKind> {
    let counts = SeatCounts { total: 10, activated: 1, ..SeatCounts::default() };
    let (counts, rules) = (HashMap::from([(at.plans[0].uuid, counts)]), rules());
    let facts = Facts { portfolio: at, plan: &at.plans[0], counts: &counts, last, rules: &rules };
    due(&prospects(facts, now)).map(|prospect| prospect.work)
}

fn work(at: &Portfolio) -> PlanWork {
    PlanWork {
        plan: at.plans[0].uuid,
        agreement: at.agreement.uuid,
        run: JobId(Uuid::nil()),
        kind: JobKind::ExpirationReminders,
        begun: day(0),
        unlinked: None,
        purged: None,
        reminded: None,
        expiration_notified: None,
        events_sent: None,
        reported: None,
        week_reported: None,
        version: 1,
    }
}

#[test]
fn reminders_are_due_from_thirty_days_before_the_end_until_it_however_late() {
    let at = portfolio(vec![plan(1, 0, 100)], Vec::new());
    let second = TimeDelta::seconds(1);
    let reminding = Some(PlanWorkKind::RemindOfExpiration);
    for (now, wanted) in [
        (day(70) - second, None),
        (day(70), reminding),
        (day(100) - second, reminding),
        (day(100), None),
        // The expiry itself; it is marked before learners are informed.
        (day(101), Some(PlanWorkKind::ExpireSubscription)),
    ] {
        assert_eq!(is_due(&at, None, now), wanted, "{now}");
    }
    // Once a day for those who came since; another end is announced anew.
    let mut last = PlanWork { reminded: Some(Notified { at: day(70), end: day(100) }), ..work(&at) };
    assert_eq!(is_due(&at, Some(&last), day(71) - second), None);
    assert_eq!(is_due(&at, Some(&last), day(71)), reminding);
    last.reminded = Some(Notified { at: day(70), end: day(90) });
    assert_eq!(is_due(&at, Some(&last), day(70) + second), reminding);
}

#[test]
fn the_end_is_announced_from_the_day_after_it_for_ninety_days_and_once() {
    let mut at = portfolio(vec![plan(1, 0, 10)], Vec::new());
    at.plans[0].expiration_processed = true;
    at.plans[0].expiration_date = day(10) + TimeDelta::hours(5);
    at.agreement.license_duration_before_purge_seconds = -1;
    let announced = Some(PlanWorkKind::SendExpirationMails);
    let second = TimeDelta::seconds(1);
    for (now, wanted) in
        [(day(11) - second, None), (day(11), announced), (day(100), announced), (day(101), None), (day(4_000), None)]
    {
        let counted = is_due(&at, None, now).filter(|work| *work != PlanWorkKind::SendLicenseEvents);
        assert_eq!(counted, wanted, "{now}");
    }
    let last = PlanWork { expiration_notified: Some(Notified { at: day(11), end: day(10) }), ..work(&at) };
    assert_eq!(is_due(&at, Some(&last), day(12)), None);
    // It was moved, and ended again.
    at.plans[0].expiration_date = day(20);
    assert_eq!(is_due(&at, Some(&last), day(22)), announced);
}

#[test]
fn learners_get_no_mail_where_they_go_on_or_the_customer_does_not_want_it() {
    let quiet = |change: &dyn Fn(&mut Portfolio)| {
        let mut at = portfolio(vec![plan(1, 0, 100)], Vec::new());
        at.plans[0].expiration_processed = true;
        at.agreement.license_duration_before_purge_seconds = -1;
        assert_eq!(is_due(&at, None, day(80)), Some(PlanWorkKind::RemindOfExpiration));
        assert_eq!(is_due(&at, None, day(102)), Some(PlanWorkKind::SendExpirationMails));
        change(&mut at);
        assert_eq!(is_due(&at, None, day(80)), None);
        assert_eq!(is_due(&at, None, day(102)), None);
    };
    quiet(&|at| at.agreement.disable_expiration_notifications = true);
    quiet(&|at| at.plans[0].for_internal_use_only = true);
    quiet(&|at| at.plans[0].is_active = false);
    quiet(&|at| at.agreement.enterprise_customer_uuid = EnterpriseId(Uuid::max()));
    // A renewal that is ahead.
    let mut at = portfolio(vec![plan(1, 0, 100)], vec![renewal(1, 1, None, 103, false)]);
    assert_eq!((is_due(&at, None, day(80)), is_due(&at, None, day(102))), (None, None));
    at.renewals[0].exempt_from_batch_processing = true;
    assert_eq!(is_due(&at, None, day(102)), None);
}

#[test]
fn licenses_that_came_of_age_or_changed_since_the_last_run_are_looked_at() {
    let mut license = License::unassigned(LicenseId(Uuid::nil()), plan(1, 0, 9).uuid, day(0));
    license.activation_date = Some(day(0));
    let events = JobKind::LicenseEvents;
    assert!(is_of_run(events, &license, None, day(200)));
    assert!(is_of_run(events, &license, Some(day(180)), day(181)));
    assert!(!is_of_run(events, &license, Some(day(181)), day(182)));
    assert!(!is_of_run(JobKind::ExpirationReminders, &license, Some(day(180)), day(181)));
    license.modified = day(181);
    assert!(is_of_run(events, &license, Some(day(181)), day(182)));
    assert!(is_of_run(JobKind::ExpirationReminders, &license, Some(day(181)), day(182)));
}

#[test]
fn an_expired_plan_that_was_dealt_with_leaves_the_index_though_learners_were_never_informed() {
    let mut at = portfolio(vec![plan(1, 0, 10)], Vec::new());
    at.plans[0].expiration_processed = true;
    let (counts, rules) = (HashMap::new(), Rules::default());
    let facts = Facts { portfolio: &at, plan: &at.plans[0], counts: &counts, last: None, rules: &rules };
    assert_eq!(next_look(&prospects(facts, day(101)), 0, day(101)), None);
}
