//! `staff_lookup_licenses/` and `admin-license-view`: what support staff look up.

use license_tests::{Role, TestApp, builders::text};
use serde_json::{Value, json};

const LOOKUP: &str = "/api/v1/staff_lookup_licenses/";

#[tokio::test]
async fn staff_find_all_licenses_of_an_address() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(3).await, app.plan(3).await);
    let ann = plan.activated(&app, "Ann@example.com").await;
    other.assigned("ann@example.com").await;
    other.revoke(&["ann@example.com"]).await.expect(200);
    let staff = app.client(Role::Staff, plan.agreement.enterprise);
    let found = staff.post(LOOKUP, &json!({ "user_email": "ANN@example.com" })).await.expect(200);
    let statuses: Vec<String> = found.as_array().expect("a list").iter().map(|one| text(one, "status")).collect();
    assert_eq!(statuses, ["activated", "revoked"]);
    let link = text(&found[0], "activation_link");
    assert!(link.ends_with(&format!("/licenses/{}/activate", ann.key)), "{link}");
    assert_eq!(found[0]["subscription_plan_expiration_date"], "2027-12-31T00:00:00Z");

    let missing = staff.post(LOOKUP, &json!({ "user_email": "unknown@example.com" })).await;
    assert_eq!((missing.status.as_u16(), missing.text.as_str()), (404, ""));
    assert!(staff.post(LOOKUP, &json!({})).await.expect(400).is_string());
    plan.admin().post(LOOKUP, &json!({ "user_email": "ann@example.com" })).await.expect(403);
}

#[tokio::test]
async fn staff_see_an_addresss_licenses_with_one_customer() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(3).await, app.plan(3).await);
    let ann = plan.assigned("ann@example.com").await;
    other.assigned("ann@example.com").await;
    let staff = app.client(Role::Staff, plan.agreement.enterprise);
    let path = |query: &str| format!("/api/v1/admin-license-view{query}");
    let mine = format!("?user_email=ANN@example.com&enterprise_customer_uuid={}", plan.agreement.enterprise);
    let page = staff.get(&path(&mine)).await.expect(200);
    assert_eq!(page["count"], 1);
    let license = &page["results"][0];
    assert_eq!((&license["uuid"], &license["status"]), (&json!(ann.id), &json!("assigned")));
    assert_eq!(license["subscription_plan"]["uuid"], plan.id.as_str());
    assert_eq!(license["activation_date"], Value::Null);
    staff.get(&path(&format!("{mine}&page=2"))).await.expect(404);
    for bad in ["", "?user_email=ann@example.com", "?user_email=ann@example.com&enterprise_customer_uuid=junk"] {
        staff.get(&path(bad)).await.expect(400);
    }
    plan.admin().get(&path(&mine)).await.expect(403);
}
