//! `utilization/`: a plan's counts by day.

use license_tests::{
    TestApp,
    builders::{emails, text},
};
use serde_json::{Value, json};

/// The plan's days in order.
async fn days(client: &license_tests::Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).await.expect(200);
    answer["plans"][0]["days"].as_array().unwrap_or_else(|| panic!("no days in {answer}")).clone()
}

#[tokio::test]
async fn a_plan_is_counted_once_a_day() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let path = plan.path("utilization/");
    // The first look follows the plan's making.
    app.advance("PT2M").await;
    plan.assign(&emails("ann", 0..10)).await.expect(200);
    let first = days(plan.admin(), &path).await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (&first[0]["day"], &first[0]["total"], &first[0]["assigned"]),
        (&json!("2026-11-23"), &json!(100), &json!(0))
    );
    for n in 0..3 {
        plan.activated(&app, &format!("bob{n}@example.com")).await;
    }
    plan.revoke(&["bob0@example.com", "ann00000@example.com"]).await.expect(200);
    // The clock moves on once the history has the changes.
    app.drain().await;
    app.advance("P1D").await;
    app.advance("P1D").await;
    let counted = days(plan.admin(), &path).await;
    assert_eq!(
        counted.iter().map(|day| text(day, "day")).collect::<Vec<_>>(),
        ["2026-11-23", "2026-11-24", "2026-11-25"]
    );
    let second = &counted[1];
    let seats = ["total", "assigned", "activated", "unassigned", "revoked"].map(|name| second[name].clone());
    assert_eq!(seats, [100, 9, 2, 89, 2].map(|n| json!(n)), "{second}");
    assert_eq!((&second["activations"], &second["revocations"]), (&json!(3), &json!(2)), "{second}");
    // The next day counts no change again.
    assert_eq!((&counted[2]["activations"], &counted[2]["revocations"]), (&json!(0), &json!(0)));
    let whole = plan.admin().get(&path).await.expect(200);
    assert_eq!(whole["plans"][0]["never_activated"], 9, "{whole}");

    // A part of it, as a table, and of the whole customer.
    let range = "from=2026-11-24T00:00:00Z&to=2026-11-24T23:00:00Z";
    assert_eq!(days(plan.admin(), &format!("{path}?{range}")).await, std::slice::from_ref(second));
    let csv = plan.admin().get(&format!("{path}?{range}&format=csv")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("2026-11-24,") && lines[1].ends_with(",100,9,2,89,2,3,2"), "{lines:?}");
    let other = app.plan_of(&plan.agreement, 5, &json!({ "start_date": "2026-02-01T00:00:00Z" })).await;
    app.advance("PT2M").await;
    let all = format!("/api/v1/subscriptions/utilization/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let both = plan.admin().get(&all).await.expect(200);
    let plans = both["plans"].as_array().expect("plans");
    assert_eq!(
        plans.iter().map(|plan| text(plan, "subscription_plan_uuid")).collect::<Vec<_>>(),
        [plan.id.clone(), other.id]
    );
    assert_eq!(plans[0]["days"].as_array().map(Vec::len), Some(3));
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn ranges_have_a_maximum() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let path = plan.path("utilization/");
    for range in ["from=2025-01-01T00:00:00Z", "from=2027-01-01T00:00:00Z", "from=x"] {
        let refused = plan.admin().get(&format!("{path}?{range}")).await.expect(400);
        assert!(refused["from"].is_array(), "{range}: {refused}");
    }
    plan.admin().get(&format!("{path}?from=2025-11-24T00:00:00Z")).await.expect(200);
    let all = format!("/api/v1/subscriptions/utilization/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    plan.admin().get(&format!("{all}&from=2026-01-01T00:00:00Z")).await.expect(400);
    plan.admin().get("/api/v1/subscriptions/utilization/").await.expect(400);
}
