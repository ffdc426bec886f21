//! `GET subscriptions/{plan}/license/` and one: a learner's own.

use license_tests::TestApp;
use serde_json::json;

use super::UNKNOWN;

#[tokio::test]
async fn learners_see_only_their_own_licenses() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let (ann, bob) = (plan.activated(&app, "ann@example.com").await, plan.assigned("bob@example.com").await);
    let learner = app.learner(plan.agreement.enterprise, "ANN@example.com");
    let page = learner.get(&plan.path("license/")).await.expect(200);
    assert_eq!((&page["count"], &page["results"][0]["uuid"]), (&json!(1), &json!(ann.id)));
    assert_eq!(learner.get(&plan.path("license/?status=assigned")).await.expect(200)["count"], 0);
    assert_eq!(learner.get(&plan.path("license/?search=ANN")).await.expect(200)["count"], 1);
    learner.get(&plan.path("license/?page=2")).await.expect(404);

    let one = |id: &str| plan.path(&format!("license/{id}/"));
    assert_eq!(learner.get(&one(&ann.id)).await.expect(200)["activation_key"], ann.key.as_str());
    let not_found = json!({ "detail": "No License matches the given query." });
    for id in [bob.id.as_str(), UNKNOWN] {
        assert_eq!(learner.get(&one(id)).await.expect(404), not_found);
    }
    learner.get(&one("junk")).await.expect(404);
    // An admin has none of their own.
    assert_eq!(plan.admin().get(&plan.path("license/")).await.expect(200)["count"], 0);
    plan.admin().get(&one(&ann.id)).await.expect(404);

    plan.revoke(&["ann@example.com"]).await.expect(200);
    assert_eq!(learner.get(&plan.path("license/")).await.expect(200)["count"], 0);
    learner.get(&one(&ann.id)).await.expect(404);
}

#[tokio::test]
async fn for_an_unknown_plan_the_list_is_empty() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let learner = app.learner(plan.agreement.enterprise, "ann@example.com");
    assert_eq!(learner.get(&format!("/api/v1/subscriptions/{UNKNOWN}/license/")).await.expect(200)["count"], 0);
    let missing = json!({ "detail": "MISSING: subscriptions.has_learner_or_admin_access" });
    assert_eq!(learner.get(&format!("/api/v1/subscriptions/{UNKNOWN}/license/{UNKNOWN}/")).await.expect(403), missing);
}
