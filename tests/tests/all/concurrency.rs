//! Many requests at the same time: each learner has one live license, the numbers of seats add up, and the counters
//! agree with the table's items.

use std::{collections::HashSet, future::Future};

use futures::future::join_all;
use license_tests::{
    Call, Fault, TestApp, TestResponse,
    builders::{Plan, emails},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::json;

/// The number of simultaneous requesters.
const CALLERS: usize = 64;

/// Runs them at the same time, each on a task of its own.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    join_all(calls).await.into_iter().map(|call| call.expect("a call that does not panic")).collect()
}

/// No request was locked out, and none failed.
#[track_caller]
fn assert_calm(responses: &[TestResponse]) {
    for response in responses {
        let status = response.status.as_u16();
        assert!(status != 423 && status < 500, "{status}: {}", response.text);
    }
}

/// As in DynamoDB under load: such a part of the transactions, chosen at random, conflicts.
fn conflicts(seed: u64, share: f64) -> impl FnMut(&Call) -> Fault + Send + 'static {
    let mut random = StdRng::seed_from_u64(seed);
    move |call| {
        let meets = call.operation == "TransactWriteItems" && random.random_bool(share);
        if meets { Fault::Conflict } else { Fault::None }
    }
}

/// Each requester assigns to a list that overlaps with the next one's.
fn lists(people: &[String], each: usize) -> Vec<Vec<String>> {
    let mut random = StdRng::seed_from_u64(64);
    let step = people.len() / CALLERS;
    let list = |caller: usize| {
        let mut list: Vec<String> = people.iter().cycle().skip(caller * step).take(each).cloned().collect();
        list.shuffle(&mut random);
        list
    };
    (0..CALLERS).map(list).collect()
}

