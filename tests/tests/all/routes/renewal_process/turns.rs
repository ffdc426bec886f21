//! Renewals that are copied in several turns, or into too few seats.

use chrono::TimeDelta;
use license_messaging::Message;
use license_tests::{
    Fault, TestApp,
    builders::{Plan, emails},
};
use license_work::Turn;
use serde_json::json;

use super::{Renewal, dies_after, live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_there_are_too_few_seats_those_who_were_assigned_first_get_them() {
    for by_schedule in [false, true] {
        let app = TestApp::proxied().await;
        let agreement = app.agreement().await;
        let prior = app.plan_of(&agreement, 200, &json!({})).await;
        let first = emails("late-in-the-list", 0..60);
        prior.assign(&first).await.expect(200);
        let renewal = Renewal::of(&app, &prior, 70, json!({})).await;
        // It is opened, and copies nothing.
        dies_after(&app, 1, Fault::InternalError);
        assert_eq!(renewal.process(&app).await.status.as_u16(), 503);
        app.proxy().heal();
        // More learners than seats; the list shows the last ones first.
        app.advance("PT1S").await;
        let second = emails("middle", 0..10);
        prior.assign(&second).await.expect(200);
        app.advance("PT1S").await;
        prior.assign(&emails("early-in-the-list", 0..30)).await.expect(200);
        if by_schedule {
            app.advance("PT3M").await;
        }
        let future = renewal.future(&renewal.process(&app).await.expect(if by_schedule { 200 } else { 201 }));
        let invariants = app.invariants().await;
        invariants.check();
        let copied: Vec<String> = live(&invariants, &future).into_keys().collect();
        assert_eq!(copied, [first, second].concat());
    }
}

/// A plan of 20,000 seats has a list of several parts: a turn copies the next one, and the last turn ends the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_copies_part_by_part() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 20_000, &json!({})).await;
    let people = emails("learner", 0..90);
    prior.assign(&people).await.expect(200);
    let renewal = Renewal::of(&app, &prior, 100, json!({})).await;
    let no_workers = json!({ "worker": "function-workers", "next": 1_000_000, "how": "before" });
    app.anonymous().post("/_local/faults", &no_workers).await.expect(201);
    dies_after(&app, 1, Fault::InternalError);
    assert_eq!(renewal.process(&app).await.status.as_u16(), 503);
    app.proxy().heal();
    let invariants = app.invariants().await;
    let hidden = Plan { id: invariants.hidden[0].to_string(), agreement: agreement.clone() };
    let run = invariants.hidden_by[0];

    let parts = app.running().parts(function_workers::SETTINGS);
    let runs = function_workers::compose(&parts).expect("a context").runs;
    let one_chunk = Turn { chunks: 1, time: TimeDelta::minutes(5) };
    let (mut step, mut copied) = (0, vec![0]);
    while let Some(next) = runs.lane(run, 0, step, one_chunk).await.expect("a turn").into_iter().next() {
        let Message::Job { step: next, .. } = next.message else { panic!("{next:?}") };
        assert_eq!(next, step + 1);
        step = next;
        copied.push(live(&app.invariants().await, &hidden).len());
        assert_eq!(renewal.shown(&app).await["processed"], false);
    }
    // Two statuses in each of the four parts; no license is activated.
    assert_eq!((copied.len(), copied.last()), (9, Some(&90)), "{copied:?}");
    assert!(copied.windows(2).filter(|pair| pair[0] < pair[1]).count() > 2, "{copied:?}");
    assert_eq!(renewal.shown(&app).await["processed"], true);
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_responds_in_time_although_it_has_copied_nothing() {
    let app = TestApp::proxied().await;
    let prior = app.plan(20).await;
    let people = emails("learner", 0..5);
    prior.assign(&people).await.expect(200);
    let renewal = Renewal::of(&app, &prior, 10, json!({})).await;
    // The run is opened, and the first page takes half a minute.
    let (clock, start) = (app.running().clock().clone(), app.now());
    let (mut is_open, mut is_moved) = (false, false);
    app.proxy().inject(move |call| {
        is_open |= call.operation == "TransactWriteItems";
        if is_open && call.is_of_index() && !std::mem::replace(&mut is_moved, true) {
            clock.set(start + TimeDelta::seconds(30)).expect("forward");
        }
        Fault::None
    });
    assert_eq!(renewal.process(&app).await.status.as_u16(), 503);
    app.proxy().heal();
    let future = renewal.future(&renewal.process(&app).await.expect(201));
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &future).into_keys().collect::<Vec<_>>(), people);
}
