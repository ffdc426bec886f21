//! Renewals that begin by themselves.

use std::collections::BTreeMap;

use super::*;
use license_domain::{License, LicenseStatus, PlanWorkKind, Portfolio, ProspectState};
use license_storage::{Learners, PlanWorks};
use license_tests::builders::emails;

const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";
/// When the future plan starts, unless a test says otherwise: a week and a bit from now.
const EFFECTIVE: &str = "2026-12-01T00:00:00Z";

/// A plan that ends at that time.
async fn ending(app: &TestApp, end: &str, seats: u64) -> Plan {
    app.plan_of(&app.agreement().await, seats, &json!({ "expiration_date": end })).await
}

/// Its renewal, by its path; `changes` are fields of the request.
async fn renewal_of(app: &TestApp, plan: &Plan, licenses: u64, changes: Value) -> String {
    let mut body = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": licenses, "effective_date": EFFECTIVE,
        "renewed_expiration_date": "2027-12-01T00:00:00Z", "salesforce_opportunity_id": "00k000000000000456",
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let made = app.provisioner().post(RENEWALS, &body).await.expect(201);
    format!("{RENEWALS}{}/", made["id"])
}

async fn is_processed(app: &TestApp, renewal: &str) -> bool {
    app.provisioner().get(renewal).await.expect(200)["processed"] == true
}

/// Which of these licenses their learner can study with: activated, in a current plan, and not carried on by one that is.
fn usable<'a>(portfolio: &Portfolio, held: &'a [License], now: Timestamp) -> Vec<&'a License> {
    let is_current = |license: &License| {
        let plan = portfolio.plan(license.subscription_plan);
        license.status == LicenseStatus::Activated && plan.is_some_and(|plan| plan.is_active && plan.is_current(now))
    };
    let is_carried_on =
        |license: &License| held.iter().any(|other| license.renewed_to == Some(other.uuid) && is_current(other));
    held.iter().filter(|license| is_current(license) && !is_carried_on(license)).collect()
}

/// The licenses that the learner can study with at that moment.
async fn usable_of(app: &TestApp, plan: &Plan, email: &str, at: Timestamp) -> Vec<License> {
    let store = app.running().store();
    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table responds").expect("a plan");
    let email = license_domain::EmailAddress::on_record(email).key();
    let held = store.licenses_of(&email).await.expect("the table responds");
    usable(&portfolio, &held, at).into_iter().cloned().collect()
}

/// The license that pays for a course, as the learner's client sees it.
async fn paying(app: &TestApp, plan: &Plan, email: &str) -> String {
    let learner = app.learner(plan.agreement.enterprise, email);
    let path = format!("/api/v1/license-subsidy?enterprise_customer_uuid={}&course_key=x", plan.agreement.enterprise);
    learner.get(&path).await.expect(200)["subsidy_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_renewal_begins_twelve_hours_before_its_date_and_once() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 20).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let renewal = renewal_of(&app, &plan, 20, json!({})).await;
    // A minute before its window.
    advance_to(&app, "2026-11-30T11:59:00Z").await;
    assert!(!is_processed(&app, &renewal).await);
    app.advance("PT2M").await;
    assert!(is_processed(&app, &renewal).await);
    let published = events(&app, "renewed").await;
    assert_eq!(published.len(), 2, "{published:?}");
    // Who did it and why is on record.
    let history = app.provisioner().get(&format!("{renewal}history/")).await.expect(200).to_string();
    assert!(history.contains("process_renewals") && history.contains("license-manager"), "{history}");
    for _ in 0..3 {
        app.advance("P1D").await;
    }
    assert_eq!(events(&app, "renewed").await.len(), 2);
    app.invariants().await.check();
}

#[tokio::test]
async fn second_by_second_around_both_dates_a_learner_has_exactly_one_license_to_study_with() {
    let app = TestApp::start().await;
    // Both plans are current for a day, or at one moment only.
    let plans = [ending(&app, "2026-12-02T00:00:00Z", 200).await, ending(&app, EFFECTIVE, 200).await];
    for plan in &plans {
        for email in ["ann@example.com", "eve@example.com"] {
            plan.activated(&app, email).await;
        }
        // Several transactions' worth.
        plan.assign(&emails("learner", 0..90)).await.expect(200);
        renewal_of(&app, plan, 200, json!({})).await;
    }
    app.drain().await;
    let effective: Timestamp = EFFECTIVE.parse().expect("a date");
    let mut used: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(); 2];
    for (around, seconds) in [(effective - TimeDelta::hours(12), 90), (effective, 12)] {
        let first = around - TimeDelta::seconds(6);
        app.advance(&format!("PT{}S", (first - app.now()).num_seconds())).await;
        for _ in 0..seconds {
            for (plan, used) in plans.iter().zip(&mut used) {
                for email in ["ann@example.com", "eve@example.com"] {
                    let now = app.now();
                    let found = usable_of(&app, plan, email, now).await;
                    let [license] = &found[..] else { panic!("{email} has {found:?} at {now}") };
                    let id = license.uuid.to_string();
                    let paying = paying(&app, plan, email).await;
                    // The clock goes on meanwhile.
                    if (now < effective) == (app.now() < effective) {
                        assert_eq!(paying, id, "{email} at {now}");
                    }
                    let is_prior = license.subscription_plan == plan.uuid().into();
                    assert_eq!(is_prior, now < effective, "{email} at {now}");
                    let before = used.insert(email.to_owned(), id.clone());
                    let changes = before.is_some_and(|before| before != id);
                    assert!(!changes || !is_prior, "{email} at {now}");
                }
            }
            app.advance("PT1S").await;
        }
    }
    app.invariants().await.check();
}

