//! `POST subscriptions/{plan}/licenses/remind/` and `remind-all/`.

use license_domain::Consequence;
use license_tests::{
    TestApp,
    builders::{Plan, emails},
};
use serde_json::{Value, json};

/// The day after assignments.
const NEXT_DAY: &str = "2026-11-24";

const NONE_PENDING: &str = "Could not find any licenses pending activation";

async fn reminded(plan: &Plan) -> Vec<String> {
    let page = plan.admin().get(&plan.path("licenses/?page_size=500")).await.expect(200);
    // The time of the assignment is the first one.
    let is_later = |one: &Value| one["last_remind_date"].as_str().is_some_and(|at| at > NEXT_DAY);
    let of = |one: &Value| is_later(one).then(|| one["user_email"].as_str().map(str::to_owned));
    let mut found: Vec<String> =
        page["results"].as_array().expect("a list").iter().filter_map(|one| of(one).flatten()).collect();
    found.sort();
    found
}

#[tokio::test]
async fn invited_learners_are_reminded() {
    let app = TestApp::start().await;
    let plan = app.plan(9).await;
    plan.assign(&["ann@example.com", "bob@example.com", "cid@other.example"]).await.expect(200);
    plan.activated(&app, "dan@example.com").await;
    app.advance("P1D").await;
    let remind = async |body: Value| plan.admin().post(&plan.path("licenses/remind/"), &body).await;

    remind(json!({ "user_emails": ["ANN@example.com"], "greeting": "Hello", "closing": "" })).await.expect(204);
    assert_eq!(reminded(&plan).await, ["ann@example.com"]);
    let invariants = app.invariants().await;
    invariants.check();
    let mails: Vec<&Consequence> = invariants.events.iter().flat_map(|event| &event.consequences).collect();
    let mail = Consequence::MailReminder { greeting: Some("Hello".to_owned()), closing: None };
    assert_eq!(mails.iter().filter(|other| ***other == mail).count(), 1, "{mails:?}");

    // One learner who has activated, or is unknown, makes the whole request fail.
    for email in ["dan@example.com", "eve@example.com"] {
        let response = remind(json!({ "user_emails": ["bob@example.com", email] })).await.expect(404);
        assert_eq!(response, json!(format!("{NONE_PENDING} that are associated with the email: {email}")));
    }
    assert_eq!(reminded(&plan).await.len(), 1);

    let filter = |value: &str| json!({ "filters": [{ "name": "user_email", "filter_value": value }] });
    remind(filter("other")).await.expect(204);
    assert_eq!(reminded(&plan).await, ["ann@example.com", "cid@other.example"]);
    remind(filter("dan")).await.expect(204);
    assert_eq!(reminded(&plan).await.len(), 2);
    let both = json!({
        "user_emails": ["ann@example.com"], "filters": [{ "name": "user_email", "filter_value": "a" }]
    });
    for body in [json!({}), json!({ "user_emails": [] }), json!({ "user_emails": ["x"] }), both] {
        remind(body).await.expect(400);
    }
    let greeting = json!({ "user_emails": ["ann@example.com"], "greeting": [1] });
    assert_eq!(remind(greeting).await.expect(400), json!({ "greeting": ["Not a valid string."] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_learners_who_have_not_activated_are_reminded() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let remind = async || plan.admin().post(&plan.path("licenses/remind-all/"), &json!({})).await;
    assert_eq!(remind().await.expect(404), json!(NONE_PENDING));
    plan.assign(&emails("learner", 0..200)).await.expect(200);
    plan.activated(&app, "ann@example.com").await;
    app.advance("P1D").await;
    remind().await.expect(204);
    let found = reminded(&plan).await;
    assert_eq!((found.len(), found.contains(&"ann@example.com".to_owned())), (200, false));
    app.invariants().await.check();
}
