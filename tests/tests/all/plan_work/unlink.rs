//! Unlinking the learners of plans that ended long ago.

use std::collections::BTreeMap;

use super::*;
use crate::after::fault;
use license_tests::{app::options, builders::Agreement};

const UNLINK: &str = "unlink_users";

/// An app in which unlinking is enabled for the customer of its first agreement.
async fn enabled() -> (TestApp, Agreement) {
    let customer = "eeeeeeee-0000-4000-8000-000000000001";
    let settings = BTreeMap::from([(
        "CUSTOMERS_WITH_EXPIRED_LICENSES_UNLINKING_ENABLED".to_owned(),
        format!("00000000-0000-0000-0000-000000000001, {customer}"),
    )]);
    let app = TestApp::start_with(license_local::Options { settings, ..options() }, false).await;
    let agreement = app.agreement().await;
    assert_eq!(agreement.enterprise.to_string(), customer, "the harness counts from one");
    (app, agreement)
}

async fn plan_ending(app: &TestApp, agreement: &Agreement, end: &str) -> Plan {
    app.plan_of(agreement, 20, &json!({ "expiration_date": end })).await
}

fn emails_of(body: &Value) -> Vec<String> {
    let emails = body["user_emails"].as_array().expect("addresses");
    let mut emails: Vec<String> = emails.iter().map(|email| email.as_str().expect("a text").to_owned()).collect();
    emails.sort();
    emails
}

#[tokio::test]
async fn learners_are_unlinked_on_the_90th_day_before_they_are_forgotten_and_once() {
    let (app, agreement) = enabled().await;
    let plan = plan_ending(&app, &agreement, "2026-12-01T00:00:00Z").await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    plan.activated(&app, "eve@example.com").await;
    plan.revoke(&["eve@example.com"]).await.expect(200);
    app.advance("P89D").await;
    app.advance("PT1H").await;
    assert_eq!(calls(&app, UNLINK).await, Vec::<Value>::new());
    // Both are due by now, 90 days after the plan's end: who is to be unlinked must still be named.
    app.advance("P10D").await;
    for _ in 0..3 {
        app.advance("PT10M").await;
    }
    let called = calls(&app, UNLINK).await;
    assert_eq!(called.iter().map(emails_of).collect::<Vec<_>>(), [["ann@example.com", "bob@example.com"]]);
    assert_eq!(called[0]["is_relinkable"], true);
    let published = app.anonymous().get("/_local/events").await.expect(200);
    let published = published.as_array().expect("events").iter();
    let name = "edx.server.license-manager.expired.license.unlinked";
    assert_eq!(published.filter(|event| event.to_string().contains(name)).count(), 2);
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.slots.len(), 0, "they are forgotten afterwards");
    for _ in 0..3 {
        app.advance("P1D").await;
    }
    assert_eq!(calls(&app, UNLINK).await.len(), 1);
}

#[tokio::test]
async fn a_learner_with_another_license_is_not_unlinked_and_is_examined_again_each_day() {
    let (app, agreement) = enabled().await;
    let plan = plan_ending(&app, &agreement, "2026-12-01T00:00:00Z").await;
    // Personal data is kept for longer.
    keep_for(&app, &plan, 400 * 86_400).await;
    let other = plan_ending(&app, &agreement, "2027-12-01T00:00:00Z").await;
    for email in ["ann@example.com", "bob@example.com", "eve@example.com"] {
        plan.activated(&app, email).await;
    }
    other.assigned("ann@example.com").await;
    // A revoked license is none.
    other.activated(&app, "bob@example.com").await;
    other.revoke(&["bob@example.com"]).await.expect(200);
    app.advance("P100D").await;
    app.advance("PT10M").await;
    let called = calls(&app, UNLINK).await;
    assert_eq!(called.iter().map(emails_of).collect::<Vec<_>>(), [["bob@example.com", "eve@example.com"]]);
    app.advance("P2D").await;
    assert_eq!(calls(&app, UNLINK).await.len(), 1);
    other.revoke(&["ann@example.com"]).await.expect(200);
    for _ in 0..3 {
        app.advance("P1DT1H").await;
    }
    let called: Vec<Vec<String>> = calls(&app, UNLINK).await.iter().map(emails_of).collect();
    assert_eq!(called[1..], [["ann@example.com"]], "{called:?}");
    app.invariants().await.check();
}

#[tokio::test]
async fn nothing_is_recorded_where_the_service_refuses_and_nothing_is_forgotten_meanwhile() {
    let (app, agreement) = enabled().await;
    let plan = plan_ending(&app, &agreement, "2026-12-01T00:00:00Z").await;
    plan.activated(&app, "ann@example.com").await;
    app.advance("P50D").await;
    fault(&app, json!({ "service": "enterprise", "next": 1_000_000, "how": { "status": 403 } })).await;
    app.advance("P60D").await;
    for _ in 0..3 {
        app.advance("P1D").await;
    }
    assert_eq!(app.invariants().await.slots.len(), 1);
    heal(&app).await;
    for _ in 0..4 {
        app.advance("PT1H").await;
    }
    assert_eq!(app.invariants().await.slots.len(), 0);
    let last = calls(&app, UNLINK).await.last().map(emails_of);
    assert_eq!(last, Some(vec!["ann@example.com".to_owned()]));
}

#[tokio::test]
async fn customers_that_did_not_choose_it_keep_their_learners() {
    let (app, _) = enabled().await;
    let other = app.agreement().await;
    let plan = plan_ending(&app, &other, "2026-12-01T00:00:00Z").await;
    plan.activated(&app, "ann@example.com").await;
    app.advance("P110D").await;
    app.advance("PT10M").await;
    assert_eq!(calls(&app, UNLINK).await, Vec::<Value>::new());
}