#[tokio::test]
async fn a_renewal_that_an_outage_missed_is_processed_late_and_shown_at_once() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 300).await;
    plan.activated(&app, "ann@example.com").await;
    plan.activated(&app, "eve@example.com").await;
    plan.assign(&emails("learner", 0..230)).await.expect(200);
    let renewal = renewal_of(&app, &plan, 300, json!({})).await;
    app.drain().await;
    jump(&app, TimeDelta::days(40));
    // While it is copied: no learner studies with a license of the future plan before all can.
    let watch = async {
        loop {
            let ann = usable_of(&app, &plan, "ann@example.com", app.now()).await;
            let eve = usable_of(&app, &plan, "eve@example.com", app.now()).await;
            assert!(ann.len() <= 1 && eve.len() <= 1, "{ann:?} {eve:?}");
            if !ann.is_empty() {
                let again = usable_of(&app, &plan, "eve@example.com", app.now()).await;
                assert_eq!(again.len(), 1, "the future plan is shown before it is complete");
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let reports = async { futures::join!(sweep(&app), sweep(&app), sweep(&app)) };
    let ((), reports) = futures::join!(watch, reports);
    app.drain().await;
    assert!(reports.0.begun + reports.1.begun + reports.2.begun <= 1, "{reports:?}");
    app.advance("PT10M").await;
    assert!(is_processed(&app, &renewal).await);
    assert_eq!(events(&app, "renewed").await.len(), 232);
    // It kept its plan from expiring, though that had ended 31 days ago.
    assert!(!on_record(&app, &plan).await.expiration_processed);
    assert_eq!(calls(&app, "bulk_licensed_enrollments_expiration").await, Vec::<Value>::new());
    app.invariants().await.check();
}

/// How often looking at the plan was refused or failed since, as its mark says.
async fn attempts(app: &TestApp, plan: &Plan) -> u32 {
    let store = store_at(app, app.now() + TimeDelta::days(3));
    let due = store.due_plans(1_000).await.expect("the table responds");
    due.iter().find(|due| due.plan == plan.uuid().into()).expect("it is marked").attempts
}

#[tokio::test]
async fn a_refused_renewal_is_foreseen_waits_longer_each_time_and_stops_no_other() {
    let app = TestApp::start().await;
    let plan = ending(&app, "2026-12-20T00:00:00Z", 20).await;
    plan.activated(&app, "ann@example.com").await;
    plan.activated(&app, "eve@example.com").await;
    let other = app.plan_of(&plan.agreement, 20, &json!({ "expiration_date": EFFECTIVE })).await;
    other.activated(&app, "ann@example.com").await;
    let renewal = renewal_of(&app, &plan, 1, json!({})).await;
    let others = renewal_of(&app, &other, 20, json!({})).await;
    app.drain().await;
    // Days ahead: the forecast says that it will not happen, and why.
    let response = forecast::forecast(&app, &plan, "").await;
    let line = &response["prospects"][0];
    assert_eq!((&line["what"], &line["state"]), (&json!("process_renewal"), &json!("refused")), "{response}");
    assert_eq!(line["at"], "2026-11-30T12:00:00Z");
    assert!(line["why"].as_str().is_some_and(|why| why.contains("2 licenses would be copied")), "{line}");
    // The looks report it.
    let reported = async {
        let mut reported = 0;
        for _ in 0..3 {
            jump(&app, TimeDelta::days(1));
            reported += sweep(&app).await.refused;
            app.drain().await;
        }
        reported
    };
    let reported = reported.await;
    assert_eq!(attempts(&app, &plan).await, 0, "it is not due yet, reported {reported} times here");
    app.advance("P4DT2H").await;
    let items = app.invariants().await.slots.len();
    assert!(is_processed(&app, &others).await, "the other one");
    let mut before = attempts(&app, &plan).await;
    assert!(before > 0);
    for wait in ["PT2H", "PT8H", "P1D"] {
        app.advance(wait).await;
        let now = attempts(&app, &plan).await;
        assert!(now > before, "{now} attempts after {before}");
        before = now;
    }
    assert!(!is_processed(&app, &renewal).await);
    assert_eq!(app.invariants().await.slots.len(), items, "a refusal changes nothing");
    // Mended, it is processed at once.
    app.provisioner().send(Method::PATCH, &renewal, Some(&json!({ "number_of_licenses": 20 }))).await.expect(200);
    app.advance("PT2M").await;
    assert!(is_processed(&app, &renewal).await);
    assert_eq!(attempts(&app, &plan).await, 0);
    app.invariants().await.check();
}

#[tokio::test]
async fn a_renewal_that_is_made_late_begins_at_once_and_an_exempt_one_waits_for_an_operator() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 5).await;
    let exempt = ending(&app, EFFECTIVE, 5).await;
    let exempt_renewal = renewal_of(&app, &exempt, 5, json!({ "exempt_from_batch_processing": true })).await;
    app.advance("P9D").await;
    assert!(!is_processed(&app, &exempt_renewal).await);
    let response = forecast::forecast(&app, &exempt, "").await.to_string();
    assert!(response.contains("exempt from batch processing"), "{response}");
    // Its effective date is past.
    let late = renewal_of(&app, &plan, 5, json!({})).await;
    app.advance("PT2M").await;
    assert!(is_processed(&app, &late).await);
    app.provisioner()
        .send(Method::PATCH, &exempt_renewal, Some(&json!({ "exempt_from_batch_processing": false })))
        .await;
    app.advance("PT2M").await;
    assert!(is_processed(&app, &exempt_renewal).await);
}

