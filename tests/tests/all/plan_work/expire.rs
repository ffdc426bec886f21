//! Expiring plans.

use super::*;
use crate::after::fault;
use license_domain::{PlanWorkKind, ProspectState};
use license_tests::builders::emails;

const EXPIRATION: &str = "bulk_licensed_enrollments_expiration";

/// A plan of its own agreement that ends on the first of December, eight days from now.
async fn ending(app: &TestApp, fields: Value) -> Plan {
    let agreement = app.agreement().await;
    let mut body = json!({ "expiration_date": "2026-12-01T00:00:00Z" });
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    app.plan_of(&agreement, 20, &body).await
}

async fn is_marked(app: &TestApp, plan: &Plan) -> bool {
    on_record(app, plan).await.expiration_processed
}

fn ids(body: &Value) -> Vec<String> {
    let ids = body["expired_license_uuids"].as_array().expect("ids");
    let mut ids: Vec<String> = ids.iter().map(|id| id.as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_plan_that_ended_ends_what_its_licenses_pay_for_and_announces_each() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    let (ann, bob) = (plan.activated(&app, "ann@example.com").await, plan.assigned("bob@example.com").await);
    let eve = plan.activated(&app, "eve@example.com").await;
    plan.revoke(&["eve@example.com"]).await.expect(200);
    app.drain().await;
    // The evening before nothing is due.
    app.advance("P7DT13H").await;
    assert_eq!((calls(&app, EXPIRATION).await, is_marked(&app, &plan).await), (vec![], false));
    let mails = app.anonymous().get("/_local/mail").await.expect(200);

    app.advance("PT1H").await;
    let mut paying = vec![ann.id.clone(), bob.id.clone()];
    paying.sort();
    let called = calls(&app, EXPIRATION).await;
    assert_eq!(called.iter().map(ids).collect::<Vec<_>>(), [paying]);
    // It ended less than a day ago.
    assert_eq!(called[0]["ignore_enrollments_modified_after"], Value::Null);
    assert!(is_marked(&app, &plan).await);

    // Events name all that no later plan continues, of any status; free seats name no person.
    let mut published: Vec<(String, String)> = events(&app, "expired")
        .await
        .iter()
        .map(|event| {
            assert_eq!(event["expiration_processed"], true, "{event}");
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            (text("license_uuid"), text("status"))
        })
        .collect();
    published.sort();
    let mut wanted = vec![
        (ann.id.clone(), "activated".to_owned()),
        (bob.id.clone(), "assigned".to_owned()),
        (eve.id.clone(), "revoked".to_owned()),
    ];
    wanted.sort();
    assert_eq!(published, wanted);
    // No license changes its status, and no one gets a mail.
    let statuses = plan.overview().await;
    assert_eq!((statuses["activated"], statuses["assigned"], statuses["revoked"]), (1, 1, 1));
    assert_eq!(app.anonymous().get("/_local/mail").await.expect(200), mails);

    // Again changes nothing, however often.
    for _ in 0..3 {
        app.advance("P1D").await;
    }
    assert_eq!((calls(&app, EXPIRATION).await.len(), events(&app, "expired").await.len()), (1, 3));
    app.invariants().await.check();
}

#[tokio::test]
async fn what_an_outage_missed_is_done_late_and_once_and_spares_what_was_changed_since() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    app.advance("P400D").await;
    let called = calls(&app, EXPIRATION).await;
    assert_eq!(called.iter().map(ids).collect::<Vec<_>>(), [vec![ann.id]]);
    assert_eq!(called[0]["ignore_enrollments_modified_after"], "2026-12-01T00:00:00Z");
    assert!(is_marked(&app, &plan).await);
}

#[tokio::test]
async fn plans_that_are_inactive_or_internal_expire_too_and_those_without_learners_without_a_call() {
    let app = TestApp::start().await;
    let inactive = ending(&app, json!({ "is_active": false })).await;
    let internal = ending(&app, json!({ "for_internal_use_only": true })).await;
    app.advance("P9D").await;
    assert!(is_marked(&app, &inactive).await && is_marked(&app, &internal).await);
    assert_eq!(calls(&app, EXPIRATION).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_hundred_licenses_go_into_one_call() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 300, &json!({ "expiration_date": "2026-12-01T00:00:00Z" })).await;
    plan.assign(&emails("ann", 0..230)).await.expect(200);
    app.drain().await;
    app.advance("P9D").await;
    let mut sizes: Vec<usize> = calls(&app, EXPIRATION).await.iter().map(|body| ids(body).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [30, 100, 100]);
    assert!(is_marked(&app, &plan).await);
    assert_eq!(events(&app, "expired").await.len(), 230);
    app.invariants().await.check();
}

