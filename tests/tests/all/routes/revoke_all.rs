//! `POST subscriptions/{plan}/licenses/revoke-all/`.

use license_tests::{TestApp, builders::emails};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_live_license_is_revoked() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    plan.assign(&emails("learner", 0..150)).await.expect(200);
    plan.activated(&app, "ann@example.com").await;
    let revoke = async || plan.admin().post(&plan.path("licenses/revoke-all/"), &json!({})).await;
    revoke().await.expect(204);
    let overview = plan.overview().await;
    assert_eq!((overview["revoked"], overview["unassigned"], overview.len()), (151, 300, 2));
    revoke().await.expect(204);
    app.invariants().await.check();
}

#[tokio::test]
async fn revoke_all_is_refused_under_a_cap() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 5, &json!({ "is_revocation_cap_enabled": true })).await;
    plan.assigned("ann@example.com").await;
    let response = plan.admin().post(&plan.path("licenses/revoke-all/"), &json!({})).await;
    let text = "Cannot revoke all licenses when revocation cap is enabled for the subscription plan";
    assert_eq!(response.expect(422), json!(text));
    assert_eq!(plan.overview().await["assigned"], 1);
}
