use uuid::Uuid;

use super::*;
use crate::{
    agreement::CustomerAgreement,
    ids::{EnterpriseId, RenewalId},
    plan::ChangeReason,
    renewal::{LicenseTypesToCopy, SubscriptionPlanRenewal},
    seats::{SeatLayout, SeatPrefix},
};

pub(super) fn day(day: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

pub(super) fn plan(id: u128, start: i64, end: i64) -> SubscriptionPlan {
    SubscriptionPlan {
        uuid: PlanId(Uuid::from_u128(id)),
        title: format!("Plan {id}"),
        customer_agreement: AgreementId(Uuid::nil()),
        start_date: day(start),
        expiration_date: day(end),
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active: true,
        is_revocation_cap_enabled: false,
        revoke_max_percentage: 5,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: None,
        product: None,
        for_internal_use_only: false,
        can_freeze_unused_licenses: false,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: None,
        auto_apply_since: None,
        desired_num_licenses: None,
        created: day(start),
        modified: day(start),
        change_reason: ChangeReason::New,
        seats: SeatLayout { prefix: SeatPrefix::from_bits(7), total: 10, buckets: 1, list_shards: 1 },
    }
}

pub(super) fn renewal(
    id: i64,
    from: u128,
    to: Option<u128>,
    effective: i64,
    processed: bool,
) -> SubscriptionPlanRenewal {
    SubscriptionPlanRenewal {
        id: RenewalId(id),
        customer_agreement: AgreementId(Uuid::nil()),
        prior_subscription_plan: PlanId(Uuid::from_u128(from)),
        renewed_subscription_plan: to.map(|to| PlanId(Uuid::from_u128(to))),
        salesforce_opportunity_id: None,
        number_of_licenses: 10,
        effective_date: day(effective),
        renewed_expiration_date: day(effective + 100),
        processed,
        processed_datetime: None,
        renewed_plan_title: None,
        license_types_to_copy: LicenseTypesToCopy::default(),
        disable_auto_apply_licenses: false,
        exempt_from_batch_processing: false,
        created: day(0),
        modified: day(0),
    }
}

pub(super) fn portfolio(plans: Vec<SubscriptionPlan>, renewals: Vec<SubscriptionPlanRenewal>) -> Portfolio {
    let agreement = CustomerAgreement::new(AgreementId(Uuid::nil()), EnterpriseId(Uuid::nil()), day(0));
    Portfolio { agreement, plans, renewals }
}

fn state(portfolio: &Portfolio, plan: usize, now: Timestamp) -> (ProspectState, Option<Timestamp>) {
    let prospect = expiry(portfolio, &portfolio.plans[plan], now);
    assert!(!prospect.why.is_empty());
    (prospect.state, prospect.at)
}

#[test]
fn a_plan_without_renewal_expires_once_it_has_ended_however_long_ago() {
    let at = portfolio(vec![plan(1, 0, 10)], Vec::new());
    let second = TimeDelta::seconds(1);
    for (now, wanted) in [
        (day(0), ProspectState::Ahead),
        // A learner can use the license up to and including that moment.
        (day(10), ProspectState::Ahead),
        (day(10) + second, ProspectState::Due),
        (day(4_000), ProspectState::Due),
    ] {
        assert_eq!(state(&at, 0, now), (wanted, Some(day(10))), "{now}");
    }
    let mut marked = at;
    marked.plans[0].expiration_processed = true;
    assert_eq!(state(&marked, 0, day(11)), (ProspectState::Done, None));
}

#[test]
fn a_renewal_that_is_not_processed_keeps_the_plan_for_a_day_after_its_effective_date() {
    let at = portfolio(vec![plan(1, 0, 10)], vec![renewal(1, 1, None, 15, false)]);
    assert_eq!(state(&at, 0, day(12)), (ProspectState::Waits, Some(day(16))));
    assert_eq!(state(&at, 0, day(16)), (ProspectState::Waits, Some(day(16))));
    assert_eq!(state(&at, 0, day(17)), (ProspectState::Due, Some(day(16))));
    // One that should have been processed long before the plan ends does not let it end earlier.
    let at = portfolio(vec![plan(1, 0, 10)], vec![renewal(1, 1, None, 5, false)]);
    assert_eq!(state(&at, 0, day(9)), (ProspectState::Waits, Some(day(10))));
    assert_eq!(state(&at, 0, day(11)), (ProspectState::Due, Some(day(10))));
}

#[test]
fn a_plan_that_was_renewed_expires_after_the_last_one_of_its_chain() {
    let plans = vec![plan(1, 0, 10), plan(2, 10, 20), plan(3, 20, 30)];
    let mut at = portfolio(plans, vec![renewal(1, 1, Some(2), 10, true), renewal(2, 2, Some(3), 20, true)]);
    for first in [0, 1] {
        assert_eq!(state(&at, first, day(25)), (ProspectState::Waits, Some(day(30))));
    }
    assert_eq!(state(&at, 2, day(31)).0, ProspectState::Due);
    assert_eq!(state(&at, 0, day(31)), (ProspectState::Waits, Some(day(30))));
    at.plans[2].expiration_processed = true;
    assert_eq!(state(&at, 0, day(31)), (ProspectState::Due, Some(day(10))));
    assert_eq!(prior_plans(&at, at.plans[2].uuid), [at.plans[1].uuid, at.plans[0].uuid]);
    assert_eq!(prior_plans(&at, at.plans[0].uuid), []);
}

#[test]
fn a_ring_of_renewals_ends() {
    let at = portfolio(
        vec![plan(1, 0, 10), plan(2, 10, 20)],
        vec![renewal(1, 1, Some(2), 10, true), renewal(2, 2, Some(1), 20, true)],
    );
    assert_eq!(state(&at, 0, day(50)), (ProspectState::Never, None));
    assert_eq!(prior_plans(&at, at.plans[0].uuid), [at.plans[1].uuid]);
}

/// All prospects of the first plan, in an installation that unlinks the customer's learners.
fn all(portfolio: &Portfolio, counts: SeatCounts, now: Timestamp) -> Vec<Prospect> {
    let rules = Rules { unlinking: HashSet::from([EnterpriseId(Uuid::nil())]), ..Rules::default() };
    let counts = HashMap::from([(portfolio.plans[0].uuid, counts)]);
    let facts = Facts { portfolio, plan: &portfolio.plans[0], counts: &counts, last: None, rules: &rules };
    prospects(facts, now)
}

#[test]
fn where_they_meet_learners_are_unlinked_before_they_are_forgotten() {
    let mut at = portfolio(vec![plan(1, 0, 10)], Vec::new());
    at.plans[0].expiration_processed = true;
    // Those that were revoked, or assigned and not activated, are purged while the plan runs, too.
    let counts = SeatCounts { total: 10, assigned: 0, activated: 2, revoked: 0, revoked_without_person: 0 };
    let due_at = |at: &Portfolio, now| due(&all(at, counts, now)).map(|prospect| prospect.work);
    assert_eq!(due_at(&at, day(100)), None);
    let second = TimeDelta::seconds(1);
    assert_eq!(due_at(&at, day(100) + second), Some(PlanWorkKind::UnlinkLearners));
    // Without a customer that chose it, there is nothing to wait for.
    let rules = Rules::default();
    let counted = HashMap::from([(at.plans[0].uuid, counts)]);
    let facts = Facts { portfolio: &at, plan: &at.plans[0], counts: &counted, last: None, rules: &rules };
    let prospects = prospects(facts, day(101));
    assert_eq!(due(&prospects).map(|prospect| prospect.work), Some(PlanWorkKind::RetireLicenses));
    assert_eq!(prospects[2].state, ProspectState::Never);
    // A time that makes no sense purges nothing.
    at.agreement.license_duration_before_purge_seconds = -3;
    let states: Vec<ProspectState> = all(&at, counts, day(101)).iter().map(|prospect| prospect.state).collect();
    let done = ProspectState::Done;
    assert_eq!(states, [done, done, ProspectState::Due, ProspectState::Never]);
}

#[test]
fn customers_are_named_by_their_uuids() {
    let id = "7fa3cd6b-1d1e-4b5c-9d3a-0f4c1f7a2b11";
    let given = |list: &'static str| move |name: &str| (name == Rules::REMINDERS).then(|| list.to_owned());
    assert_eq!(customers(&format!(" {id},{id} \n")), Ok(HashSet::from([id.parse().expect("a UUID")])));
    assert_eq!(Rules::from_lookup(given("")).expect("none"), Rules::default());
    assert_eq!(Rules::from_lookup(given("all")), Err(NotACustomer("all".to_owned())));
}

#[test]
fn a_plan_is_looked_at_when_something_is_due_and_once_a_day_until_nothing_is_left() {
    let mut at = portfolio(vec![plan(1, 0, 10)], Vec::new());
    let next = |at: &Portfolio, now| next_look(&all(at, SeatCounts::default(), now), 0, now);
    assert_eq!(next(&at, day(0)), Some(day(1)));
    let hour = TimeDelta::hours(1);
    assert_eq!(next(&at, day(10) - hour), Some(day(10)));
    assert_eq!(next(&at, day(11)), Some(day(11) + WORK_WAIT));
    at.plans[0].expiration_processed = true;
    assert_eq!(next(&at, day(11)), Some(day(12)), "personal data is kept for 90 days");
    assert_eq!(next(&at, day(101)), None);
}

/// The prospect of the first plan's renewal.
fn renewing(portfolio: &Portfolio, counts: SeatCounts, now: Timestamp) -> Prospect {
    let all = all(portfolio, counts, now);
    assert_eq!(all[0].work, PlanWorkKind::ProcessRenewal);
    all[0].clone()
}

#[test]
fn a_renewal_is_due_from_its_window_on_however_late_and_before_everything_else() {
    let mut at = portfolio(vec![plan(1, 0, 10)], vec![renewal(7, 1, None, 10, false)]);
    let (hours, second) = (TimeDelta::hours(12), TimeDelta::seconds(1));
    let stands = |at: &Portfolio, now| {
        let prospect = renewing(at, SeatCounts::default(), now);
        (prospect.state, prospect.at)
    };
    assert_eq!(stands(&at, day(10) - hours - second), (ProspectState::Ahead, Some(day(10) - hours)));
    for now in [day(10) - hours, day(10), day(4_000)] {
        assert_eq!(stands(&at, now), (ProspectState::Due, Some(day(10) - hours)), "{now}");
        let all = all(&at, SeatCounts::default(), now);
        assert_eq!(due(&all).map(|prospect| prospect.work), Some(PlanWorkKind::ProcessRenewal));
    }
    at.renewals[0].exempt_from_batch_processing = true;
    assert_eq!(stands(&at, day(10)), (ProspectState::Never, None));
    at.renewals[0].processed = true;
    assert_eq!(stands(&at, day(10)), (ProspectState::Done, None));
    at.renewals.clear();
    assert!(all(&at, SeatCounts::default(), day(9)).iter().all(|one| one.work != PlanWorkKind::ProcessRenewal));
}

#[test]
fn a_renewal_that_would_be_refused_is_foreseen_and_tried_again_after_growing_waits() {
    let mut at = portfolio(vec![plan(1, 0, 50)], vec![renewal(7, 1, None, 50, false)]);
    at.renewals[0].number_of_licenses = 3;
    let counts = SeatCounts { total: 10, assigned: 2, activated: 2, ..SeatCounts::default() };
    let due_at = day(50) - TimeDelta::hours(12);
    for (now, is_near) in [(day(10), false), (due_at - FORESEEN, true), (day(60), true)] {
        let all = all(&at, counts, now);
        assert_eq!((all[0].state, all[0].at), (ProspectState::Refused, Some(due_at)), "{now}");
        assert!(all[0].why.contains("4 licenses would be copied"), "{}", all[0].why);
        assert_eq!(refused(&all, now).is_some(), is_near, "{now}");
    }
    let next = |attempts, now| next_look(&all(&at, counts, now), attempts, now).map(|next| next - now);
    assert_eq!(next(0, day(40)), Some(TimeDelta::days(1)));
    assert_eq!(next(0, due_at - TimeDelta::hours(1)), Some(TimeDelta::hours(1)));
    let waits = [0, 1, 5, 30].map(|attempts| next(attempts, day(50)).expect("it is tried again").num_minutes());
    assert_eq!(waits, [5, 10, 160, 24 * 60]);
    // A day after its effective date it keeps its plan no longer.
    assert_eq!(due(&all(&at, counts, day(52))).map(|prospect| prospect.work), Some(PlanWorkKind::ExpireSubscription));

    at.renewals[0].number_of_licenses = 4;
    assert_eq!(renewing(&at, counts, day(50)).state, ProspectState::Due);
    // Its title is another plan's; a plan that is given has a title of its own.
    let title = at.renewals[0].future_title(&at.plans[0]);
    at.plans.push(SubscriptionPlan { title: title.to_uppercase(), ..plan(2, 50, 100) });
    assert!(renewing(&at, counts, day(50)).why.contains("another plan with the title"));
    at.renewals[0].renewed_subscription_plan = Some(at.plans[1].uuid);
    at.renewals[0].number_of_licenses = 10;
    assert_eq!(renewing(&at, counts, day(50)).state, ProspectState::Due);
    assert_eq!(counted(&at, &at.plans[0]).len(), 2);
}
