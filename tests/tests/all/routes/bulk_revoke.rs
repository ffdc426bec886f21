//! `POST …/licenses/bulk-revoke/`.

use license_tests::{
    TestApp,
    builders::{emails, text},
};
use serde_json::{Value, json};

#[tokio::test]
async fn revoking_gives_a_seat_back() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let body = plan.revoke(&["ANN@example.com", "bob@example.com"]).await.expect(200);
    assert_eq!(body["unsuccessful_revocations"], json!([]));
    let done = body["successful_revocations"].as_array().expect("a list");
    assert_eq!(done[0]["license_uuid"], ann.id.as_str());
    assert_eq!(done.iter().map(|one| text(one, "original_status")).collect::<Vec<_>>(), ["activated", "assigned"]);
    assert!(plan.license(&ann.id).await["revoked_date"].is_string());
    let shown = plan.admin().get(&plan.path("")).await.expect(200);
    assert_eq!(
        shown["licenses"],
        json!({ "activated": 0, "assigned": 0, "revoked": 2, "unassigned": 3, "total": 3, "allocated": 0 })
    );
    app.invariants().await.check();
}

#[tokio::test]
async fn some_or_all_learners_may_hold_no_license() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    plan.assigned("ann@example.com").await;
    let some = plan.revoke(&["ann@example.com", "zed@example.com"]).await.expect(207);
    assert_eq!(some["successful_revocations"].as_array().map(Vec::len), Some(1));
    assert_eq!(some["unsuccessful_revocations"][0]["error_response_status"], 404);
    let none = plan.revoke(&["ann@example.com", "zed@example.com"]).await.expect(404);
    assert_eq!(
        none.as_object().map(|fields| fields.keys().cloned().collect()),
        Some(vec!["unsuccessful_revocations".to_owned()])
    );
    assert_eq!(none["unsuccessful_revocations"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn filters_choose_the_learners() {
    let app = TestApp::start().await;
    let plan = app.plan(6).await;
    plan.activated(&app, "ann@one.example").await;
    for email in ["bob@one.example", "cid@two.example"] {
        plan.assigned(email).await;
    }
    let revoke = async |filters: Value| {
        plan.admin().post(&plan.path("licenses/bulk-revoke/"), &json!({ "filters": filters })).await
    };
    let assigned = revoke(json!([
        { "name": "status_in", "filter_value": ["assigned"] },
        { "name": "user_email", "filter_value": "ONE" },
    ]));
    let body = assigned.await.expect(200);
    assert_eq!(body["successful_revocations"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["successful_revocations"][0]["user_email"], "bob@one.example");
    let wrong = revoke(json!([{ "name": "user_email", "filter_value": 3 }])).await;
    assert_eq!(wrong.expect(400), json!({ "non_field_errors": ["Malformed filters, user_email must be a string."] }));
    app.invariants().await.check();
}

#[tokio::test]
async fn the_cap_counts_activated_licenses_and_refuses_all_or_none() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let capped = json!({ "is_revocation_cap_enabled": true, "revoke_max_percentage": 10 });
    let plan = app.plan_of(&agreement, 15, &capped).await;
    for email in emails("a", 0..4) {
        plan.activated(&app, &email).await;
    }
    plan.assign(&emails("b", 0..5)).await.expect(200);
    let revocations = async || plan.admin().get(&plan.path("")).await.expect(200)["revocations"].clone();
    assert_eq!(revocations().await, json!({ "applied": 0, "remaining": 2 }));

    // Assigned licenses do not count.
    plan.revoke(&emails("b", 0..5)).await.expect(200);
    assert_eq!(revocations().await, json!({ "applied": 0, "remaining": 2 }));
    let refused = plan.revoke(&emails("a", 0..3)).await.expect(400);
    assert_eq!(refused["unsuccessful_revocations"].as_array().map(Vec::len), Some(1), "the request as a whole");
    assert_eq!(refused["unsuccessful_revocations"][0]["error_response_status"], 400);
    assert_eq!(revocations().await, json!({ "applied": 0, "remaining": 2 }));
    plan.revoke(&emails("a", 0..2)).await.expect(200);
    assert_eq!(revocations().await, json!({ "applied": 2, "remaining": 0 }));
    plan.revoke(&emails("a", 2..3)).await.expect(400);
    app.invariants().await.check();
}

#[tokio::test]
async fn more_licenses_than_one_transaction_holds_are_revoked() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let people = emails("learner", 0..250);
    plan.assign(&people).await.expect(200);
    let body = plan.revoke(&people).await.expect(200);
    assert_eq!(body["successful_revocations"].as_array().map(Vec::len), Some(250));
    let overview = plan.overview().await;
    assert_eq!((overview["revoked"], overview["unassigned"]), (250, 300));
    app.invariants().await.check();
}

#[tokio::test]
async fn bodies_that_are_not_valid_are_refused() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    for (body, complaint) in [
        (json!({}), json!({ "non_field_errors": ["Either user_emails or filters must be provided."] })),
        (json!({ "user_emails": [] }), json!({ "user_emails": ["This list may not be empty."] })),
        (json!({ "user_emails": ["x"] }), json!({ "user_emails": { "0": ["Enter a valid email address."] } })),
    ] {
        assert_eq!(plan.admin().post(&plan.path("licenses/bulk-revoke/"), &body).await.expect(400), complaint);
    }
}
