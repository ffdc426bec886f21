//! Events from the table to the bus and the audit trail: each has its effect once, however often it is relayed.

use std::collections::{BTreeMap, BTreeSet};

use license_domain::EventKind;
use license_tests::{
    Invariants, TestApp,
    builders::{emails, text},
};
use serde_json::{Value, json};

use super::fault;

async fn published(app: &TestApp) -> Vec<Value> {
    app.anonymous().get("/_local/events").await.expect(200).as_array().expect("a list").clone()
}

/// Every event is on the bus and, once, in each of its trails; no address is in any.
async fn check(app: &TestApp) -> Invariants {
    let (invariants, published) = (app.invariants().await, published(app).await);
    let ids: BTreeSet<String> = published.iter().map(|event| text(&event["detail"], "id")).collect();
    for event in &invariants.events {
        assert!(ids.contains(&event.id.to_string()), "{:?} is not on the bus", event.kind);
        let trail = |name: String| {
            invariants.audit_trails.get(&name).into_iter().flatten().filter(|entry| entry.event == event.id)
        };
        assert_eq!(trail(format!("TRAIL#AGREEMENT#{}", event.agreement)).count(), 1, "{event:?}");
        if let Some(plan) = event.plan {
            assert_eq!(trail(format!("TRAIL#PLAN#{plan}")).count(), 1, "{event:?}");
        }
        for change in &event.licenses {
            assert_eq!(trail(format!("TRAIL#LICENSE#{}", change.license)).count(), 1, "{event:?}");
        }
    }
    let audit_trails = serde_json::to_string(&invariants.audit_trails).expect("JSON");
    for address in invariants.slots.iter().filter_map(|license| license.user_email.as_ref()) {
        assert!(!audit_trails.contains(address.as_given()), "{} is in a trail", address.as_given());
    }
    invariants
}

#[tokio::test]
async fn changes_are_published_under_the_names_of_open_edx() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let events = published(&app).await;
    let names: Vec<String> = events.iter().map(|event| text(event, "detail-type")).collect();
    for name in ["created", "assigned", "activated", "revoked"] {
        let name = format!("edx.server.license-manager.license-lifecycle.{name}");
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let activated =
        events.iter().find(|event| text(event, "detail-type").ends_with("lifecycle.activated")).expect("it");
    let detail = &activated["detail"];
    assert_eq!(detail["license_uuid"], json!(held.id));
    assert_eq!(detail["license_activation_key"], json!(held.key));
    assert_eq!(detail["assigned_email"], "ann@example.com");
    assert_eq!(detail["enterprise_customer_uuid"], json!(plan.agreement.enterprise));
    assert_eq!(detail["customer_agreement_uuid"], json!(plan.agreement.id));
    for name in
        ["assigned_date", "activation_date", "assigned_lms_user_id", "enterprise_customer_slug", "version", "time"]
    {
        assert!(!detail[name].is_null(), "{name} in {detail}");
    }
    check(&app).await;
}

#[tokio::test]
async fn a_relay_that_is_killed_or_cannot_send_delivers_everything_later() {
    let app = TestApp::start().await;
    for service in ["sqs", "eventbridge"] {
        for how in [json!({ "status": 500 }), json!("reset"), json!("reset_after"), json!("garbage")] {
            fault(&app, json!({ "service": service, "next": 2, "how": how })).await;
        }
    }
    fault(&app, json!({ "worker": "function-relay", "next": 2, "how": "before" })).await;
    fault(&app, json!({ "worker": "function-relay", "next": 2, "how": "after" })).await;
    let plan = app.plan(200).await;
    for n in 0..10 {
        let request = json!({ "user_emails": emails("ann", n * 10..n * 10 + 10) });
        plan.admin().post(&plan.path("licenses/assign/"), &request).await.expect(200);
    }
    app.drain().await;
    let invariants = check(&app).await;
    let assigned = invariants.events.iter().filter(|event| event.kind == EventKind::LicensesAssigned).count();
    assert_eq!(assigned, 10);
    // Events on the bus may be repeated, with the same ids.
    let mut published_of: BTreeMap<String, usize> = BTreeMap::new();
    for event in published(&app).await.iter().filter(|event| text(event, "detail-type").ends_with("lifecycle.assigned"))
    {
        *published_of.entry(text(&event["detail"], "license_uuid")).or_default() += 1;
    }
    assert_eq!(published_of.len(), 100);
    let mut to = super::recipients(&app, "assignment-email-campaign").await;
    assert_eq!(to.len(), 100);
    to.dedup();
    assert_eq!(to.len(), 100, "a learner has two mails");
}

#[tokio::test]
async fn events_that_the_stream_lost_are_redriven_from_the_table_by_time() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let before = check(&app).await;
    app.anonymous().send(reqwest::Method::DELETE, "/_local/events", None).await.expect(204);

    let from = app.now() - chrono::TimeDelta::hours(3);
    let request = json!({ "from": from, "to": app.now() });
    let response = app.anonymous().post("/_local/redrive", &request).await.expect(200);
    assert_eq!(response, json!({ "events": before.events.len(), "next": null }));
    app.drain().await;
    let after = check(&app).await;
    assert_eq!(after.audit_trails, before.audit_trails);
}

#[tokio::test]
async fn a_retired_learner_is_in_no_audit_trail_and_the_trail_stays() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    let name = format!("TRAIL#LICENSE#{}", held.id);
    let before = app.invariants().await.audit_trails[&name].clone();
    assert!(before.iter().all(|entry| entry.license.as_ref().is_some_and(|step| step.person.is_some())));
    let user = license_tests::app::lms_user_id("ann@example.com");
    let worker = app.client(license_tests::Role::RetirementWorker, plan.agreement.enterprise);
    worker.post("/api/v1/retire_user", &json!({ "lms_user_id": user, "original_username": "ann" })).await.expect(204);
    app.drain().await;
    let after = app.invariants().await.audit_trails[&name].clone();
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.iter().all(|entry| entry.license.as_ref().is_some_and(|step| step.person.is_none())), "{after:?}");
}
