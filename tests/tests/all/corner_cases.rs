//! Corner cases of the contract without a recording: each test is a line of it.

use license_domain::EnterpriseId;
use license_tests::{
    Role, TestApp,
    builders::{emails, text},
};
use serde_json::{Value, json};
use uuid::Uuid;

const UNKNOWN: &str = "00000000-0000-4000-8000-00000000dead";
const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";

#[tokio::test]
async fn the_time_of_the_assignment_is_that_of_the_first_reminder() {
    let app = TestApp::start().await;
    let plan = app.plan_of(&app.agreement().await, 3, &json!({ "should_auto_apply_licenses": true })).await;
    let held = plan.assigned("ann@example.com").await;
    let day = |license: &Value| text(license, "last_remind_date")[..10].to_owned();
    assert_eq!(day(&plan.license(&held.id).await), "2026-11-23");
    app.advance("P1D").await;
    plan.admin().post(&plan.path("licenses/remind/"), &json!({ "user_emails": [held.email] })).await.expect(204);
    assert_eq!(day(&plan.license(&held.id).await), "2026-11-24");
    let list = plan.admin().get(&plan.path("licenses/?status=assigned")).await.expect(200);
    assert_eq!(day(&list["results"][0]), "2026-11-24");
}

#[tokio::test]
async fn more_learners_are_reminded_than_one_call_reads() {
    let app = TestApp::start().await;
    let plan = app.plan(250).await;
    let learners = emails("ann", 0..220);
    plan.assign(&learners).await.expect(200);
    app.advance("P1D").await;
    let path = plan.path("licenses/remind/");
    plan.admin().post(&path, &json!({ "user_emails": learners })).await.expect(204);
    app.drain().await;
    let list = plan.admin().get(&plan.path("licenses/?status=assigned&page_size=500")).await.expect(200);
    let licenses = list["results"].as_array().expect("licenses").iter();
    let reminded = licenses.filter(|license| text(license, "last_remind_date").starts_with("2026-11-24"));
    assert_eq!(reminded.count(), 220);
    let mut with_a_stranger = learners.clone();
    with_a_stranger.push("stranger@example.com".to_owned());
    plan.admin().post(&path, &json!({ "user_emails": with_a_stranger })).await.expect(404);
    let filters = json!({ "filters": [{ "name": "user_email", "filter_value": "nothing-like-it" }] });
    plan.admin().post(&path, &filters).await.expect(204);
}

#[tokio::test]
async fn an_unknown_plan_is_refused_in_the_form_that_each_client_reads() {
    let app = TestApp::start().await;
    let superuser = app.client(Role::Superuser, EnterpriseId(Uuid::nil()));
    let path = |rest: &str| format!("/api/v1/subscriptions/{UNKNOWN}/licenses/{rest}/");
    let body = json!({ "user_emails": ["ann@example.com"] });
    for rest in ["remind", "remind-all", "revoke-all"] {
        assert!(superuser.post(&path(rest), &body).await.expect(404).is_string(), "{rest}");
    }
    let refused = superuser.post(&path("bulk-revoke"), &body).await.expect(404);
    assert_eq!(refused["unsuccessful_revocations"][0]["error_response_status"], json!(404), "{refused}");
}

#[tokio::test]
async fn the_cap_refuses_a_bulk_revoke_as_a_whole() {
    let app = TestApp::start().await;
    let changes = json!({ "is_revocation_cap_enabled": true, "revoke_max_percentage": 10 });
    let plan = app.plan_of(&app.agreement().await, 10, &changes).await;
    for name in ["ann@example.com", "bob@example.com", "cid@example.com"] {
        plan.activated(&app, name).await;
    }
    let refused = plan.revoke(&["ann@example.com", "bob@example.com", "cid@example.com"]).await.expect(400);
    let failures = refused["unsuccessful_revocations"].as_array().expect("failures");
    assert_eq!(failures.len(), 1, "{refused}");
    assert_eq!((&failures[0]["error_response_status"], &failures[0]["user_email"]), (&json!(400), &Value::Null));
    assert_eq!(plan.overview().await["activated"], 3);
}

#[tokio::test]
async fn lists_are_complained_about_under_their_own_names() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let refused = plan
        .admin()
        .post(
            &plan.path("licenses/bulk-revoke/"),
            &json!({ "filters": [{ "name": "user_email", "filter_value": "a" }, 3] }),
        )
        .await
        .expect(400);
    assert!(refused["filters"]["1"].is_array(), "{refused}");
    let body = json!({ "user_emails": ["ann@example.com"], "user_sfids": [] });
    let refused = plan.admin().post(&plan.path("licenses/assign/"), &body).await.expect(400);
    assert_eq!(refused, json!({ "user_sfids": ["This list may not be empty."] }));
}

#[tokio::test]
async fn enrolling_all_needs_a_plan() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let path = format!(
        "/api/v1/bulk-license-enrollment?enterprise_customer_uuid={}&enroll_all=true",
        plan.agreement.enterprise
    );
    let body = json!({ "emails": ["ann@example.com"], "course_run_keys": ["x"], "notify": false });
    assert!(plan.admin().post(&path, &body).await.expect(400).is_string());
}

