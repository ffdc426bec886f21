//! `license-subsidy/`.

use license_tests::{Role, TestApp, builders::Plan};
use serde_json::{Value, json};

const NOT_FOUND: &str =
    "This course was not found in the subscription plan catalogs associated with the specified enterprise UUID.";

fn path(plan: &Plan, course: &str) -> String {
    format!("/api/v1/license-subsidy?enterprise_customer_uuid={}&course_key={course}", plan.agreement.enterprise)
}

/// How often contents were requested from the catalog service.
async fn asked(app: &TestApp) -> usize {
    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let is_contents =
        |call: &&Value| call["path"].as_str().is_some_and(|path| path.ends_with("/contains_content_items/"));
    calls.as_array().map_or(0, |calls| calls.iter().filter(is_contents).count())
}

#[tokio::test]
async fn an_activated_license_pays_for_a_course_of_its_catalog() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.activated(&app, "ann@example.com").await;
    let ann = app.learner(plan.agreement.enterprise, "ann@example.com");
    let subsidy = ann.get(&path(&plan, "edX%2BDemoX")).await.expect(200);
    assert_eq!(
        (&subsidy["discount_type"], &subsidy["discount_value"], &subsidy["status"], &subsidy["subsidy_id"]),
        (&json!("percentage"), &json!(100), &json!("activated"), &json!(held.id))
    );
    assert_eq!(subsidy["start_date"], "2026-01-01T00:00:00Z");
    assert_eq!(subsidy["expiration_date"], "2027-12-31T00:00:00Z");
    assert_eq!(subsidy["subsidy_checksum"].as_str().map(str::len), Some(44));
    // A catalog's contents are requested once an hour.
    ann.get(&path(&plan, "edX%2BDemoX")).await.expect(200);
    assert_eq!(asked(&app).await, 1);
    app.advance("PT61M").await;
    let ann = app.learner(plan.agreement.enterprise, "ann@example.com");
    ann.get(&path(&plan, "edX%2BDemoX")).await.expect(200);
    assert_eq!(asked(&app).await, 2);
}

#[tokio::test]
async fn a_course_outside_of_the_catalog_or_without_an_activated_license_gets_no_subsidy() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let enterprise = plan.agreement.enterprise;
    let ann = app.learner(enterprise, "ann@example.com");
    assert_eq!(ann.get(&path(&plan, "NOTINCATALOG%2BX")).await.expect(404), json!(NOT_FOUND));
    let bob = app.learner(enterprise, "bob@example.com");
    assert_eq!(bob.get(&path(&plan, "edX%2BDemoX")).await.expect(404), json!(NOT_FOUND));
    assert_eq!(ann.get(&path(&plan, "")).await.expect(400), json!("You must supply the course_key query parameter"));
    let unknown = json!({ "detail": "No CustomerAgreement matches the given query." });
    let nowhere = format!("/api/v1/license-subsidy?enterprise_customer_uuid={}&course_key=x", super::UNKNOWN);
    assert_eq!(ann.get(&nowhere).await.expect(404), unknown);
    ann.get("/api/v1/license-subsidy?enterprise_customer_uuid=junk&course_key=x").await.expect(400);
    app.client(Role::ForeignLearner, enterprise).get(&path(&plan, "x")).await.expect(403);
    // A plan that has ended pays for nothing.
    app.advance("P500D").await;
    let ann = app.learner(enterprise, "ann@example.com");
    assert_eq!(ann.get(&path(&plan, "edX%2BDemoX")).await.expect(404), json!(NOT_FOUND));
}
