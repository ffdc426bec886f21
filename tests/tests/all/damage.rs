//! Damaged items: what the product cannot read is an error, and never a default that looks like a fact.

use aws_sdk_dynamodb::types::AttributeValue;
use license_domain::{EmailAddress, PlanId};
use license_storage::{Portfolios, StoreError};
use license_storage_dynamodb::{
    Store,
    testing::{
        keys::{self, BucketKeys, Key, LearnerKeys},
        table_of,
    },
};
use license_tests::{TestApp, builders::Plan};

/// Removes an attribute of an item.
async fn remove(app: &TestApp, key: &Key, attribute: &str) {
    let table = table_of(app.running().store());
    let update = table.client().update_item().table_name(table.name()).set_key(Some(key.attributes()));
    let update = update.update_expression("REMOVE #name").expression_attribute_names("#name", attribute);
    update.send().await.expect("the engine responds");
}

async fn delete(app: &TestApp, key: &Key) {
    let table = table_of(app.running().store());
    let delete = table.client().delete_item().table_name(table.name()).set_key(Some(key.attributes()));
    delete.send().await.expect("the engine responds");
}

fn bucket(plan: &Plan, bucket: u16) -> Key {
    BucketKeys { plan: PlanId(plan.uuid()), bucket }.bucket()
}

fn slot(plan: &Plan, email: &str) -> Key {
    LearnerKeys(&EmailAddress::parse(email).expect("an address").key()).slot(PlanId(plan.uuid()))
}

#[tokio::test]
async fn a_plan_without_one_of_its_buckets_has_no_counts() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    plan.assign(&["ann@example.com"]).await.expect(200);
    for path in ["", "licenses/", "licenses/overview/"] {
        plan.admin().get(&plan.path(path)).await.expect(200);
    }
    delete(&app, &bucket(&plan, 1)).await;
    for path in ["", "licenses/", "licenses/overview/", "licenses/csv/"] {
        let response = plan.admin().get(&plan.path(path)).await;
        assert_eq!(response.status.as_u16(), 500, "{path}: {}", response.text);
    }
}

#[tokio::test]
async fn a_plan_whose_buckets_are_all_gone_was_deleted_meanwhile() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    for n in 0..4 {
        delete(&app, &bucket(&plan, n)).await;
    }
    assert_eq!(plan.overview().await.values().sum::<u64>(), 1_000, "only the plan's own number is left");
    plan.assign(&["ann@example.com"]).await.expect(400);
}

#[tokio::test]
async fn a_license_without_a_version_is_reported_at_once() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let held = plan.assigned("ann@example.com").await;
    remove(&app, &slot(&plan, &held.email), "version").await;
    app.proxy().take();
    // It would be attempted again and again, each time on a condition that never holds, and be 503 in the end.
    let response = plan.revoke(&[&held.email]).await;
    assert_eq!(response.status.as_u16(), 500, "{}", response.text);
    assert!(!app.proxy().take().iter().any(|call| call.operation == "TransactWriteItems"));
    assert!(!response.text.contains("LEARNER#") && !response.text.contains(&held.email), "{}", response.text);
}

#[tokio::test]
async fn a_pointer_without_a_target_is_no_missing_plan() {
    let app = TestApp::start().await;
    let plan = PlanId(app.plan(10).await.uuid());
    // A process that has not read the plan before follows the pointer.
    let store = app.running().store();
    let client = table_of(store).client().clone();
    let other = || Store::new(client.clone(), table_of(store).name(), store.clock().clone(), store.random().clone());
    assert!(other().portfolio_of_plan(plan).await.expect("the engine responds").is_some());
    remove(&app, &keys::plan(plan), "target").await;
    let error = other().portfolio_of_plan(plan).await.expect_err("it is damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }) && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_list_with_an_unreadable_entry_is_not_a_shorter_list() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let list = "/api/v1/provisioning-admins/subscriptions/";
    app.provisioner().get(list).await.expect(200);
    let key = keys::AgreementKeys(plan.agreement.id.parse().expect("an id")).agreement();
    let table = table_of(app.running().store());
    let mut item = table.get(&key).await.expect("the engine responds").expect("the agreement");
    item.insert(format!("{}sk", keys::GSI2), AttributeValue::S("no id".to_owned()));
    table.write_all(vec![item]).await.expect("written");
    let response = app.provisioner().get(list).await;
    assert_eq!(response.status.as_u16(), 500, "{}", response.text);
}