#[tokio::test]
async fn a_dry_run_says_which_renewals_would_begin_and_changes_nothing() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 5).await;
    plan.activated(&app, "ann@example.com").await;
    renewal_of(&app, &plan, 5, json!({})).await;
    app.drain().await;
    let before = whole_table(&app).await;
    assert_eq!(dry_run(&app, "2026-11-30T11:59:59Z").await, Vec::<Prospect>::new());
    let due = dry_run(&app, "2026-11-30T12:00:00Z").await;
    assert_eq!(whole_table(&app).await, before);
    let [prospect] = &due[..] else { panic!("{due:?}") };
    assert_eq!((prospect.work, prospect.state), (PlanWorkKind::ProcessRenewal, ProspectState::Due));
}

/// The plan into which that one was renewed.
async fn future_of(app: &TestApp, plan: &Plan) -> SubscriptionPlan {
    let store = app.running().store();
    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table responds").expect("a plan");
    let effective: Timestamp = EFFECTIVE.parse().expect("a date");
    portfolio.plans.into_iter().find(|other| other.start_date == effective).expect("the future plan")
}

#[tokio::test]
async fn what_changes_after_the_processing_is_carried_over_second_by_second() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 10).await;
    let bob = plan.assigned("bob@example.com").await;
    plan.activated(&app, "ann@example.com").await;
    plan.activated(&app, "cid@example.com").await;
    plan.assigned("dan@example.com").await;
    change(&app, &plan, json!({ "should_auto_apply_licenses": true, "change_reason": "other" })).await;
    let renewal = renewal_of(&app, &plan, 8, json!({})).await;
    advance_to(&app, "2026-11-30T12:01:00Z").await;
    assert!(is_processed(&app, &renewal).await);
    let future = future_of(&app, &plan).await;
    let future = Plan { id: future.uuid.to_string(), agreement: plan.agreement.clone() };

    // Learners activate and take licenses, and an admin assigns and revokes.
    plan.activate(&app, &bob).await.expect(200);
    plan.revoke(&["cid@example.com", "dan@example.com"]).await.expect(200);
    let new = plan.activated(&app, "new@example.com").await;
    let agreement = format!("/api/v1/customer-agreement/{}/", plan.agreement.id);
    let auto_applying = async || {
        let query = format!("?enterprise_customer_uuid={}", plan.agreement.enterprise);
        plan.admin().get(&format!("{agreement}{query}")).await.expect(200)["subscription_for_auto_applied_licenses"]
            .clone()
    };
    assert_eq!(auto_applying().await, json!(plan.id), "the prior plan stands in until the future one starts");
    let taker = app.learner(plan.agreement.enterprise, "taker@example.com");
    let applied = taker.post(&format!("{agreement}auto-apply/"), &json!({})).await;
    assert!(applied.status.is_success(), "{}", applied.text);
    app.drain().await;
    assert_eq!(future.overview().await.get("activated"), Some(&4), "ann, bob, new and the taker");
    assert_eq!(future.overview().await.get("revoked"), Some(&2));
    let copy = plan.license(&new.id).await;
    assert_eq!((&copy["status"], &copy["user_email"]), (&json!("activated"), &json!("new@example.com")));
    app.invariants().await.check_counts();
    app.invariants().await.check_renewals();
    crate::lmctl::check(&app).await;

    // Around the date each of them has exactly one license to study with, and the others have none.
    let effective: Timestamp = EFFECTIVE.parse().expect("a date");
    for seconds in -5..=5 {
        let at = effective + TimeDelta::seconds(seconds);
        for email in ["ann@example.com", "bob@example.com", "new@example.com", "taker@example.com"] {
            let found = usable_of(&app, &plan, email, at).await;
            let [license] = &found[..] else { panic!("{email} has {found:?} at {at}") };
            assert_eq!(license.subscription_plan == plan.uuid().into(), at < effective, "{email} at {at}");
        }
        for email in ["cid@example.com", "dan@example.com"] {
            assert_eq!(usable_of(&app, &plan, email, at).await, [], "{email} at {at}");
        }
    }
    // A repetition changes nothing, and what is changed after the start is of the prior plan alone.
    advance_to(&app, "2026-12-01T00:00:01Z").await;
    assert_eq!(auto_applying().await, json!(future.id));
    assert_eq!(future.overview().await.get("activated"), Some(&4));
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn licenses_that_are_transferred_into_a_renewed_plan_are_carried_over_and_those_that_leave_it_keep_their_copies()
{
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 10).await;
    let other = app.plan_of(&plan.agreement, 10, &json!({ "expiration_date": "2027-12-01T00:00:00Z" })).await;
    plan.activated(&app, "ann@example.com").await;
    other.activated(&app, "bob@example.com").await;
    other.assigned("cid@example.com").await;
    renewal_of(&app, &plan, 8, json!({})).await;
    advance_to(&app, "2026-11-30T12:01:00Z").await;

    let transfer = async |from: &Plan, to: &Plan, learners: &[&str]| {
        let params = json!({ "user_emails": learners, "to_plan": to.id });
        let body = json!({ "kind": "transfer", "subscription_plan": from.id, "params": params });
        from.admin().post("/api/v1/jobs/", &body).await.expect(202);
        app.drain().await;
    };
    transfer(&other, &plan, &["bob@example.com", "cid@example.com"]).await;
    transfer(&plan, &other, &["ann@example.com"]).await;
    let effective: Timestamp = EFFECTIVE.parse().expect("a date");
    let future = future_of(&app, &plan).await.uuid;
    for seconds in [-1, 0] {
        let at = effective + TimeDelta::seconds(seconds);
        let is_before = at < effective;
        for (email, before) in [("ann@example.com", other.uuid().into()), ("bob@example.com", plan.uuid().into())] {
            let found = usable_of(&app, &plan, email, at).await;
            let [license] = &found[..] else { panic!("{email} has {found:?} at {at}") };
            assert_eq!(license.subscription_plan, if is_before { before } else { future }, "{email} at {at}");
        }
    }
    let future = Plan { id: future.to_string(), agreement: plan.agreement.clone() };
    assert_eq!(future.overview().await.get("activated"), Some(&2), "ann and bob");
    assert_eq!(future.overview().await.get("assigned"), Some(&1), "cid");
    app.invariants().await.check_counts();
    crate::lmctl::check(&app).await;
}