#[tokio::test]
async fn learners_who_have_not_activated_are_led_to_their_activation() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    plan.activated(&app, "bob@example.com").await;
    let path = format!("/api/v1/bulk-license-enrollment?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let body = json!({
        "emails": ["ann@example.com", "bob@example.com"], "course_run_keys": ["course-v1:edX+DemoX+2026"], "notify": true,
    });
    plan.admin().post(&path, &body).await.expect(201);
    app.drain().await;
    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let mut calls = calls.as_array().expect("calls").iter();
    let call = calls.find(|call| text(call, "path").contains("enroll_learners_in_courses")).expect("a call");
    let link_of = |email: &str| {
        let rows = call["body"]["licenses_info"].as_array().expect("rows");
        rows.iter().find(|row| row["email"] == email).expect("a row").get("activation_link").cloned()
    };
    let link = link_of("ann@example.com").expect("a link");
    assert!(link.as_str().is_some_and(|link| link.ends_with(&format!("/licenses/{}/activate", held.key))), "{link}");
    assert_eq!(link_of("bob@example.com"), None);
}

#[tokio::test]
async fn a_token_without_an_address_has_no_licenses_and_gets_a_message() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let enterprise = plan.agreement.enterprise;
    let mut claims = Role::Learner.claims(enterprise, enterprise);
    claims["email"] = Value::Null;
    let path = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={enterprise}");
    assert!(app.client_with(claims.clone()).get(&path).await.expect(400).is_string());
    // An address with invisible characters is invalid.
    claims["email"] = json!("ann\u{202e}@example.com");
    app.client_with(claims.clone()).get(&path).await.expect(400);
    claims["email"] = json!("ann@example.com");
    app.client_with(claims.clone()).get(&path).await.expect(200);
    claims["version"] = json!("2.0.0");
    app.client_with(claims).get(&path).await.expect(401);
}

#[tokio::test]
async fn statuses_are_named_in_any_case() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    plan.activated(&app, "ann@example.com").await;
    let list = plan.admin().get(&plan.path("licenses/?status=ACTIVATED")).await.expect(200);
    assert_eq!(list["count"], json!(1));
}

#[tokio::test]
async fn plans_that_are_not_active_are_no_plans_of_the_customer() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 3, &json!({ "is_active": false })).await;
    let path = format!("/api/v1/subscriptions/{}/", plan.id);
    plan.admin().get(&path).await.expect(200);
    plan.admin().get(&format!("{path}?enterprise_customer_uuid={}", agreement.enterprise)).await.expect(404);
    let path = format!("/api/v1/provisioning-admins/customer-agreement/{}/", agreement.id);
    assert_eq!(app.provisioner().get(&path).await.expect(200)["subscriptions"], json!([]));
}

#[tokio::test]
async fn staff_are_refused_with_a_sentence() {
    let app = TestApp::start().await;
    let staff = app.client(Role::Staff, EnterpriseId(Uuid::nil()));
    let found = staff.post("/api/v1/staff_lookup_licenses/", &json!({ "user_email": "unknown@example.com" })).await;
    found.expect(404);
    assert_eq!(found.text, "");
    for body in [json!({}), json!({ "user_email": " " })] {
        assert!(staff.post("/api/v1/staff_lookup_licenses/", &body).await.expect(400).is_string());
    }
    for query in ["", "?user_email=", "?user_email=ann@example.com", "?user_email=%20"] {
        assert!(staff.get(&format!("/api/v1/admin-license-view/{query}")).await.expect(400).is_string(), "{query}");
    }
}

#[tokio::test]
async fn renewals_are_checked_by_the_rules_of_the_contract() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(3).await, app.plan(3).await);
    let provisioner = app.provisioner();
    let list = provisioner.get(&format!("{RENEWALS}?prior_subscription_plan=junk")).await.expect(400);
    assert!(list["prior_subscription_plan"].is_array(), "{list}");
    let mut body = json!({
        "prior_subscription_plan": plan.id, "renewed_subscription_plan": null, "number_of_licenses": 3,
        "salesforce_opportunity_id": "short", "effective_date": "2028-01-01T00:00:00Z",
        "renewed_expiration_date": "2029-01-01T00:00:00Z",
    });
    let refused = provisioner.post(RENEWALS, &body).await.expect(400);
    assert!(refused["salesforce_opportunity_id"].is_array(), "{refused}");
    body["salesforce_opportunity_id"] = json!("00k000000000000777");
    let renewal = provisioner.post(RENEWALS, &body).await.expect(201);
    let path = format!("{RENEWALS}{}/", renewal["id"]);
    for (change, field) in [
        (json!({ "processed": true }), "non_field_errors"),
        (json!({ "junk": 1 }), "non_field_errors"),
        (json!({ "salesforce_opportunity_id": null }), "salesforce_opportunity_id"),
        (json!({ "effective_date": "2025-12-31T00:00:00Z" }), "effective_date"),
        (json!({ "renewed_expiration_date": "2028-01-01T00:00:00Z" }), "renewed_expiration_date"),
        (json!({ "renewed_subscription_plan": other.id }), "non_field_errors"),
    ] {
        let refused = provisioner.patch(&path, &change).await.expect(400);
        assert!(refused[field].is_array(), "{change}: {refused}");
    }
    assert_eq!(provisioner.get(&path).await.expect(200), renewal);
}

#[tokio::test]
async fn new_plans_are_refused_in_the_form_that_each_client_reads() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let path = "/api/v1/provisioning-admins/subscriptions/";
    let body = app.plan_body(&plan.agreement, 3);
    app.provisioner().post(path, &body).await.expect(201);
    let refused = app.provisioner().post(path, &body).await.expect(400);
    assert!(refused["error"]["non_field_errors"].is_array(), "{refused}");
    let with = |name: &str, value: Value| {
        let mut body = app.plan_body(&plan.agreement, 3);
        body[name] = value;
        body
    };
    for body in
        [json!([1]), with("product", json!(99)), with("salesforce_opportunity_line_item", json!("00k".repeat(99)))]
    {
        let refused = app.provisioner().post(path, &body).await.expect(400);
        assert!(refused["error"].is_string(), "{refused}");
    }
}