#[tokio::test]
async fn one_failure_stops_no_other_plan_and_is_tried_again_until_it_is_done() {
    let app = TestApp::start().await;
    let plans = [ending(&app, json!({})).await, ending(&app, json!({})).await];
    for plan in &plans {
        plan.activated(&app, "ann@example.com").await;
    }
    app.drain().await;
    // A refusal that no client repeats.
    fault(&app, json!({ "service": "enterprise", "next": 1, "how": { "status": 400 } })).await;
    app.advance("P9D").await;
    let marked = [is_marked(&app, &plans[0]).await, is_marked(&app, &plans[1]).await];
    assert_ne!(marked[0], marked[1], "{marked:?}");
    heal(&app).await;
    app.advance("PT10M").await;
    assert!(is_marked(&app, &plans[0]).await && is_marked(&app, &plans[1]).await);

    // A service that fails for days: the run stands in the list of those without progress, and ends once it is well.
    let plan = app.plan_of(&plans[0].agreement, 5, &json!({ "expiration_date": "2026-12-10T00:00:00Z" })).await;
    plan.activated(&app, "eve@example.com").await;
    app.drain().await;
    fault(&app, json!({ "service": "enterprise", "next": 1_000_000, "how": { "status": 400 } })).await;
    app.advance("P9D").await;
    for _ in 0..3 {
        app.advance("PT6H").await;
    }
    assert!(!is_marked(&app, &plan).await);
    assert_eq!(sweep(&app).await.without_progress, Some(1));
    heal(&app).await;
    for _ in 0..3 {
        app.advance("PT1H").await;
    }
    assert!(is_marked(&app, &plan).await);
    app.invariants().await.check();
}

#[tokio::test]
async fn two_sweepers_at_once_begin_an_expiry_once() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    // The clock goes on while the runner's own sweeper does not look: it is one more.
    jump(&app, TimeDelta::days(9));
    let reports = futures::join!(sweep(&app), sweep(&app), sweep(&app));
    app.drain().await;
    let begun = reports.0.begun + reports.1.begun + reports.2.begun;
    assert!(begun <= 1, "{reports:?}");
    app.advance("PT10M").await;
    assert!(is_marked(&app, &plan).await);
    assert_eq!((calls(&app, EXPIRATION).await.len(), events(&app, "expired").await.len()), (1, 1));
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    let before = whole_table(&app).await;
    assert_eq!(dry_run(&app, "2026-12-01T00:00:00Z").await, Vec::<Prospect>::new());
    let due = dry_run(&app, "2026-12-01T00:00:01Z").await;
    assert_eq!(whole_table(&app).await, before);
    let [prospect] = &due[..] else { panic!("{due:?}") };
    assert_eq!((prospect.work, prospect.state), (PlanWorkKind::ExpireSubscription, ProspectState::Due));
    assert_eq!(prospect.why, "The plan ends, and no renewal carries it on.");
    // It says what is done.
    app.advance("P8D").await;
    assert!(is_marked(&app, &plan).await);
    assert_eq!(dry_run(&app, "2027-01-01T00:00:01Z").await, Vec::<Prospect>::new());
}

#[tokio::test]
async fn a_plan_whose_end_is_moved_expires_at_its_new_end() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    plan.activated(&app, "ann@example.com").await;
    app.advance("P7D").await;
    change(&app, &plan, json!({ "expiration_date": "2026-12-20T00:00:00Z", "change_reason": "delayed_payment" })).await;
    app.advance("P5D").await;
    assert!(!is_marked(&app, &plan).await);
    app.advance("P15D").await;
    assert!(is_marked(&app, &plan).await);
    assert_eq!(calls(&app, EXPIRATION).await.len(), 1);
}

#[tokio::test]
async fn a_renewal_that_is_ahead_keeps_its_plan_until_a_day_after_its_effective_date() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    plan.activated(&app, "ann@example.com").await;
    renewal_of(&app, &plan, "2026-12-05T00:00:00Z").await;
    app.advance("P12D").await;
    assert!(!is_marked(&app, &plan).await, "its renewal may still be processed");
    app.advance("P1DT12H").await;
    assert!(is_marked(&app, &plan).await, "its renewal was not processed in time");
}

#[tokio::test]
async fn a_plan_that_was_renewed_expires_after_the_last_of_its_chain_and_announces_none_that_goes_on() {
    let app = TestApp::start().await;
    let plan = ending(&app, json!({})).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    let renewal = renewal_of(&app, &plan, "2026-12-01T00:00:00Z").await;
    let path = format!("/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/");
    let processed = app.provisioner().post(&path, &json!({})).await;
    assert!(processed.status.is_success(), "{:?}", processed.status);
    app.advance("P30D").await;
    assert!(!is_marked(&app, &plan).await);
    assert_eq!(calls(&app, EXPIRATION).await, Vec::<Value>::new());
    // The plan that follows ends in a year; some minutes later both are done.
    app.advance("P365D").await;
    for _ in 0..3 {
        app.advance("PT10M").await;
    }
    assert!(is_marked(&app, &plan).await);
    let called: Vec<Vec<String>> = calls(&app, EXPIRATION).await.iter().map(ids).collect();
    assert_eq!(called.len(), 2, "{called:?}");
    // Personal data of the prior plan was purged in between; what its licenses paid for ends all the same.
    assert_eq!(called[1], std::slice::from_ref(&ann.id));
    assert_eq!(calls(&app, EXPIRATION).await[1]["ignore_enrollments_modified_after"], "2026-12-01T00:00:00Z");
    // The license of the prior plan goes on in the future one, which the event names.
    let published = events(&app, "expired").await;
    assert_eq!(published.len(), 1, "{published:?}");
    assert_ne!(published[0]["license_uuid"], json!(ann.id));
    app.invariants().await.check();
}

/// A renewal of the plan that does not begin by itself; its number.
async fn renewal_of(app: &TestApp, plan: &Plan, effective: &str) -> i64 {
    let body = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": 20, "effective_date": effective,
        "renewed_expiration_date": "2027-12-01T00:00:00Z", "license_types_to_copy": "assigned_and_activated",
        "salesforce_opportunity_id": "00k000000000000456", "exempt_from_batch_processing": true,
    });
    let response = app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await;
    response.expect(201)["id"].as_i64().expect("a number")
}
