//! `lmctl check`: what must be there once, or at all.

use license_domain::Subject;
use license_lmctl::Exit;
use license_storage_dynamodb::testing::{
    keys::{self, Item, Key},
    table_of,
};
use license_tests::{TestApp, builders::text};
use serde_json::Value;

use super::on;

async fn kinds(app: &TestApp) -> Vec<String> {
    let (exit, out) = on(app, &["check"]).await;
    let problems: Value = serde_json::from_str(&out).expect("JSON");
    let kinds: Vec<String> = problems.as_array().expect("a list").iter().map(|one| text(one, "kind")).collect();
    assert_eq!(exit.expect("it ends"), if kinds.is_empty() { Exit::Done } else { Exit::Problems }, "{out}");
    kinds
}

/// The items in which an attribute has that value.
async fn items_with(app: &TestApp, name: &str, value: &str) -> Vec<Item> {
    let table = table_of(app.running().store());
    let pages = table.client().scan().table_name(table.name()).into_paginator().items().send();
    let mut items = pages.try_collect().await.expect("the engine answers");
    items.retain(|item| item.get(name).and_then(|found| found.as_s().ok()).is_some_and(|found| found == value));
    items
}

#[tokio::test]
async fn ids_are_unique_plans_have_histories_and_rosters_have_plans() {
    let app = TestApp::start().await;
    let plan = app.plan(70).await;
    let held = plan.assigned("ann@example.com").await;
    plan.assigned("bob@example.com").await;
    app.drain().await;
    assert_eq!(kinds(&app).await, [""; 0]);
    let table = table_of(app.running().store());
    let put = async |item: Item| {
        table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.expect("written");
    };
    let delete = async |key: Key| {
        let delete = table.client().delete_item().table_name(table.name()).set_key(Some(key.attributes()));
        delete.send().await.expect("deleted");
    };

    // Bob's license gets the id of Ann's.
    let bobs = items_with(&app, "user_email", "bob@example.com")
        .await
        .into_iter()
        .find(|item| Key::of(item).is_some_and(|key| key.pk.starts_with("LEARNER#") && key.sk.starts_with("LICENSE#")));
    let bobs = bobs.expect("the license");
    let bob = bobs["uuid"].as_s().expect("text").clone();
    let renamed = |value: &aws_sdk_dynamodb::types::AttributeValue| match value.as_s() {
        Ok(text) => aws_sdk_dynamodb::types::AttributeValue::S(text.replace(&bob, &held.id)),
        Err(_) => value.clone(),
    };
    put(bobs.iter().map(|(name, value)| (name.clone(), renamed(value))).collect()).await;
    assert_eq!(kinds(&app).await, ["duplicate_id"]);
    put(bobs).await;
    assert_eq!(kinds(&app).await, [""; 0]);

    // The plan's history is gone.
    let trail = keys::trail(Subject::Plan(license_domain::PlanId(plan.uuid())));
    let entries = items_with(&app, "pk", &trail).await;
    assert!(!entries.is_empty());
    for entry in &entries {
        delete(Key::of(entry).expect("a key")).await;
    }
    assert_eq!(kinds(&app).await, ["missing_trail"]);
    for entry in entries {
        put(entry).await;
    }

    // A roster of a plan that is not there, and one that has waited for days.
    let large = app.plan_with_learners(2_500, 100).await;
    let roster = items_with(&app, "pk", &format!("ROSTER#{}", large.id)).await.remove(0);
    let mut stray = roster.clone();
    stray.extend(keys::roster(license_domain::PlanId(uuid::Uuid::from_u128(7))).attributes());
    put(stray).await;
    let mut found = kinds(&app).await;
    found.retain(|kind| kind == "roster");
    assert_eq!(found.len(), 2, "the clock of the runner is days behind that of lmctl");
}
