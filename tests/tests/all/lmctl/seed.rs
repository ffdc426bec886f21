//! `lmctl seed-development-data`, `seed-enterprise-devstack-data`.

use license_domain::EnterpriseId;
use license_tests::{Role, TestApp, builders::text};
use reqwest::Method;
use serde_json::json;

use super::done;

#[tokio::test]
async fn a_development_installation_gets_products_a_customer_and_plans() {
    let app = TestApp::start().await;
    let outcomes = async |arguments: &[&str]| -> Vec<String> {
        let rows = done(&app, arguments).await;
        rows.as_array().expect("rows").iter().map(|row| text(row, "outcome")).collect()
    };
    assert_eq!(outcomes(&["seed-development-data"]).await, ["unchanged"; 5]);
    // A product that was renamed is made again.
    let rename = json!({ "name": "Renamed" });
    app.provisioner().send(Method::PATCH, "/api/v1/products/3/", Some(&rename)).await.expect(200);
    let wanted = ["unchanged", "unchanged", "made", "unchanged", "unchanged"];
    assert_eq!(outcomes(&["--dry-run", "seed-development-data"]).await, wanted);
    assert_eq!(app.provisioner().get("/api/v1/products/").await.expect(200)["count"], 7);
    assert_eq!(outcomes(&["seed_development_data"]).await, wanted);
    assert_eq!(outcomes(&["seed-development-data"]).await, ["unchanged"; 5]);

    let customer = app.uuid(0xe).to_string();
    let command = [
        "seed-enterprise-devstack-data",
        "--enterprise-customer-uuid",
        &customer,
        "--enterprise-customer-slug",
        "devstack",
        "--num-licenses",
        "25",
    ];
    let before = app.invariants().await.items;
    done(&app, &[&["--dry-run"][..], &command].concat()).await;
    assert_eq!(app.invariants().await.items, before);
    let first = done(&app, &command).await;
    let second = done(&app, &command).await;
    assert_eq!(first[0]["customer_agreement"], second[0]["customer_agreement"]);
    app.drain().await;
    let admin = app.client(Role::Admin, EnterpriseId(customer.parse().expect("a UUID")));
    let plan = format!("/api/v1/subscriptions/{}/", text(&second[0], "subscription_plan"));
    let plan = admin.get(&plan).await.expect(200);
    assert_eq!((&plan["licenses"]["unassigned"], &plan["plan_type"]), (&json!(25), &json!("Standard Paid")), "{plan}");
    app.invariants().await.check_counts();
}
