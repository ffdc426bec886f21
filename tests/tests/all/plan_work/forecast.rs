//! What will happen to a plan.

use super::*;
use license_domain::EnterpriseId;
use license_tests::Role;

pub(super) async fn forecast(app: &TestApp, plan: &Plan, query: &str) -> Value {
    let operator = app.client(Role::Operator, EnterpriseId(uuid::Uuid::nil()));
    operator.get(&plan.path(&format!("forecast/{query}"))).await.expect(200)
}

fn lines(forecast: &Value) -> Vec<(String, String, Value)> {
    let text = |line: &Value, name: &str| line[name].as_str().expect("a text").to_owned();
    let lines = forecast["prospects"].as_array().expect("a list").iter();
    lines.map(|line| (text(line, "what"), text(line, "state"), line["at"].clone())).collect()
}

#[tokio::test]
async fn what_a_forecast_says_happens_at_that_time() {
    let app = TestApp::start().await;
    let plan = app.plan_of(&app.agreement().await, 20, &json!({ "expiration_date": "2026-12-01T00:00:00Z" })).await;
    plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    let before = whole_table(&app).await;
    let response = forecast(&app, &plan, "").await;
    let line = |what: &str, state: &str, at: Value| (what.to_owned(), state.to_owned(), at);
    assert_eq!(
        lines(&response),
        [
            line("expire_subscription", "ahead", json!("2026-12-01T00:00:00Z")),
            line("retire_licenses", "ahead", json!("2027-03-01T00:00:00Z")),
            line("remind_of_expiration", "never", Value::Null),
            line("send_expiration_mails", "never", Value::Null),
            line("unlink_learners", "never", Value::Null),
        ]
    );
    assert_eq!(response["prospects"][0]["why"], "The plan ends, and no renewal carries it on.");
    assert_eq!(whole_table(&app).await.len(), before.len());
    // Nothing later than asked for; what will not happen has no time.
    let soon = forecast(&app, &plan, "?until=2027-01-01T00:00:00Z").await;
    assert_eq!(lines(&soon).len(), 4, "{soon}");
    app.advance("P9D").await;
    assert_eq!(
        lines(&forecast(&app, &plan, "").await)[1..],
        [
            line("expire_subscription", "done", Value::Null),
            line("send_expiration_mails", "never", Value::Null),
            line("unlink_learners", "never", Value::Null),
        ]
    );
    app.advance("P100D").await;
    app.advance("PT10M").await;
    let response = forecast(&app, &plan, "").await;
    assert!(lines(&response).contains(&line("retire_licenses", "done", Value::Null)), "{response}");
}

#[tokio::test]
async fn a_forecast_is_shown_to_admins_of_the_plans_customer_only() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.admin().get(&plan.path("forecast/")).await.expect(200);
    app.agreement().await.admin.get(&plan.path("forecast/")).await.expect(403);
    let operator = app.client(Role::Operator, plan.agreement.enterprise);
    operator.get(&plan.path("forecast/?until=soon")).await.expect(400);
    let none = format!("/api/v1/subscriptions/{}/forecast/", app.uuid(0xd));
    // As where the plan itself is read.
    let of_plan = operator.get(&format!("/api/v1/subscriptions/{}/", app.uuid(0xd))).await;
    assert_eq!(operator.get(&none).await.status, of_plan.status);
    operator.get(&format!("/subscriptions/{}/forecast/", plan.id)).await.expect(200);
}
