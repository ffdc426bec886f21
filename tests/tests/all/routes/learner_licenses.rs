//! `GET learner-licenses/`.

use license_tests::{Role, TestApp, builders::text};
use serde_json::{Value, json};

#[tokio::test]
async fn a_learner_sees_their_own_licenses_of_the_customer() {
    let app = TestApp::start().await;
    let (mine, other) = (app.agreement().await, app.agreement().await);
    let current = app.plan_of(&mine, 5, &json!({})).await;
    let over = app.plan_of(&mine, 5, &json!({ "expiration_date": "2026-06-01T00:00:00Z" })).await;
    let inactive = app.plan_of(&mine, 5, &json!({ "is_active": false })).await;
    let foreign = app.plan_of(&other, 5, &json!({})).await;
    let ann = "ann@example.com";
    let held = current.activated(&app, ann).await;
    for plan in [&over, &inactive, &foreign] {
        plan.assigned(ann).await;
    }
    current.assigned("bob@example.com").await;
    let learner = app.learner(mine.enterprise, "ANN@example.com");
    let list = async |query: &str| {
        learner
            .get(&format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}{query}", mine.enterprise))
            .await
            .expect(200)
    };
    let plans = |page: &Value| -> Vec<String> {
        page["results"].as_array().expect("a list").iter().map(|one| text(one, "subscription_plan_uuid")).collect()
    };
    let page = list("").await;
    assert_eq!(plans(&page), [current.id.as_str()]);
    assert_eq!(page["results"][0]["uuid"], held.id.as_str());
    assert_eq!(page["customer_agreement"]["uuid"], mine.id.as_str());
    assert_eq!(
        (&page["count"], &page["num_pages"], &page["current_page"], &page["start"]),
        (&json!(1), &json!(1), &json!(1), &json!(0))
    );
    assert_eq!(plans(&list("&current_plans_only=False").await).len(), 2);
    assert_eq!(plans(&list("&current_plans_only=false&active_plans_only=false").await).len(), 3);
    assert_eq!(plans(&list("&status=assigned").await), [""; 0]);

    current.revoke(&[ann]).await.expect(200);
    assert_eq!(plans(&list("").await), [""; 0]);
    assert_eq!(plans(&list("&include_revoked=True").await), [current.id.as_str()]);
}

#[tokio::test]
async fn the_agreement_is_shown_to_requesters_with_access_to_the_customer() {
    let app = TestApp::start().await;
    let (mine, other) = (app.agreement().await, app.agreement().await);
    let learner = app.learner(mine.enterprise, "ann@example.com");
    let page = learner
        .get(&format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", other.enterprise))
        .await
        .expect(200);
    assert_eq!((&page["count"], &page["customer_agreement"]), (&json!(0), &Value::Null));
    assert!(learner.get("/api/v1/learner-licenses/").await.expect(400).is_string());
    learner.get("/api/v1/learner-licenses/?enterprise_customer_uuid=junk").await.expect(400);
    let without_roles = app.client(Role::NoRole, mine.enterprise);
    without_roles
        .get(&format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", mine.enterprise))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_learner_whose_address_changed_keeps_the_license() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@old.example").await;
    let mut claims = Role::Learner.claims(plan.agreement.enterprise, plan.agreement.enterprise);
    claims["email"] = json!("ann@new.example");
    claims["user_id"] = json!(license_tests::app::lms_user_id("ann@old.example"));
    let path = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let page = app.client_with(claims).get(&path).await.expect(200);
    assert_eq!((&page["count"], &page["results"][0]["uuid"]), (&json!(1), &json!(held.id)));
    let license = plan.license(&held.id).await;
    assert_eq!((&license["user_email"], &license["status"]), (&json!("ann@new.example"), &json!("activated")));
    // The old address may be invited again, and is another learner.
    assert_ne!(plan.assigned("ann@old.example").await.id, held.id);
    app.invariants().await.check();
}
