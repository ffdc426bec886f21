//! `GET customer-agreement/` and one.

use license_tests::{Role, TestApp, builders::text};
use serde_json::json;

use super::UNKNOWN;

#[tokio::test]
async fn callers_see_the_agreements_that_they_reach() {
    let app = TestApp::start().await;
    let (mine, other) = (app.agreement().await, app.agreement().await);
    app.plan_of(&mine, 7, &json!({})).await;
    let hidden = app.plan_of(&mine, 7, &json!({ "is_active": false })).await;
    let list = |query: &str| format!("/api/v1/customer-agreement/{query}");
    let ids = |page: &serde_json::Value| {
        page["results"].as_array().expect("a list").iter().map(|one| text(one, "uuid")).collect::<Vec<_>>()
    };
    let page = mine.admin.get(&list("")).await.expect(200);
    assert_eq!((ids(&page), &page["count"]), (vec![mine.id.clone()], &json!(1)));
    let plans = page["results"][0]["subscriptions"].as_array().expect("plans");
    assert_eq!((plans.len(), &plans[0]["licenses"]["total"]), (1, &json!(7)));
    assert_eq!(
        ids(&mine.admin.get(&list(&format!("?enterprise_customer_uuid={}", other.enterprise))).await.expect(200)),
        [""; 0]
    );
    let everybody = app.client(Role::Operator, mine.enterprise).get(&list("")).await.expect(200);
    assert_eq!(everybody["count"], 2);
    let staff = app.client(Role::Staff, mine.enterprise).get(&list("")).await.expect(200);
    assert_eq!(staff["count"], 0);

    let inactive =
        mine.admin.get(&format!("/api/v1/customer-agreement/{}/?active_plans_only=false", mine.id)).await.expect(200);
    let shown: Vec<String> =
        inactive["subscriptions"].as_array().expect("plans").iter().map(|plan| text(plan, "uuid")).collect();
    assert!(shown.len() == 2 && shown.contains(&hidden.id), "{shown:?}");
    mine.admin.get(&list("?page=2")).await.expect(404);
    mine.admin.get(&list("?enterprise_customer_uuid=junk")).await.expect(400);
}

#[tokio::test]
async fn an_unknown_agreement_is_known_to_superusers_only() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let path = format!("/api/v1/customer-agreement/{UNKNOWN}/");
    let refusal = json!({ "detail": "MISSING: subscriptions.has_learner_or_admin_access" });
    assert_eq!(agreement.admin.get(&path).await.expect(403), refusal);
    let superuser = app.client(Role::Superuser, agreement.enterprise);
    assert_eq!(
        superuser.get(&path).await.expect(404),
        json!({ "detail": "No CustomerAgreement matches the given query." })
    );
    assert_eq!(superuser.get("/api/v1/customer-agreement/junk/").await.expect(404), json!({ "detail": "Not found." }));
}