#[tokio::test]
async fn a_future_plan_without_a_free_seat_takes_no_more_learners() {
    let app = TestApp::start().await;
    let plan = ending(&app, EFFECTIVE, 10).await;
    plan.activated(&app, "ann@example.com").await;
    renewal_of(&app, &plan, 2, json!({})).await;
    advance_to(&app, "2026-11-30T12:01:00Z").await;
    plan.assign(&["bob@example.com", "cid@example.com"]).await.expect(200);
    app.drain().await;
    let effective: Timestamp = EFFECTIVE.parse().expect("a date");
    assert_eq!(usable_of(&app, &plan, "ann@example.com", effective).await.len(), 1);
    let future = future_of(&app, &plan).await;
    let counts = app.running().store().seat_counts(&[&future]).await.expect("the table responds");
    assert_eq!(counts[&future.uuid].of(LicenseStatus::Assigned), 1);
    assert_eq!(counts[&future.uuid].of(LicenseStatus::Unassigned), 0);
    app.invariants().await.check_counts();

    // Once it has grown, the learner who was left out has a license of it, too.
    let future = Plan { id: future.uuid.to_string(), agreement: plan.agreement.clone() };
    change(&app, &future, json!({ "desired_num_licenses": 5, "change_reason": "other" })).await;
    app.drain().await;
    let overview = future.overview().await;
    assert_eq!((overview.get("activated"), overview.get("assigned")), (Some(&1), Some(&2)), "{overview:?}");
    app.invariants().await.check_counts();
    app.invariants().await.check_renewals();
}

#[tokio::test]
async fn plans_that_are_inactive_or_internal_are_renewed_too() {
    let app = TestApp::start().await;
    for terms in [json!({ "is_active": false }), json!({ "for_internal_use_only": true })] {
        let mut terms = terms;
        terms["expiration_date"] = json!(EFFECTIVE);
        let plan = app.plan_of(&app.agreement().await, 5, &terms).await;
        let renewal = renewal_of(&app, &plan, 5, json!({})).await;
        app.drain().await;
        let due = dry_run(&app, "2026-11-30T12:00:00Z").await;
        let is_due = |one: &&Prospect| one.work == PlanWorkKind::ProcessRenewal && one.state == ProspectState::Due;
        assert!(due.iter().any(|one| is_due(&one)), "{terms}: {due:?}");
        assert!(!is_processed(&app, &renewal).await);
    }
    app.advance("P9D").await;
    let all = app.provisioner().get(RENEWALS).await.expect(200);
    let renewals = all["results"].as_array().expect("a list");
    assert!(renewals.len() == 2 && renewals.iter().all(|renewal| renewal["processed"] == true), "{all}");
}
