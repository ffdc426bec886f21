//! Moves the clock, and with it what is current.

use license_tests::TestApp;
use serde_json::json;

#[tokio::test]
async fn a_plan_that_has_ended_activates_no_license() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let (early, late) = (plan.assigned("early@example.com").await, plan.assigned("late@example.com").await);
    plan.activate(&app, &early).await.expect(200);
    let shown = app.anonymous().post("/_local/clock", &json!({ "now": "2027-12-31T12:00:00Z" })).await.expect(200);
    assert!(shown["now"].as_str().is_some_and(|now| now.starts_with("2027-12-31T12:00:0")), "{shown}");
    let response = plan.activate(&app, &late).await.expect(404);
    assert_eq!(response, json!({ "detail": "No License matches the given query." }));
    let plan_now = plan.admin().get(&plan.path("")).await;
    // The admin's token was issued when the plan was current; the runner's tokens do not expire with its clock.
    let shown = plan_now.expect(200);
    assert_eq!((&shown["is_current"], &shown["days_until_expiration"]), (&json!(false), &json!(-1)));
    app.invariants().await.check();
}

#[tokio::test]
async fn the_clock_only_goes_forward() {
    let app = TestApp::start().await;
    let now = |body: &serde_json::Value| body["now"].as_str().expect("a time").to_owned();
    let before = now(&app.anonymous().get("/_local/clock").await.expect(200));
    assert!(before.starts_with("2026-11-23T10:46:"), "{before}");
    let after = now(&app.advance("P1DT1H").await);
    assert!(after.starts_with("2026-11-24T11:46:"), "{after}");
    for body in [json!({ "now": "2026-11-23T00:00:00Z" }), json!({ "advance": "-P1D" }), json!({ "advance": "soon" })] {
        let response = app.anonymous().post("/_local/clock", &body).await;
        assert_eq!(response.status.as_u16(), 400, "{body}: {}", response.text);
    }
    assert!(now(&app.anonymous().get("/_local/clock").await.expect(200)) >= after);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let app = TestApp::start().await;
    let claims = json!({
        "preferred_username": "late", "email": "late@example.com", "superuser": true, "roles": [],
        "exp": app.now().timestamp() + 600,
    });
    let client = app.client_with(claims);
    client.get("/api/v1/customer-agreement/").await.expect(200);
    app.advance("PT11M").await;
    let response = client.get("/api/v1/customer-agreement/").await;
    assert_eq!(response.expect(401), json!({ "detail": "Invalid token." }));
}