async fn assign_overlapping(app: &TestApp, seats: u64) {
    let plan = app.plan(seats).await;
    let people = emails("learner", 0..128);
    let responses = at_once(lists(&people, 8).into_iter().map(|list| {
        let plan = plan.clone();
        async move { plan.assign(&list).await }
    }))
    .await;
    assert_calm(&responses);
    let (mut successful, mut ids) = (0, HashSet::new());
    for response in responses {
        let body = response.expect(200);
        let number = |name: &str| body[name].as_u64().expect("a number");
        assert_eq!(number("num_successful_assignments") + number("num_already_associated"), 8);
        successful += number("num_successful_assignments");
        let lines = body["license_assignments"].as_array().expect("a list");
        ids.extend(lines.iter().map(|line| line["license"].as_str().expect("an id").to_owned()));
    }
    assert_eq!((successful, ids.len()), (128, 128), "one license for each learner");
    let overview = plan.overview().await;
    assert_eq!(overview.get("assigned"), Some(&128));
    assert_eq!(overview.get("unassigned"), Some(&(seats - 128)));

    let invariants = app.invariants().await;
    invariants.check();
    let holders: HashSet<_> =
        invariants.live(plan.uuid().into()).filter_map(|license| Some(license.user_email.as_ref()?.key())).collect();
    assert_eq!(holders.len(), 128);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_assigners_leave_one_license_for_each_learner() {
    assign_overlapping(&TestApp::start().await, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_assigners_leave_one_license_each_if_transactions_conflict() {
    let app = TestApp::proxied().await;
    app.proxy().inject(conflicts(1, 0.2));
    assign_overlapping(&app, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_assigners_take_no_more_than_the_last_seats() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let people = emails("learner", 0..128);
    let responses = at_once(lists(&people, 8).into_iter().map(|list| {
        let plan = plan.clone();
        async move { plan.assign(&list).await }
    }))
    .await;
    assert_calm(&responses);
    assert!(responses.iter().any(|response| response.status.as_u16() == 400), "there are too few seats for all");
    let invariants = app.invariants().await;
    invariants.check();
    let live = invariants.live(plan.uuid().into()).count();
    // A list of 8 is refused as a whole, so at most 7 seats can be left.
    assert!((93..=100).contains(&live), "{live}");
}

async fn take_the_last_seats(app: &TestApp) {
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 20, &json!({ "should_auto_apply_licenses": true })).await;
    let path = format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id);
    let responses = at_once(emails("learner", 0..CALLERS).into_iter().map(|email| {
        let (learner, path) = (app.learner(agreement.enterprise, &email), path.clone());
        async move { learner.post(&path, &json!({})).await }
    }))
    .await;
    assert_calm(&responses);
    let of = |status: u16| responses.iter().filter(|response| response.status.as_u16() == status).count();
    assert_eq!((of(200), of(422)), (20, 44));
    let ids: HashSet<String> =
        responses.iter().filter_map(|response| Some(response.json()["uuid"].as_str()?.to_owned())).collect();
    assert_eq!(ids.len(), 20, "a license went to two learners");
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_auto_applies_succeed_as_there_are_seats() {
    take_the_last_seats(&TestApp::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_auto_applies_succeed_as_there_are_seats_if_transactions_conflict() {
    let app = TestApp::proxied().await;
    app.proxy().inject(conflicts(2, 0.2));
    take_the_last_seats(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_learner_who_auto_applies_many_times_gets_one_seat() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 20, &json!({ "should_auto_apply_licenses": true })).await;
    let path = format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id);
    let responses = at_once((0..16).map(|_| {
        let (learner, path) = (app.learner(agreement.enterprise, "ann@example.com"), path.clone());
        async move { learner.post(&path, &json!({})).await }
    }))
    .await;
    let ids: HashSet<String> = responses.iter().map(|one| one.expect(200)["uuid"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn activating_and_revoking_race_and_revoking_has_the_last_word() {
    let app = TestApp::start().await;
    let plan = app.plan(24).await;
    let mut held = Vec::new();
    for email in emails("learner", 0..24) {
        held.push(plan.assigned(&email).await);
    }
    let activations = held.iter().map(|held| {
        let learner = app.learner(plan.agreement.enterprise, &held.email);
        let path = format!("/api/v1/license-activation/?activation_key={}", held.key);
        let email = held.email.clone();
        (true, email, learner, path, json!({}))
    });
    let revocations = held.iter().map(|held| {
        let body = json!({ "user_emails": [held.email] });
        (false, held.email.clone(), plan.admin().clone(), plan.path("licenses/bulk-revoke/"), body)
    });
    let calls: Vec<_> = activations.zip(revocations).flat_map(|(one, other)| [one, other]).collect();
    let responses = at_once(calls.into_iter().map(|(activates, email, client, path, body)| async move {
        (activates, email, client.post(&path, &body).await)
    }))
    .await;
    assert_calm(&responses.iter().map(|(_, _, response)| response.clone()).collect::<Vec<_>>());
    for email in held.iter().map(|held| &held.email) {
        let of = |wanted: bool| responses.iter().find(|(is, of, _)| *is == wanted && of == email).expect("a response");
        let revocation = &of(false).2.expect(200)["successful_revocations"][0];
        let was = revocation["original_status"].as_str().expect("a status");
        let activation = of(true).2.status.as_u16();
        // Activated first: revoking found it activated. Revoked first: activating is refused.
        assert_eq!((was == "activated", activation), if activation == 200 { (true, 200) } else { (false, 422) });
    }
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cap_is_not_overdrawn_by_many_who_revoke() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let capped = json!({ "is_revocation_cap_enabled": true, "revoke_max_percentage": 25 });
    let plan = app.plan_of(&agreement, 32, &capped).await;
    let people = emails("learner", 0..32);
    for email in &people {
        plan.activated(&app, email).await;
    }
    let responses = at_once(people.into_iter().map(|email| {
        let plan = plan.clone();
        async move { plan.revoke(&[email]).await }
    }))
    .await;
    assert_calm(&responses);
    assert_eq!(responses.iter().filter(|response| response.status.as_u16() == 200).count(), 8);
    let shown = plan.admin().get(&plan.path("")).await.expect(200);
    assert_eq!(shown["revocations"], json!({ "applied": 8, "remaining": 0 }));
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_agree_with_the_licenses_after_simultaneous_requests_of_all_kinds() {
    let app = TestApp::proxied().await;
    app.proxy().inject(conflicts(3, 0.05));
    let plan: Plan = app.plan(70).await;
    let people = emails("learner", 0..48);
    plan.assign(&people[..24]).await.expect(200);
    let responses = at_once((0..48).map(|n| {
        let (plan, people) = (plan.clone(), people.clone());
        async move {
            let some = |skip: usize, n: usize| people.iter().cycle().skip(skip).take(n).cloned().collect::<Vec<_>>();
            match n % 3 {
                0 => plan.assign(&some(n, 5)).await,
                1 => plan.revoke(&some(n, 3)).await,
                _ => plan.admin().get(&plan.path("licenses/overview/")).await,
            }
        }
    }))
    .await;
    assert_calm(&responses);
    for response in responses.iter().filter(|response| response.status.as_u16() == 200) {
        if let Some(rows) = response.json().as_array() {
            let count = |row: &serde_json::Value| {
                if row["status"] == "revoked" { 0 } else { row["count"].as_u64().unwrap_or(0) }
            };
            assert_eq!(rows.iter().map(count).sum::<u64>(), 70, "{rows:?}");
        }
    }
    app.invariants().await.check();
}
