//! A plan of a million seats, without a single write for a seat.

use license_storage_dynamodb::testing::{keys, table_of};
use license_tests::{
    Call, TestApp,
    builders::{Plan, text},
};
use serde_json::{Value, json};

const MILLION: u64 = 1_000_000;

fn written(calls: &[Call]) -> usize {
    calls.iter().map(Call::writes).sum()
}

fn read_units(calls: &[Call]) -> f64 {
    calls.iter().map(|call| call.read_units).sum()
}

async fn page(plan: &Plan, query: &str) -> Value {
    plan.admin().get(&plan.path(&format!("licenses/?{query}"))).await.expect(200)
}

fn uuids(page: &Value) -> Vec<String> {
    page["results"].as_array().expect("results").iter().map(|license| text(license, "uuid")).collect()
}

#[tokio::test]
async fn a_million_seats_cost_as_much_as_ten() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let before = app.invariants().await.items;
    app.proxy().take();

    let plan = app.plan_of(&agreement, MILLION, &json!({})).await;
    let calls = app.proxy().take();
    // Plan, title, two pointers, event, 16 buckets; the agreement is checked in the same transaction.
    let items = app.invariants().await.items - before;
    assert_eq!((items, written(&calls)), (21, 22));

    assert_eq!(plan.overview().await.into_iter().collect::<Vec<_>>(), [("unassigned".to_owned(), MILLION)]);
    let shown = plan.admin().get(&plan.path("")).await.expect(200);
    assert_eq!((&shown["licenses"]["total"], &shown["licenses"]["unassigned"]), (&json!(MILLION), &json!(MILLION)));

    let first = page(&plan, "").await;
    assert_eq!((&first["count"], &first["num_pages"]), (&json!(MILLION), &json!(10_000)));
    app.proxy().take();
    let last = page(&plan, "page=10000").await;
    let deep = app.proxy().take();
    assert!(read_units(&deep) < 50.0, "the last page costs {} read units", read_units(&deep));
    assert_eq!((uuids(&last).len(), &last["next"]), (100, &Value::Null));
    assert_eq!(uuids(&page(&plan, "page=last").await), uuids(&last), "stable ids");
    assert_eq!(plan.admin().get(&plan.path("licenses/?page=10001")).await.status.as_u16(), 404);
    let middle = [page(&plan, "page=1000&page_size=500").await, page(&plan, "page=1001&page_size=500").await];
    let mut middle: Vec<String> = middle.iter().flat_map(uuids).collect();
    middle.sort_unstable();
    middle.dedup();
    assert_eq!(middle.len(), 1_000, "neighboring pages have no common license");

    // Free seats are read by the ids under which they were listed, and keep them when they are assigned.
    let seat = uuids(&last).pop().expect("a seat");
    assert_eq!(plan.license(&seat).await["status"], "unassigned");
    let ann = plan.assigned("ann@example.com").await;
    assert_eq!(plan.license(&ann.id).await["user_email"], "ann@example.com");
    let found = page(&plan, "search=ANN").await;
    assert_eq!((uuids(&found), &found["count"]), (vec![ann.id.clone()], &json!(1)));
    let free = page(&plan, "status=unassigned").await;
    assert_eq!(free["count"], MILLION - 1);
    assert_eq!(uuids(&page(&plan, "page_size=1").await), [ann.id.as_str()], "activated and assigned come first");
    app.invariants().await.check();
}

#[tokio::test]
async fn every_seat_is_listed_exactly_once() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    let people = license_tests::builders::emails("learner", 0..230);
    plan.assign(&people[..200]).await.expect(200);
    plan.revoke(&people[..50]).await.expect(200);
    plan.assign(&people[200..]).await.expect(200);
    let mut seen = Vec::new();
    let mut next = Some(plan.path("licenses/?page_size=70"));
    while let Some(path) = next {
        let page = plan.admin().get(&path).await.expect(200);
        assert_eq!(page["count"], 1_050, "1,000 seats and 50 revoked");
        seen.extend(uuids(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 1_050);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1_050);
}

#[tokio::test]
async fn an_overview_costs_the_same_for_ten_and_for_a_million() {
    let app = TestApp::proxied().await;
    let mut costs = Vec::new();
    for seats in [10, MILLION] {
        let plan = app.plan(seats).await;
        plan.assigned("ann@example.com").await;
        plan.overview().await;
        app.proxy().take();
        plan.overview().await;
        let calls = app.proxy().take();
        costs.push((calls.iter().map(|call| call.operation.clone()).collect::<Vec<_>>(), read_units(&calls)));
    }
    // A million seats are in 16 buckets, ten in one: 8 read units more at most, whatever the number of seats.
    assert_eq!(costs[0].0, costs[1].0, "the same calls");
    assert!(costs[1].1 - costs[0].1 <= 15.0, "{costs:?}");
}

