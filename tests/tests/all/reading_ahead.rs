//! What is read at the same time as a plan is the same as what would be read after it.

use license_tests::{Fault, TestApp, builders::Plan};
use serde_json::{Value, json};

/// The plan's counts as three endpoints show them: the overview, the list, the customer's plans.
async fn counts(plan: &Plan) -> (Value, Value, Value) {
    let admin = plan.admin();
    let overview = json!(plan.overview().await);
    let list = admin.get(&plan.path("licenses/")).await.expect(200);
    let plans = format!("/api/v1/subscriptions/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let plans = admin.get(&plans).await.expect(200);
    (overview, list["count"].clone(), plans["results"][0]["licenses"].clone())
}

#[tokio::test]
async fn buckets_that_another_process_has_added_are_counted() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    plan.assigned("ann@example.com").await;
    let (overview, listed, shown) = counts(&plan).await;
    assert_eq!(overview, json!({ "unassigned": 9, "assigned": 1 }));
    assert_eq!((&listed, &shown["total"], &shown["allocated"]), (&json!(10), &json!(10), &json!(1)));
    // A worker does it, which has caches of its own: the functions of the API know a plan of one bucket.
    let grow = json!({ "kind": "grow", "subscription_plan": plan.id, "params": { "desired_num_licenses": 100_000 } });
    app.provisioner().post("/api/v1/jobs/", &grow).await.expect(202);
    app.drain().await;
    for _ in 0..2 {
        let (overview, listed, shown) = counts(&plan).await;
        assert_eq!(overview, json!({ "unassigned": 99_999, "assigned": 1 }));
        assert_eq!((&listed, &shown["total"], &shown["allocated"]), (&json!(100_000), &json!(100_000), &json!(1)));
    }
}

#[tokio::test]
async fn a_read_ahead_that_fails_is_repeated_when_the_plan_is_known() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    plan.assigned("ann@example.com").await;
    let before = counts(&plan).await;
    for path in [plan.path("licenses/overview/"), plan.path("licenses/")] {
        let mut reads = 0;
        app.proxy().inject(move |call| {
            reads += usize::from(call.operation == "BatchGetItem");
            // The SDK repeats a call twice.
            if call.operation == "BatchGetItem" && reads <= 3 { Fault::InternalError } else { Fault::None }
        });
        app.proxy().take();
        plan.admin().get(&path).await.expect(200);
        let reads = app.proxy().take().iter().filter(|call| call.operation == "BatchGetItem").count();
        assert_eq!(reads, 4, "three that failed, and one when the plan was known");
        app.proxy().heal();
    }
    assert_eq!(counts(&plan).await, before);
}
