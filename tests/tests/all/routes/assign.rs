//! `POST …/licenses/assign/`.

use license_tests::{Role, TestApp, builders::text};
use serde_json::{Value, json};
use uuid::Uuid;

use super::UNKNOWN;

#[tokio::test]
async fn a_learner_is_assigned_once_and_invited_once() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let response = plan.assign(&[" Ann@Example.com ", "bob@example.com", "ann@EXAMPLE.com"]).await.expect(200);
    assert_eq!(response["num_successful_assignments"], 2);
    let lines = response["license_assignments"].as_array().expect("a list");
    assert_eq!(
        lines.iter().map(|line| text(line, "user_email")).collect::<Vec<_>>(),
        ["ann@example.com", "bob@example.com"]
    );

    let license = plan.license(&text(&lines[0], "license")).await;
    assert_eq!((&license["status"], &license["user_email"]), (&json!("assigned"), &json!("ann@example.com")));
    assert!(Uuid::try_parse(&text(&license, "activation_key")).is_ok());
    assert_eq!((&license["activation_date"], &license["revoked_date"]), (&Value::Null, &Value::Null));

    let again = plan.assign(&["ANN@example.com", "cid@example.com"]).await.expect(200);
    assert_eq!((&again["num_successful_assignments"], &again["num_already_associated"]), (&json!(1), &json!(1)));
    app.invariants().await.check();
}

#[tokio::test]
async fn a_listed_seat_is_assigned_under_the_id_it_was_listed_under() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let listed = async || {
        let page = plan.admin().get(&plan.path("licenses/")).await.expect(200);
        let mut ids: Vec<String> =
            page["results"].as_array().expect("a list").iter().map(|one| text(one, "uuid")).collect();
        ids.sort();
        ids
    };
    let before = listed().await;
    plan.assign(&["a@example.com", "b@example.com", "c@example.com"]).await.expect(200);
    assert_eq!(listed().await, before);
}

#[tokio::test]
async fn a_request_for_more_licenses_than_there_are_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let plan = app.plan(2).await;
    let response = plan.assign(&["a@example.com", "b@example.com", "c@example.com"]).await;
    assert!(response.expect(400).is_string(), "a bare JSON string: {}", response.text);
    assert_eq!(plan.overview().await.get("unassigned"), Some(&2));
    plan.assign(&["a@example.com", "b@example.com"]).await.expect(200);
    // A learner with a license needs no seat.
    plan.assign(&["a@example.com"]).await.expect(200);
    plan.assign(&["c@example.com"]).await.expect(400);
    app.invariants().await.check();
}

#[tokio::test]
async fn bodies_that_are_not_valid_are_refused_field_by_field() {
    let app = TestApp::start().await;
    let plan = app.plan(2).await;
    for (body, complaint) in [
        (json!({}), json!({ "user_emails": ["This field is required."] })),
        (json!({ "user_emails": [] }), json!({ "user_emails": ["This list may not be empty."] })),
        (json!({ "user_emails": null }), json!({ "user_emails": ["This field may not be null."] })),
        (
            json!({ "user_emails": ["a@example.com", "b"] }),
            json!({ "user_emails": { "1": ["Enter a valid email address."] } }),
        ),
        (
            json!({ "user_emails": ["a@example.com"], "user_sfids": ["0"] }),
            json!({ "user_sfids": { "0": ["Ensure this field has at least 18 characters."] } }),
        ),
        (
            json!({ "user_emails": ["a@example.com"], "notify_users": "x" }),
            json!({ "notify_users": ["Must be a valid boolean."] }),
        ),
    ] {
        let response = plan.admin().post(&plan.path("licenses/assign/"), &body).await;
        assert_eq!(response.expect(400), complaint, "{body}");
    }
    assert_eq!(app.invariants().await.live(plan.uuid().into()).count(), 0);
}

#[tokio::test]
async fn an_unknown_plan_is_known_to_superusers_only() {
    let app = TestApp::start().await;
    let plan = app.plan(2).await;
    let path = format!("/api/v1/subscriptions/{UNKNOWN}/licenses/assign/");
    let body = json!({ "user_emails": ["a@example.com"] });
    let as_role = |role| app.client(role, plan.agreement.enterprise);
    for role in [Role::Admin, Role::Operator] {
        let response = as_role(role).post(&path, &body).await;
        assert_eq!(response.expect(403), json!({ "detail": "MISSING: subscriptions.has_admin_access" }));
    }
    as_role(Role::Superuser).post(&path, &body).await.expect(404);
    let malformed = as_role(Role::Admin).post("/api/v1/subscriptions/junk/licenses/assign/", &body).await;
    assert_eq!(malformed.expect(404), json!({ "detail": "Not found." }));
}

#[tokio::test]
async fn a_learner_whose_license_was_revoked_gets_a_new_one() {
    let app = TestApp::start().await;
    let plan = app.plan(2).await;
    let first = plan.activated(&app, "ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    let second = plan.assigned("ann@example.com").await;
    assert!(first.id != second.id && first.key != second.key);
    let old = plan.license(&first.id).await;
    assert_eq!((&old["status"], &old["user_email"]), (&json!("revoked"), &json!("ann@example.com")));
    assert_eq!(
        plan.overview().await.into_iter().collect::<Vec<_>>(),
        [("assigned".to_owned(), 1), ("revoked".to_owned(), 1), ("unassigned".to_owned(), 1),]
    );
    app.invariants().await.check();
}
