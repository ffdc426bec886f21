//! `GET subscriptions/` and one.

use license_tests::{Role, TestApp, builders::text};
use serde_json::{Value, json};

use super::UNKNOWN;

fn ids(page: &Value) -> Vec<String> {
    page["results"].as_array().expect("a list").iter().map(|plan| text(plan, "uuid")).collect()
}

#[tokio::test]
async fn plans_are_listed_newest_start_first() {
    let app = TestApp::start().await;
    let mine = app.agreement().await;
    let old = app.plan_of(&mine, 1, &json!({ "start_date": "2025-01-01T00:00:00Z" })).await;
    let new = app.plan_of(&mine, 2, &json!({ "start_date": "2026-06-01T00:00:00Z" })).await;
    let inactive = app.plan_of(&mine, 3, &json!({ "is_active": false, "start_date": "2024-01-01T00:00:00Z" })).await;
    app.plan(4).await;
    let of = format!("enterprise_customer_uuid={}", mine.enterprise);
    let list = async |query: &str| mine.admin.get(&format!("/api/v1/subscriptions/?{query}")).await.expect(200);
    assert_eq!(ids(&list(&of).await), [new.id.as_str(), &old.id]);
    assert_eq!(ids(&list(&format!("{of}&include_inactive=true")).await), [new.id.as_str(), &old.id, &inactive.id]);
    assert_eq!(ids(&list("").await), [new.id.as_str(), &old.id, &inactive.id], "without a customer all are shown");
    assert_eq!(ids(&list(&format!("{of}&current=true")).await), [new.id.as_str()], "the one created last");
    mine.admin.get("/api/v1/subscriptions/?current=true").await.expect(400);
    let junk = mine.admin.get("/api/v1/subscriptions/?enterprise_customer_uuid=junk").await.expect(400);
    assert_eq!(junk, json!({ "detail": "junk is not a valid uuid." }));
    for page in ["2", "0", "x"] {
        let response = mine.admin.get(&format!("/api/v1/subscriptions/?{of}&page={page}")).await.expect(404);
        assert_eq!(response, json!({ "detail": "Invalid page." }), "{page}");
    }
    assert_eq!(ids(&list(&format!("{of}&page=last")).await).len(), 2);
    let operator = app.client(Role::Operator, mine.enterprise).get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(operator["count"], 4);
}

#[tokio::test]
async fn a_plan_shows_terms_and_counts() {
    let app = TestApp::start().await;
    let plan = app.plan(4).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let shown = plan.admin().get(&plan.path("")).await.expect(200);
    assert_eq!(
        shown["licenses"],
        json!({ "activated": 1, "assigned": 1, "unassigned": 2, "revoked": 0, "total": 4, "allocated": 2 })
    );
    assert_eq!((&shown["is_current"], &shown["days_until_expiration"]), (&json!(true), &json!(402)));
    assert_eq!((&shown["plan_type"], &shown["product"]), (&json!("Standard Paid"), &json!(1)));
    assert_eq!((&shown["revocations"], &shown["prior_renewals"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn an_unknown_plan_is_known_to_superusers_only() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let path = format!("/api/v1/subscriptions/{UNKNOWN}/");
    plan.admin().get(&path).await.expect(403);
    let superuser = app.client(Role::Superuser, plan.agreement.enterprise);
    assert_eq!(
        superuser.get(&path).await.expect(404),
        json!({ "detail": "No SubscriptionPlan matches the given query." })
    );
    assert_eq!(superuser.get("/api/v1/subscriptions/junk/").await.expect(404), json!({ "detail": "Not found." }));
}
