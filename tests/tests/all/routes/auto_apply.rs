//! `POST customer-agreement/{agreement}/auto-apply/`.

use license_tests::{Role, TestApp};
use serde_json::{Value, json};

use super::UNKNOWN;

#[tokio::test]
async fn a_learner_takes_a_seat_and_keeps_it() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 2, &json!({ "should_auto_apply_licenses": true })).await;
    let path = format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id);
    let take = async |email: &str| app.learner(agreement.enterprise, email).post(&path, &json!({})).await;

    let first = take("ann@example.com").await.expect(200);
    assert_eq!((&first["status"], &first["subscription_plan"]["uuid"]), (&json!("activated"), &json!(plan.id)));
    assert_eq!(take("ANN@example.com").await.expect(200)["uuid"], first["uuid"]);

    // An invited learner keeps the license unchanged.
    let bob = plan.assigned("bob@example.com").await;
    let shown = take("bob@example.com").await.expect(200);
    assert_eq!((&shown["uuid"], &shown["status"]), (&json!(bob.id), &json!("assigned")));

    let none_left = take("cid@example.com").await;
    assert!(none_left.expect(422).is_string(), "{}", none_left.text);
    plan.revoke(&["ann@example.com"]).await.expect(200);
    assert!(take("ann@example.com").await.expect(422).is_string());
    take("cid@example.com").await.expect(200);
    app.invariants().await.check();
}

#[tokio::test]
async fn without_a_plan_for_auto_apply_there_is_no_license() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let automatic = |field: &str, value: serde_json::Value| json!({ "should_auto_apply_licenses": true, field: value });
    for changes in [
        json!({}),
        automatic("is_active", json!(false)),
        automatic("expiration_date", json!("2026-06-01T00:00:00Z")),
        automatic("start_date", json!("2027-06-01T00:00:00Z")),
    ] {
        app.plan_of(&agreement, 5, &changes).await;
        let learner = app.learner(agreement.enterprise, "ann@example.com");
        let response =
            learner.post(&format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id), &json!({})).await;
        assert!(response.expect(422).is_string(), "{changes}");
    }
}

#[tokio::test]
async fn only_a_learner_of_the_customer_takes_a_seat() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    app.plan_of(&agreement, 2, &json!({ "should_auto_apply_licenses": true })).await;
    let path = |id: &str| format!("/api/v1/customer-agreement/{id}/auto-apply/");
    let foreign = app.client(Role::ForeignLearner, agreement.enterprise);
    foreign.post(&path(&agreement.id), &json!({})).await.expect(403);
    app.learner(agreement.enterprise, "ann@example.com").post(&path(UNKNOWN), &json!({})).await.expect(403);
    app.client(Role::Superuser, agreement.enterprise).post(&path(UNKNOWN), &json!({})).await.expect(404);
    let mut nameless = Role::Learner.claims(agreement.enterprise, agreement.enterprise);
    nameless["email"] = Value::Null;
    app.client_with(nameless).post(&path(&agreement.id), &json!({})).await.expect(400);
}
