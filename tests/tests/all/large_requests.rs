//! Requests about more learners than one transaction can hold: each is an internal run, which is finished whatever
//! interrupts its request.

use futures::future::join_all;
use license_domain::{EmailAddress, EventKind};
use license_tests::{Fault, TestApp, builders::emails};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_are_assigned_in_the_order_of_the_request() {
    let app = TestApp::start().await;
    let plan = app.plan(600).await;
    let people = emails("learner", 0..500);
    let body = plan.assign(&people).await.expect(200);
    assert_eq!(body["num_successful_assignments"], 500);
    let order: Vec<&str> = body["license_assignments"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|line| line["user_email"].as_str())
        .collect();
    assert_eq!(order, people, "in the order of the request");
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 500);

    let again = plan.assign(&people).await.expect(200);
    assert_eq!((&again["num_successful_assignments"], &again["num_already_associated"]), (&json!(0), &json!(500)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returned_seats_and_learners_who_hold_a_license_are_part_of_a_large_assignment() {
    let app = TestApp::start().await;
    let plan = app.plan(200).await;
    let people = emails("learner", 0..200);
    plan.assign(&people[..150]).await.expect(200);
    plan.revoke(&people[..100]).await.expect(200);
    // 150 seats are free, including returned ones.
    let body = plan.assign(&people).await.expect(200);
    assert_eq!((&body["num_successful_assignments"], &body["num_already_associated"]), (&json!(150), &json!(50)));
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 200);
}

#[tokio::test]
async fn too_few_seats_refuse_all_of_a_large_assignment() {
    let app = TestApp::start().await;
    let plan = app.plan(499).await;
    let response = plan.assign(&emails("learner", 0..500)).await;
    assert!(response.expect(400).is_string(), "{}", response.text);
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 0);
    assert_eq!(plan.overview().await.into_iter().collect::<Vec<_>>(), [("unassigned".to_owned(), 499)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_assignment_that_is_ended_half_way_is_finished_by_a_worker() {
    let app = TestApp::proxied().await;
    let plan = app.plan(600).await;
    let people = emails("learner", 0..500);
    // The opening and at least one chunk commit; then every call fails, as if the process had ended.
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 5 { Fault::InternalError } else { Fault::None }
    });
    let response = plan.assign(&people).await;
    assert_eq!(response.status.as_u16(), 503, "{}", response.text);
    assert!(response.header("retry-after").is_some());
    app.proxy().heal();

    let invariants = app.invariants().await;
    assert_eq!(invariants.internal_runs, 1);
    let before = invariants.live(plan.uuid().into()).count();
    assert!((1..500).contains(&before), "{before}");
    let overview = plan.overview().await;
    assert_eq!(overview.values().sum::<u64>(), 600, "the counts add up meanwhile: {overview:?}");

    app.advance("PT3M").await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 500);
    let again = plan.assign(&people).await.expect(200);
    assert_eq!((&again["num_successful_assignments"], &again["num_already_associated"]), (&json!(0), &json!(500)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_and_the_worker_give_no_learner_two_licenses() {
    let app = TestApp::proxied().await;
    let plan = app.plan(600).await;
    let people = emails("learner", 0..300);
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 3 { Fault::DropAfter } else { Fault::None }
    });
    assert_eq!(plan.assign(&people).await.status.as_u16(), 503);
    app.proxy().heal();
    // The client repeats the request before the sweeper has found the run; both want seats for the same learners.
    let body = plan.assign(&people).await.expect(200);
    let number = |name: &str| body[name].as_u64().expect("a number");
    assert_eq!(number("num_successful_assignments") + number("num_already_associated"), 300);
    app.advance("PT3M").await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 300);
    let overview = plan.overview().await;
    assert_eq!((overview["assigned"], overview["unassigned"]), (300, 300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_assignment_that_is_interrupted_before_its_run_is_opened_changes_nothing() {
    let app = TestApp::proxied().await;
    let plan = app.plan(600).await;
    app.proxy().inject(|call| if call.operation == "TransactWriteItems" { Fault::DropBefore } else { Fault::None });
    assert_eq!(plan.assign(&emails("learner", 0..300)).await.status.as_u16(), 503);
    app.proxy().heal();
    app.advance("PT3M").await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn interrupted_large_assignments_that_overlap_add_up_when_they_are_finished() {
    for seed in [1, 2] {
        let app = TestApp::proxied().await;
        let plan = app.plan(450).await;
        let people = emails("learner", 0..300);
        let mut random = StdRng::seed_from_u64(seed);
        app.proxy().inject(move |call| match random.random_range(0..60) {
            _ if !call.is_write() => Fault::None,
            0 | 1 => Fault::DropAfter,
            2 | 3 => Fault::DropBefore,
            4..=7 => Fault::InternalError,
            8..=17 if call.operation == "TransactWriteItems" => Fault::Conflict,
            _ => Fault::None,
        });
        let calls = (0..5).map(|n| {
            let (plan, mut list) = (plan.clone(), people.clone());
            list.rotate_left(n * 60);
            list.truncate(150);
            tokio::spawn(async move { plan.assign(&list).await })
        });
        for response in join_all(calls.collect::<Vec<_>>()).await {
            let response = response.expect("a call that does not panic");
            assert!([200, 400, 503].contains(&response.status.as_u16()), "{}: {}", response.status, response.text);
        }
        app.proxy().heal();
        app.advance("PT3M").await;
        app.invariants().await.check();

        plan.assign(&people).await.expect(200);
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(invariants.live(plan.uuid().into()).count(), 300);
        // Seats that were reserved and not needed can be assigned again.
        plan.assign(&emails("other", 0..150)).await.expect(200);
        plan.assign(&["one@example.com"]).await.expect(400);
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(invariants.live(plan.uuid().into()).count(), 450);
    }
}

/// Lets so many transactions through and then none.
fn die_after(app: &TestApp, transactions: usize) {
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > transactions { Fault::InternalError } else { Fault::None }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_revocation_that_is_ended_half_way_is_finished_by_a_worker() {
    let app = TestApp::proxied().await;
    let plan = app.plan(300).await;
    let people = emails("learner", 0..250);
    plan.assign(&people).await.expect(200);
    die_after(&app, 2);
    plan.revoke(&people).await.expect(503);
    app.proxy().heal();
    let invariants = app.invariants().await;
    let before = invariants.live(plan.uuid().into()).count();
    assert!((1..250).contains(&before), "{before}");
    assert_eq!(invariants.internal_runs, 1);
    app.advance("PT3M").await;
    app.drain().await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_large_reminder_is_finished_by_a_worker_and_reminds_once() {
    let app = TestApp::proxied().await;
    let plan = app.plan(300).await;
    let people = emails("learner", 0..250);
    plan.assign(&people).await.expect(200);
    die_after(&app, 2);
    let path = plan.path("licenses/remind-all/");
    plan.admin().post(&path, &json!({})).await.expect(503);
    app.proxy().heal();
    app.advance("PT3M").await;
    app.drain().await;
    let invariants = app.invariants().await;
    invariants.check();
    let reminded = invariants.events.iter().filter(|event| event.kind == EventKind::LearnersReminded);
    let mut learners: Vec<&str> = reminded
        .flat_map(|event| event.licenses.iter().filter_map(|change| change.email.as_ref()))
        .map(EmailAddress::as_given)
        .collect();
    learners.sort_unstable();
    assert_eq!(learners, people);
}

#[tokio::test]
async fn a_requests_run_is_not_among_the_jobs() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    plan.assign(&emails("learner", 0..150)).await.expect(200);
    plan.revoke(&emails("learner", 0..150)).await.expect(200);
    let path = format!("/api/v1/jobs/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    assert_eq!(plan.admin().get(&path).await.expect(200)["results"], json!([]));
    let invariants = app.invariants().await;
    invariants.check();
    let job_events =
        invariants.events.iter().filter(|event| matches!(event.kind, EventKind::JobRequested | EventKind::JobChanged));
    assert_eq!(job_events.count(), 0);
}

#[tokio::test]
async fn a_jobs_chunk_that_does_not_fit_one_transaction_is_done_in_rounds() {
    let app = TestApp::start().await;
    let plan = app.plan(160).await;
    let people = emails("learner", 0..160);
    plan.assign(&people).await.expect(200);
    plan.revoke(&people).await.expect(200);
    // Each learner's revoked license is archived, which is one item more than for a new learner.
    let params = json!({ "user_emails": people, "notify_users": false });
    let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": params });
    let id = plan.admin().post("/api/v1/jobs/", &body).await.expect(202)["id"].as_str().expect("an id").to_owned();
    app.drain().await;
    let job = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    assert_eq!((&job["state"], &job["counts"]["succeeded"]), (&json!("done"), &json!(160)), "{job}");
    let page = plan.admin().get(&format!("/api/v1/jobs/{id}/results/")).await.expect(200);
    let rows: Vec<&str> =
        page["results"].as_array().expect("rows").iter().filter_map(|row| row["user_email"].as_str()).collect();
    assert_eq!(rows, people);
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!((invariants.internal_runs, invariants.live(plan.uuid().into()).count()), (0, 160));
}
