//! The table fails in every possible way: nothing is done by half, nothing is done twice, and what a retry may repair
//! is 503.

use std::time::Duration;

use license_storage_dynamodb::{
    Store,
    testing::{
        keys,
        table::{Canceled, Expression, Write},
        table_of,
    },
};
use license_tests::{
    Fault, TestApp, TestResponse,
    proxy::{DENIED, REQUEST_ID},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

#[track_caller]
fn is_unavailable(response: &TestResponse) {
    assert_eq!(response.status.as_u16(), 503, "{}", response.text);
    assert!(response.header("retry-after").is_some());
    assert!(response.json()["detail"].is_string(), "{}", response.text);
    for internal in ["dynamo", "Transact", "PutItem", "LEARNER#", "table"] {
        assert!(!response.text.contains(internal), "an internal word: {}", response.text);
    }
}

#[tokio::test]
async fn a_lost_response_does_not_assign_twice() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let mut lost = false;
    app.proxy().inject(move |call| {
        let is_first = call.operation == "TransactWriteItems" && !lost;
        lost |= is_first;
        if is_first { Fault::DropAfter } else { Fault::None }
    });
    let body = plan.assign(&["ann@example.com"]).await.expect(200);
    app.proxy().heal();
    // The repeated call has the same token, so that it is the same assignment, not "already associated".
    assert_eq!(body["num_successful_assignments"], 1, "{body}");
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 1);
}

#[tokio::test]
async fn an_assignment_whose_response_is_lost_and_whose_repetition_conflicts_is_made_once() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let mut calls = 0;
    app.proxy().inject(move |call| {
        calls += u32::from(call.operation == "TransactWriteItems");
        match (call.operation.as_str(), calls) {
            ("TransactWriteItems", 1) => Fault::DropAfter,
            ("TransactWriteItems", 2) => Fault::Conflict,
            _ => Fault::None,
        }
    });
    let body = plan.assign(&["ann@example.com"]).await.expect(200);
    app.proxy().heal();
    // An attempt from the beginning would find that the learner has a license: its own.
    assert_eq!(body["num_successful_assignments"], 1, "{body}");
    app.invariants().await.check();
}

#[tokio::test]
async fn temporary_errors_are_retried() {
    for fault in [Fault::Conflict, Fault::Throttle, Fault::InternalError, Fault::DropBefore] {
        let app = TestApp::proxied().await;
        let plan = app.plan(10).await;
        let held = plan.assigned("ann@example.com").await;
        let mut left = 2;
        app.proxy().inject(move |call| {
            if call.operation == "TransactWriteItems" && left > 0 {
                left -= 1;
                return fault;
            }
            Fault::None
        });
        plan.activate(&app, &held).await.expect(200);
        app.invariants().await.check();
    }
}

#[tokio::test]
async fn permanent_errors_are_503_and_change_nothing() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let held = plan.assigned("ann@example.com").await;
    for fault in [Fault::Throttle, Fault::InternalError, Fault::DropBefore, Fault::Conflict] {
        app.proxy().inject(move |call| if call.is_write() { fault } else { Fault::None });
        is_unavailable(&plan.assign(&["bob@example.com"]).await);
        is_unavailable(&plan.activate(&app, &held).await);
        is_unavailable(&plan.revoke(&["ann@example.com"]).await);
        app.proxy().heal();
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(plan.license(&held.id).await["status"], "assigned", "{fault:?}");
        assert_eq!(invariants.live(plan.uuid().into()).count(), 1);
    }
}

#[tokio::test]
async fn without_the_table_the_health_check_fails() {
    let app = TestApp::proxied().await;
    app.anonymous().get("/health/").await.expect(200);
    app.proxy().inject(|_| Fault::InternalError);
    let response = app.anonymous().get("/health/").await;
    assert_eq!(response.expect(503)["overall_status"], "UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_agree_with_the_licenses_after_faults_of_all_kinds() {
    let app = TestApp::proxied().await;
    let plan = app.plan(80).await;
    let mut random = StdRng::seed_from_u64(11);
    app.proxy().inject(move |call| {
        if !call.is_write() {
            return Fault::None;
        }
        match random.random_range(0..20) {
            0 => Fault::Conflict,
            1 => Fault::Throttle,
            2 => Fault::DropBefore,
            3 => Fault::DropAfter,
            4 => Fault::InternalError,
            5 => Fault::Delay(Duration::from_millis(20)),
            _ => Fault::None,
        }
    });
    let people = license_tests::builders::emails("learner", 0..40);
    let calls = (0..40).map(|n| {
        let (plan, people) = (plan.clone(), people.clone());
        tokio::spawn(async move {
            let some: Vec<String> = people.iter().cycle().skip(n).take(4).cloned().collect();
            if n % 4 == 3 { plan.revoke(&some).await } else { plan.assign(&some).await }
        })
    });
    for response in futures::future::join_all(calls.collect::<Vec<_>>()).await {
        let response = response.expect("a call that does not panic");
        assert!([200, 207, 404, 503].contains(&response.status.as_u16()), "{}: {}", response.status, response.text);
    }
    app.proxy().heal();
    app.advance("PT3M").await;
    app.invariants().await.check();
}

#[tokio::test]
async fn the_tables_own_message_is_logged_and_not_sent_to_clients() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    app.proxy().inject(|_| Fault::Denied);
    let response = plan.assign(&["ann@example.com"]).await;
    assert_eq!(response.status.as_u16(), 500, "{}", response.text);
    for internal in ["arn:", "AccessDenied", "dynamodb", REQUEST_ID] {
        assert!(!response.text.contains(internal), "an internal word: {}", response.text);
    }
    let client = license_local::table::client(app.proxy().url());
    let store = app.running().store();
    let store = Store::new(client, "any", store.clock().clone(), store.random().clone());
    let refused = table_of(&store).get(&keys::catalog()).await.expect_err("denied").to_string();
    let write = Write::Check { key: keys::catalog(), condition: Expression::present() };
    let Err(Canceled::Store(canceled)) = table_of(&store).transact(vec![write], "once").await else {
        panic!("not denied");
    };
    for words in [refused, canceled.to_string()] {
        assert!(words.contains(&format!("AccessDeniedException: {DENIED}")), "{words}");
        assert!(words.contains(REQUEST_ID), "{words}");
    }
}
