//! A plan of a million seats, without a single write for a seat.

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
async fn a_million_seats_cost_what_ten_cost() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let before = app.census().await.items;
    app.proxy().take();

    let plan = app.plan_of(&agreement, MILLION, &json!({})).await;
    let calls = app.proxy().take();
    // Plan, title, two pointers, event, 16 buckets; the agreement is checked in the same transaction.
    let items = app.census().await.items - before;
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
    assert_eq!(middle.len(), 1_000, "neighbouring pages share nothing");

    // Free seats are fetched by the ids under which they were listed, and assigned under them.
    let seat = uuids(&last).pop().expect("a seat");
    assert_eq!(plan.license(&seat).await["status"], "unassigned");
    let ann = plan.assigned("ann@example.com").await;
    assert_eq!(plan.license(&ann.id).await["user_email"], "ann@example.com");
    let found = page(&plan, "search=ANN").await;
    assert_eq!((uuids(&found), &found["count"]), (vec![ann.id.clone()], &json!(1)));
    let free = page(&plan, "status=unassigned").await;
    assert_eq!(free["count"], MILLION - 1);
    assert_eq!(uuids(&page(&plan, "page_size=1").await), [ann.id.as_str()], "activated and assigned come first");
    app.census().await.check();
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
    // A million seats lie in 16 buckets, ten in one: 8 read units more at most, whatever the number of seats.
    assert_eq!(costs[0].0, costs[1].0, "the same calls");
    assert!(costs[1].1 - costs[0].1 <= 15.0, "{costs:?}");
}
