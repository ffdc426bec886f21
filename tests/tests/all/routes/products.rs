//! `products/` and `plan-types/`: what plans are sold as is maintained by those who make plans.

use license_storage::ChangeProducts;
use license_tests::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

const PRODUCTS: &str = "/api/v1/products/";
const KINDS: &str = "/api/v1/plan-types/";

async fn change(app: &TestApp, path: &str, body: Value) -> license_tests::TestResponse {
    app.provisioner().send(Method::PATCH, path, Some(&body)).await
}

#[tokio::test]
async fn products_are_created_changed_and_sold() {
    let app = TestApp::start().await;
    let kind = json!({ "label": "Academy", "ns_id_required": false, "sf_id_required": false, "reason": "a new offer" });
    let kind = app.provisioner().post(KINDS, &kind).await.expect(201);
    assert_eq!(
        (&kind["id"], &kind["is_paid_subscription"], &kind["ns_id_required"]),
        (&json!(7), &json!(true), &json!(false))
    );
    let body = json!({ "name": "Academy for teams", "plan_type": 7, "description": "Essentials" });
    let product = app.provisioner().post(PRODUCTS, &body).await.expect(201);
    assert_eq!((&product["id"], &product["netsuite_id"]), (&json!(8), &Value::Null), "{product}");
    let listed = app.provisioner().get(PRODUCTS).await.expect(200);
    assert_eq!(listed["results"].as_array().and_then(|all| all.last()), Some(&product));
    // It can be sold at once, by the rules of its plan type.
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 5, &json!({ "product": 8, "salesforce_opportunity_line_item": null })).await;
    assert_eq!(plan.admin().get(&plan.path("")).await.expect(200)["plan_type"], "Academy");

    let changed =
        change(&app, &format!("{PRODUCTS}8/"), json!({ "name": "Teams", "netsuite_id": 44 })).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["description"], &changed["netsuite_id"]),
        (&json!("Teams"), &json!("Essentials"), &json!(44))
    );
    change(&app, &format!("{KINDS}7/"), json!({ "ns_id_required": true })).await.expect(200);
    // What was done is on record, the newest first.
    let records = app.running().store().product_changes(10).await.expect("the table answers");
    let subjects: Vec<&str> = records.iter().map(|record| record.subject.as_str()).collect();
    assert_eq!(subjects, ["plan type 7", "product 8", "product 8", "plan type 7"]);
    assert_eq!(records[3].reason, "a new offer");
    assert_eq!(records[1].changes["name"].before, "Academy for teams");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({ "plan_type": 1, "netsuite_id": 5 }), "name"),
        (json!({ "name": "x".repeat(129), "plan_type": 1, "netsuite_id": 5 }), "name"),
        (json!({ "name": "x", "description": "x".repeat(256), "plan_type": 1, "netsuite_id": 5 }), "description"),
        (json!({ "name": "x", "plan_type": 99, "netsuite_id": 5 }), "plan_type"),
        (json!({ "name": "x", "plan_type": 1 }), "netsuite_id"),
        (json!({ "name": "x", "plan_type": 1, "netsuite_id": 0 }), "netsuite_id"),
    ] {
        let refused = app.provisioner().post(PRODUCTS, &body).await.expect(400);
        assert!(refused[field].is_array(), "{body}: {refused}");
    }
    // A product keeps the id that its plan type requires, and a plan type does not begin to require what is not there.
    let refused = change(&app, &format!("{PRODUCTS}1/"), json!({ "netsuite_id": null })).await.expect(400);
    assert!(refused["netsuite_id"].is_array(), "{refused}");
    let refused = change(&app, &format!("{KINDS}3/"), json!({ "ns_id_required": true })).await.expect(400);
    assert!(refused["ns_id_required"].is_array(), "{refused}");
    change(&app, &format!("{PRODUCTS}99/"), json!({ "name": "x" })).await.expect(404);
    change(&app, &format!("{KINDS}99/"), json!({ "label": "x" })).await.expect(404);
    let before = app.provisioner().get(PRODUCTS).await.expect(200);
    assert_eq!(before["count"], 7);
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let app = TestApp::start().await;
    let client = app.provisioner();
    let bodies: Vec<Value> = (0..6).map(|n| json!({ "name": format!("Offer {n}"), "plan_type": 3 })).collect();
    let made = futures::future::join_all(bodies.iter().map(|body| client.post(PRODUCTS, body))).await;
    let mut ids: Vec<u64> =
        made.into_iter().map(|answer| answer.expect(201)["id"].as_u64().expect("a number")).collect();
    ids.sort_unstable();
    assert_eq!(ids, [8, 9, 10, 11, 12, 13]);
    assert_eq!(client.get(PRODUCTS).await.expect(200)["count"], 13);
}
