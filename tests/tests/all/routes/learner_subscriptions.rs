//! `GET learner-subscriptions/` and one.

use license_tests::{Role, TestApp, builders::text};
use serde_json::{Value, json};

use super::UNKNOWN;

fn ids(page: &Value) -> Vec<String> {
    page["results"].as_array().expect("a list").iter().map(|plan| text(plan, "uuid")).collect()
}

#[tokio::test]
async fn learners_see_the_active_plans_of_their_customer() {
    let app = TestApp::start().await;
    let mine = app.agreement().await;
    let old = app.plan_of(&mine, 1, &json!({ "start_date": "2025-01-01T00:00:00Z" })).await;
    let new = app.plan_of(&mine, 2, &json!({ "start_date": "2026-06-01T00:00:00Z" })).await;
    let inactive = app.plan_of(&mine, 3, &json!({ "is_active": false })).await;
    let learner = app.learner(mine.enterprise, "ann@example.com");
    let of = format!("?enterprise_customer_uuid={}", mine.enterprise);
    let page = learner.get(&format!("/api/v1/learner-subscriptions/{of}")).await.expect(200);
    assert_eq!(ids(&page), [new.id.as_str(), &old.id]);
    assert_eq!(page["results"][0]["licenses"]["total"], 2);
    assert_eq!(learner.get("/api/v1/learner-subscriptions/").await.expect(200)["count"], 0);
    learner.get("/api/v1/learner-subscriptions/?enterprise_customer_uuid=junk").await.expect(400);
    let foreign = app.client(Role::ForeignLearner, mine.enterprise);
    assert_eq!(foreign.get(&format!("/api/v1/learner-subscriptions/{of}")).await.expect(200)["count"], 0);

    let one = |id: &str, query: &str| format!("/api/v1/learner-subscriptions/{id}/{query}");
    assert_eq!(learner.get(&one(&old.id, &of)).await.expect(200)["uuid"], old.id.as_str());
    let not_found = json!({ "detail": "No SubscriptionPlan matches the given query." });
    for path in
        [one(&old.id, ""), one(&inactive.id, &of), one(&old.id, &format!("?enterprise_customer_uuid={UNKNOWN}"))]
    {
        assert_eq!(learner.get(&path).await.expect(404), not_found, "{path}");
    }
    let missing = json!({ "detail": "MISSING: subscriptions.has_learner_or_admin_access" });
    assert_eq!(learner.get(&one(UNKNOWN, &of)).await.expect(403), missing);
    assert_eq!(learner.get(&one("junk", &of)).await.expect(404), json!({ "detail": "Not found." }));
}
