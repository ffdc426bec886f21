//! `GET …/licenses/overview/`.

use license_tests::{Role, TestApp};
use serde_json::json;

use super::UNKNOWN;

#[tokio::test]
async fn an_overview_has_counts_by_status_the_greatest_first() {
    let app = TestApp::start().await;
    let plan = app.plan(9).await;
    plan.activated(&app, "ann@x.example").await;
    plan.assign(&["bob@y.example", "cid@y.example", "dan@x.example"]).await.expect(200);
    plan.revoke(&["dan@x.example"]).await.expect(200);
    plan.assign(&["eve@y.example"]).await.expect(200);
    let get = async |query: &str| plan.admin().get(&plan.path(&format!("licenses/overview{query}"))).await.expect(200);
    let line = |status: &str, count: u64| json!({ "status": status, "count": count });
    let shown = get("").await;
    let lines = shown.as_array().expect("a list");
    assert_eq!(lines[..2], [line("unassigned", 5), line("assigned", 3)]);
    assert!(
        lines.len() == 4 && lines.contains(&line("activated", 1)) && lines.contains(&line("revoked", 1)),
        "{shown}"
    );
    assert_eq!(get("/?search=x.example").await.as_array().map(Vec::len), Some(2));
    assert_eq!(get("/?status=assigned").await, json!([line("assigned", 3)]));
}

#[tokio::test]
async fn an_unknown_plan_has_no_counts() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let path = format!("/api/v1/subscriptions/{UNKNOWN}/licenses/overview/");
    assert_eq!(app.client(Role::Superuser, plan.agreement.enterprise).get(&path).await.expect(200), json!([]));
    plan.admin().get(&path).await.expect(403);
}