/// The learners of these licenses, in their order.
fn people_of(page: &Value) -> Vec<String> {
    page["results"].as_array().expect("results").iter().map(|license| text(license, "user_email")).collect()
}

/// The plan's list shards that have entries.
async fn list_partitions(app: &TestApp, plan: &Plan) -> std::collections::BTreeSet<String> {
    let table = table_of(app.running().store());
    let pages = table.client().scan().table_name(table.name()).into_paginator().items().send();
    let items = pages.try_collect().await.expect("the table responds");
    let partition = |item: &keys::Item| item.get(&keys::key_names(keys::GSI1)[0])?.as_s().ok().cloned();
    items.iter().filter_map(partition).filter(|pk| pk.starts_with("PLAN#") && pk.contains(&plan.id)).collect()
}

#[tokio::test]
async fn a_plan_that_grew_is_listed_in_as_many_partitions_as_one_that_was_made_large() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let people = license_tests::builders::emails("learner", 0..240);
    plan.assign(&people[..80]).await.expect(200);
    let held = plan.activated(&app, &people[80]).await;
    assert_eq!(list_partitions(&app, &plan).await.len(), 1);

    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let body = json!({ "change_reason": "other", "desired_num_licenses": 20_000 });
    app.provisioner().send(reqwest::Method::PATCH, &path, Some(&body)).await.expect(200);
    plan.assign(&people[81..160]).await.expect(200);
    assert_eq!(list_partitions(&app, &plan).await.len(), 4);

    let request =
        json!({ "kind": "grow", "subscription_plan": plan.id, "params": { "desired_num_licenses": MILLION } });
    app.provisioner().post("/api/v1/jobs/", &request).await.expect(202);
    app.drain().await;
    plan.assign(&people[160..]).await.expect(200);
    assert_eq!(list_partitions(&app, &plan).await.len(), 16);

    // Entries that were written with fewer shards are listed in order among the others, by number and by cursor.
    let expected: Vec<&String> =
        std::iter::once(&people[80]).chain(people.iter().filter(|one| **one != people[80])).collect();
    let mut walked = Vec::new();
    let mut next = Some(plan.path("licenses/?status=activated,assigned&page_size=70"));
    while let Some(path) = next {
        let page = plan.admin().get(&path).await.expect(200);
        assert_eq!((&page["count"], &page["num_pages"]), (&json!(240), &json!(4)));
        walked.extend(people_of(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(walked.iter().collect::<Vec<_>>(), expected);
    let third = page(&plan, "status=activated,assigned&page_size=70&page=3").await;
    assert_eq!(people_of(&third).iter().collect::<Vec<_>>(), expected[140..210]);
    assert_eq!(people_of(&page(&plan, "search=learner00007").await), [people[7].as_str()]);
    let csv = plan.admin().get(&plan.path("licenses/csv/")).await;
    let listed: Vec<&str> =
        csv.text.split_terminator("\r\n").skip(1).filter_map(|row| row.rsplit(',').next()).collect();
    assert_eq!(listed, expected);

    // Licenses from before the growth change like others, and are listed once.
    plan.revoke(&[&people[0], &people[80]]).await.expect(200);
    assert_eq!(plan.license(&held.id).await["status"], "revoked");
    plan.assign(&[&people[0]]).await.expect(200);
    let revoked = page(&plan, "status=revoked").await;
    assert_eq!(people_of(&revoked), [people[0].as_str(), people[80].as_str()]);
    let assigned = page(&plan, "status=assigned&page_size=500").await;
    let others: Vec<&String> = people.iter().filter(|one| **one != people[80]).collect();
    assert_eq!(people_of(&assigned).iter().collect::<Vec<_>>(), others);
    app.invariants().await.check();
}

#[tokio::test]
async fn licenses_that_are_transferred_may_bring_more_list_shards() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (from, to) = (app.plan_of(&agreement, 10, &json!({})).await, app.plan_of(&agreement, 9_999, &json!({})).await);
    let people = license_tests::builders::emails("learner", 0..50);
    to.assign(&people[..40]).await.expect(200);
    from.assign(&people[40..]).await.expect(200);
    let request =
        json!({ "kind": "transfer", "subscription_plan": from.id, "params": { "all": true, "to_plan": to.id } });
    from.admin().post("/api/v1/jobs/", &request).await.expect(202);
    app.drain().await;
    assert_eq!(app.invariants().await.plans[&license_domain::PlanId(to.uuid())].seats.list_shards, 4);
    assert_eq!(people_of(&page(&to, "status=assigned").await), people);
    app.invariants().await.check();
}
