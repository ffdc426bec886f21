//! `POST license-activation?activation_key=…`.

use license_local::Options;
use license_tests::{TestApp, app::options, builders::Held};
use serde_json::{Value, json};

use super::UNKNOWN;

#[tokio::test]
async fn the_learner_activates_and_a_repetition_changes_nothing() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    let first = plan.activate(&app, &held).await.expect(200);
    assert_eq!((&first["uuid"], &first["status"]), (&json!(held.id), &json!("activated")));
    assert_eq!(first["subscription_plan"]["uuid"], plan.id.as_str());
    assert_eq!(first["customer_agreement"]["uuid"], plan.agreement.id.as_str());
    assert!(first["activation_date"].is_string());
    app.advance("PT1H").await;
    let second = plan.activate(&app, &held).await.expect(200);
    assert_eq!(second["activation_date"], first["activation_date"]);
    app.invariants().await.check();
}

#[tokio::test]
async fn both_forms_of_the_path_and_any_spelling_of_the_address_will_do() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    let learner = app.learner(plan.agreement.enterprise, "ANN@Example.com");
    learner.post(&format!("/api/v1/license-activation?activation_key={}", held.key), &json!({})).await.expect(200);
}

#[tokio::test]
async fn another_learners_key_and_an_unknown_one_are_not_found() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let ann = plan.assigned("ann@example.com").await;
    for key in [ann.key.as_str(), UNKNOWN] {
        let other = Held { email: "bob@example.com".into(), key: key.into(), id: String::new() };
        let response = plan.activate(&app, &other).await;
        assert_eq!(response.expect(404), json!({ "detail": "No License matches the given query." }));
    }
}

#[tokio::test]
async fn without_key_or_address_nothing_is_activated() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let learner = app.learner(plan.agreement.enterprise, "ann@example.com");
    learner.post("/api/v1/license-activation/", &json!({})).await.expect(400);
    learner.post("/api/v1/license-activation/?activation_key=junk", &json!({})).await.expect(400);
    let mut claims = license_tests::Role::Learner.claims(plan.agreement.enterprise, plan.agreement.enterprise);
    claims["email"] = Value::Null;
    let nameless = app.client_with(claims);
    let response = nameless.post(&format!("/api/v1/license-activation/?activation_key={UNKNOWN}"), &json!({})).await;
    assert_eq!(response.expect(400), json!({ "detail": "`email` is required and could not be found in your jwt" }));
}

#[tokio::test]
async fn a_revoked_license_and_a_plan_that_is_not_current_are_refused() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 3, &json!({})).await;
    let held = plan.assigned("ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    assert!(plan.activate(&app, &held).await.expect(422).is_string());

    for changes in [
        json!({ "is_active": false }),
        json!({ "start_date": "2027-01-01T00:00:00Z" }),
        json!({ "expiration_date": "2026-02-01T00:00:00Z" }),
    ] {
        let plan = app.plan_of(&agreement, 3, &changes).await;
        let held = plan.assigned("ann@example.com").await;
        let response = plan.activate(&app, &held).await;
        assert_eq!(response.expect(404), json!({ "detail": "No License matches the given query." }), "{changes}");
    }
    app.invariants().await.check();
}

/// A learner whose token has no LMS id.
fn numberless(app: &TestApp, plan: &license_tests::builders::Plan, email: &str) -> license_tests::Client {
    let mut claims = license_tests::Role::Learner.claims(plan.agreement.enterprise, plan.agreement.enterprise);
    claims["email"] = json!(email);
    claims["user_id"] = Value::Null;
    app.client_with(claims)
}

#[tokio::test]
async fn the_lms_gives_the_id_that_the_token_lacks() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    let path = format!("/api/v1/license-activation/?activation_key={}", held.key);
    numberless(&app, &plan, "ann@example.com").post(&path, &json!({})).await.expect(200);
    let invariants = app.invariants().await;
    assert!(invariants.live(plan.uuid().into()).all(|license| license.lms_user_id.is_some()));
    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let asked = calls.as_array().expect("a list").iter().filter(|call| call["path"] == "/api/user/v1/accounts");
    assert_eq!(asked.count(), 1);
}

#[tokio::test]
async fn learners_can_activate_while_the_lms_is_down() {
    let nowhere = [("LMS_URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Options { settings: nowhere.into(), ..options() }, false).await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    let path = format!("/api/v1/license-activation/?activation_key={}", held.key);
    let response = numberless(&app, &plan, "ann@example.com").post(&path, &json!({})).await;
    assert_eq!(response.expect(200)["status"], "activated");
    let invariants = app.invariants().await;
    assert!(invariants.live(plan.uuid().into()).all(|license| license.lms_user_id.is_none()));
}
