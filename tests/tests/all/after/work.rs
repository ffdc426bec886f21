//! Long work comes to its end, whatever ends the workers, whoever else works, whatever is asked for.

use std::collections::BTreeMap;

use license_domain::LicenseStatus;
use license_tests::{
    Fault, TestApp,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

/// Asks for a job of that plan; its id.
async fn ask(plan: &Plan, kind: &str, params: Value) -> String {
    let body = json!({ "kind": kind, "subscription_plan": plan.id, "params": params });
    text(&plan.admin().post("/api/v1/jobs/", &body).await.expect(202), "id")
}

async fn job(plan: &Plan, id: &str) -> Value {
    plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200)
}

/// How many rows of the first page ended how.
async fn outcomes(plan: &Plan, id: &str) -> BTreeMap<String, usize> {
    let page = plan.admin().get(&format!("/api/v1/jobs/{id}/results/")).await.expect(200);
    let mut outcomes = BTreeMap::new();
    for row in page["results"].as_array().expect("rows") {
        *outcomes.entry(text(row, "outcome")).or_default() += 1;
    }
    outcomes
}

fn counted<const N: usize>(wanted: [(&str, usize); N]) -> BTreeMap<String, usize> {
    wanted.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

#[tokio::test]
async fn on_a_full_plan_new_learners_before_those_who_hold_a_license_get_no_seat_or_wait() {
    let app = TestApp::start().await;
    let plan = app.plan(50).await;
    plan.assign(&emails("ann", 0..50)).await.expect(200);
    let mut learners = emails("bob", 0..50);
    learners.extend(emails("ann", 0..30));
    for (wait, without, state) in [(false, "no_seat", "done"), (true, "waiting", "waiting")] {
        let id = ask(&plan, "assign", json!({ "user_emails": learners, "wait": wait, "notify_users": false })).await;
        app.drain().await;
        assert_eq!(job(&plan, &id).await["state"], state);
        assert_eq!(outcomes(&plan, &id).await, counted([(without, 50), ("already_associated", 30)]));
    }
    // With some seats the first of the new learners get them.
    let plan = app.plan(60).await;
    plan.assign(&emails("ann", 0..50)).await.expect(200);
    let id = ask(&plan, "assign", json!({ "user_emails": learners, "notify_users": false })).await;
    app.drain().await;
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 10), ("no_seat", 40), ("already_associated", 30)]));
    app.census().await.check();
}

#[tokio::test]
async fn rows_that_waited_keep_their_source() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    plan.assign(&emails("ann", 0..10)).await.expect(200);
    let sources: Vec<String> = (0..10).map(|n| format!("00k0000000000000{n:02}")).collect();
    let params = json!({
        "user_emails": emails("bob", 0..10), "user_sfids": sources, "wait": true, "notify_users": false,
    });
    let id = ask(&plan, "assign", params).await;
    app.drain().await;
    assert_eq!(job(&plan, &id).await["counts"]["waiting"], 10);
    plan.revoke(&emails("ann", 0..10)).await.expect(200);
    app.advance("PT2M").await;
    assert_eq!(job(&plan, &id).await["state"], "done");
    let census = app.census().await;
    census.check();
    let mut kept: Vec<String> = census
        .live(plan.uuid().into())
        .map(|license| license.source.as_ref().expect("a source").source_id.clone())
        .collect();
    kept.sort();
    assert_eq!(kept, sources);
}

#[tokio::test]
async fn a_plan_whose_seats_are_reserved_is_not_deleted() {
    let app = TestApp::proxied().await;
    let plan = app.plan(600).await;
    // The batch is opened, and dies before anybody has a license.
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 1 { Fault::InternalError } else { Fault::None }
    });
    plan.assign(&emails("ann", 0..300)).await.expect(503);
    app.proxy().heal();
    assert_eq!(app.census().await.live(plan.uuid().into()).count(), 0);
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let delete = async || app.provisioner().send(reqwest::Method::DELETE, &plan.path(""), None).await;
    delete().await.expect(409);
    app.provisioner().get(&path).await.expect(200);
    app.advance("PT3M").await;
    let census = app.census().await;
    census.check();
    assert_eq!(census.live(plan.uuid().into()).count(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deleting_a_plan_and_assigning_many_of_it_exclude_each_other() {
    let app = TestApp::proxied().await;
    let (mut deleted, mut assigned) = (0, 0);
    for round in 0..14_u64 {
        let plan = app.plan(300).await;
        let people = emails("ann", 0..150);
        // Chunks are slow, so that deleting falls between them, sooner or later.
        app.proxy().inject(move |call| {
            let is_slow = call.operation == "TransactWriteItems" && call.writes() > 40;
            if is_slow { Fault::Delay(std::time::Duration::from_millis(40)) } else { Fault::None }
        });
        let later = std::time::Duration::from_millis(round * 6);
        let (assign, delete) = futures::join!(plan.assign(&people), async {
            tokio::time::sleep(later).await;
            app.provisioner().send(reqwest::Method::DELETE, &plan.path(""), None).await
        });
        app.proxy().heal();
        app.advance("PT3M").await;
        let census = app.census().await;
        census.check();
        let live = census.live(plan.uuid().into()).count();
        let is_there = census.plans.contains_key(&plan.uuid().into());
        let statuses = (assign.status.as_u16(), delete.status.as_u16());
        assert!(is_there == (live == 150) && (is_there || live == 0), "{live} licenses, {is_there}: {statuses:?}");
        assert_eq!(delete.status.as_u16() == 204, !is_there, "{statuses:?}");
        let of_none = |license: &&license_domain::License| license.status != LicenseStatus::Unassigned;
        assert!(is_there || census.slots.iter().filter(of_none).all(|one| one.subscription_plan != plan.uuid().into()));
        deleted += usize::from(!is_there);
        assigned += usize::from(is_there);
    }
    println!("{deleted} deleted, {assigned} assigned");
    assert!(deleted > 0 && assigned > 0, "{deleted} deleted, {assigned} assigned");
}
