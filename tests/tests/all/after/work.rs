//! Long work finishes, whatever interrupts the workers and whatever else is requested.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use license_domain::{AgreementId, CustomerAgreement, Due, Job, JobId, JobKind, LicenseStatus, PlanId};
use license_messaging::Message;
use license_storage::Portfolios;
use license_storage_dynamodb::testing::{
    keys, rows,
    table::{Range, Write},
    table_of,
};
use license_tests::{
    Fault, TestApp,
    builders::{Plan, emails, text},
};
use license_work::{LicenseKinds, Runs, Turn};
use serde_json::{Value, json};

use super::{dead, fault};

/// Creates a job for that plan; returns its id.
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
    // With a few seats the first of the new learners get them.
    let plan = app.plan(60).await;
    plan.assign(&emails("ann", 0..50)).await.expect(200);
    let id = ask(&plan, "assign", json!({ "user_emails": learners, "notify_users": false })).await;
    app.drain().await;
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 10), ("no_seat", 40), ("already_associated", 30)]));
    app.invariants().await.check();
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
    let invariants = app.invariants().await;
    invariants.check();
    let mut kept: Vec<String> = invariants
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
    // The run is opened, and the process ends before any license is assigned.
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 1 { Fault::InternalError } else { Fault::None }
    });
    plan.assign(&emails("ann", 0..300)).await.expect(503);
    app.proxy().heal();
    assert_eq!(app.invariants().await.live(plan.uuid().into()).count(), 0);
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let delete = async || app.provisioner().send(reqwest::Method::DELETE, &plan.path(""), None).await;
    delete().await.expect(409);
    app.provisioner().get(&path).await.expect(200);
    app.advance("PT3M").await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(invariants.live(plan.uuid().into()).count(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deleting_a_plan_and_a_large_assignment_of_it_exclude_each_other() {
    let app = TestApp::proxied().await;
    let (mut deleted, mut assigned) = (0, 0);
    for round in 0..14_u64 {
        let plan = app.plan(300).await;
        let people = emails("ann", 0..150);
        // Chunks are slow, so that some deletion runs between them. Each round it begins some calls later.
        let (made, calls) = tokio::sync::watch::channel(0_u64);
        app.proxy().inject(move |call| {
            made.send_modify(|made| *made += 1);
            let is_slow = call.operation == "TransactWriteItems" && call.writes() > 40;
            if is_slow { Fault::Delay(std::time::Duration::from_millis(40)) } else { Fault::None }
        });
        let (assign, delete) = futures::join!(plan.assign(&people), async {
            let mut calls = calls;
            // An assignment that has ended makes no more calls.
            let begun = calls.wait_for(|made| *made >= round);
            tokio::time::timeout(std::time::Duration::from_secs(1), begun).await.map(drop).unwrap_or_default();
            app.provisioner().send(reqwest::Method::DELETE, &plan.path(""), None).await
        });
        app.proxy().heal();
        app.advance("PT3M").await;
        let invariants = app.invariants().await;
        invariants.check();
        let live = invariants.live(plan.uuid().into()).count();
        let is_there = invariants.plans.contains_key(&plan.uuid().into());
        let statuses = (assign.status.as_u16(), delete.status.as_u16());
        assert!(is_there == (live == 150) && (is_there || live == 0), "{live} licenses, {is_there}: {statuses:?}");
        assert_eq!(delete.status.as_u16() == 204, !is_there, "{statuses:?}");
        let of_none = |license: &&license_domain::License| license.status != LicenseStatus::Unassigned;
        assert!(
            is_there || invariants.slots.iter().filter(of_none).all(|one| one.subscription_plan != plan.uuid().into())
        );
        deleted += usize::from(!is_there);
        assigned += usize::from(is_there);
    }
    println!("{deleted} deleted, {assigned} assigned");
    assert!(deleted > 0 && assigned > 0, "{deleted} deleted, {assigned} assigned");
}

/// All invocations of the workers end before they begin, until this is withdrawn.
async fn no_workers(app: &TestApp) {
    fault(app, json!({ "worker": "function-workers", "next": 1_000_000, "how": "before" })).await;
}

async fn workers(app: &TestApp) {
    app.anonymous().send(reqwest::Method::DELETE, "/_local/faults", None).await.expect(204);
}

#[tokio::test]
async fn an_interrupted_turn_continues_when_its_message_is_delivered_again() {
    let app = TestApp::proxied_throughout().await;
    let plan = app.plan(2_000).await;
    let mut chunks = 0;
    app.proxy().inject(move |call| {
        chunks += usize::from(call.operation == "TransactWriteItems" && call.writes() > 40);
        // The relay's writes, of trails and rosters, succeed: the runner waits for a minute for the stream to be read.
        let is_of_relay = || call.operation == "BatchWriteItem" || call.request.to_string().contains("ROSTER#");
        if chunks > 8 && call.is_write() && !is_of_relay() { Fault::InternalError } else { Fault::None }
    });
    let id = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..1_600), "notify_users": false })).await;
    app.running().drain().await;
    app.proxy().heal();
    let before = job(&plan, &id).await;
    assert!(before["state"] == "running" && before["counts"]["processed"].as_u64() > Some(0), "{before}");
    // The messages are delivered again one or two minutes after their last attempt, before the job counts as without
    // progress (five).
    for _ in 0..4 {
        app.advance("PT1M").await;
        app.drain().await;
    }
    assert_eq!(job(&plan, &id).await["state"], "done");
    app.invariants().await.check();
    assert_eq!(plan.overview().await["assigned"], 1_600);
}

#[tokio::test]
async fn a_job_whose_messages_are_lost_is_resumed_by_the_sweeper_or_an_operator() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    let assign = async |name: &str| {
        ask(&plan, "assign", json!({ "user_emails": emails(name, 0..300), "notify_users": false })).await
    };
    // Every worker is killed until the message goes to the dead-letter queue.
    no_workers(&app).await;
    let (first, second, third) = (assign("ann").await, assign("bob").await, assign("eve").await);
    for _ in 0..12 {
        app.advance("PT1H").await;
    }
    assert!(dead(&app, "BulkQueue").await >= 3);
    workers(&app).await;
    for id in [&first, &second, &third] {
        assert_eq!(job(&plan, id).await["state"], "pending");
    }
    let control =
        async |id: &str, what: &str| plan.admin().post(&format!("/api/v1/jobs/{id}/{what}/"), &json!({})).await;
    control(&first, "resume").await.expect(202);
    control(&second, "cancel").await.expect(200);
    app.drain().await;
    let states = async || [job(&plan, &first).await, job(&plan, &second).await, job(&plan, &third).await];
    let [one, two, three] = states().await.map(|job| text(&job, "state"));
    assert_eq!((one.as_str(), two.as_str()), ("done", "cancelled"));
    assert_ne!(three, "cancelled");
    app.advance("PT1H").await;
    app.advance("PT1H").await;
    assert_eq!(job(&plan, &third).await["state"], "done");
    control(&third, "resume").await.expect(409);
    app.invariants().await.check();
    assert_eq!(plan.overview().await["assigned"], 600);
}

#[tokio::test]
async fn a_job_whose_table_fails_for_hours_continues_when_it_works_again() {
    let app = TestApp::proxied_throughout().await;
    let plan = app.plan(1_000).await;
    let mut chunks = 0;
    app.proxy().inject(move |call| {
        let is_chunk = call.operation == "TransactWriteItems" && call.writes() > 40;
        chunks += usize::from(is_chunk);
        if chunks > 2 && is_chunk { Fault::InternalError } else { Fault::None }
    });
    let id = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..500), "notify_users": false })).await;
    for _ in 0..6 {
        app.advance("PT1H").await;
    }
    app.proxy().heal();
    assert_eq!(job(&plan, &id).await["state"], "running");
    for _ in 0..3 {
        app.advance("PT1H").await;
    }
    assert_eq!(job(&plan, &id).await["state"], "done");
    app.invariants().await.check();
    assert_eq!((plan.overview().await["assigned"], dead(&app, "BulkQueue").await), (500, 0));
}

#[tokio::test]
async fn a_job_that_never_gets_on_is_given_up_after_a_day_and_may_be_resumed() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    no_workers(&app).await;
    let id = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..10), "notify_users": false })).await;
    for _ in 0..40 {
        app.advance("PT1H").await;
    }
    let stuck = job(&plan, &id).await;
    assert_eq!((&stuck["state"], &stuck["problem"]), (&json!("failed"), &json!("JobStandsStill")));
    workers(&app).await;
    plan.admin().post(&format!("/api/v1/jobs/{id}/resume/"), &json!({})).await.expect(202);
    app.drain().await;
    assert_eq!(job(&plan, &id).await["state"], "done");
}

#[tokio::test]
async fn a_queue_that_refuses_messages_ends_no_job() {
    let app = TestApp::start().await;
    let (from, rows) = (app.plan(700).await, 700);
    let to = app.plan_of(&from.agreement, 1, &json!({})).await;
    from.assign(&emails("ann", 0..rows)).await.expect(200);
    // One lane, and more chunks than one turn works on: the next message is refused.
    let id = ask(&from, "transfer", json!({ "all": true, "to_plan": to.id })).await;
    while job(&from, &id).await["state"] == "pending" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    fault(&app, json!({ "service": "sqs", "next": 1_000_000, "how": { "status": 500 } })).await;
    app.running().drain().await;
    workers(&app).await;
    for _ in 0..2 {
        app.advance("PT30M").await;
    }
    assert_eq!(job(&from, &id).await["state"], "done");
    assert_eq!(job(&from, &id).await["counts"]["succeeded"], rows);
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn of_messages_that_come_twice_or_late_one_lets_a_lane_go_on() {
    let app = TestApp::start().await;
    let plan = app.plan(1_300).await;
    no_workers(&app).await;
    let params = json!({ "user_emails": emails("ann", 0..1_280), "notify_users": false });
    let id: JobId = ask(&plan, "assign", params).await.parse().expect("an id");
    let store = app.running().store();
    let runs = Runs::new(store, store.clock().clone(), store.random().clone(), LicenseKinds::new(store));
    let one_chunk = Turn { chunks: 1, time: TimeDelta::minutes(5) };
    assert_eq!(runs.begin(id).await.expect("it begins").len(), 4);
    let turn = async |step: u64| {
        let messages = runs.lane(id, 0, step, one_chunk).await.expect("a turn");
        messages.first().map(|next| match &next.message {
            Message::Job { step, .. } => *step,
            other => panic!("{other:?}"),
        })
    };
    // Sixteen chunks, of which 0, 4, 8 and 12 are this lane's.
    let next = turn(0).await;
    assert_eq!(next, Some(4));
    // The message is delivered again, because the worker ended after it had sent the next one: it does that one's work.
    let again = turn(0).await;
    assert_eq!(again, Some(8));
    assert_eq!(turn(4).await, None, "two messages let the lane go on");
    assert_eq!(turn(8).await, Some(12));
    // The end is reached twice, and nothing is done twice.
    assert_eq!((turn(12).await, turn(12).await), (None, None));
    for lane in 1..4 {
        let next = runs.lane(id, lane, u64::from(lane), Turn::OF_A_MESSAGE).await.expect("a turn");
        assert!(next.is_empty());
    }
    assert_eq!(job(&plan, &id.to_string()).await["state"], "done");
    app.invariants().await.check();
    assert_eq!(plan.overview().await["assigned"], 1_280);
}

/// Creates a run that always fails, because its agreement does not exist.
async fn poison(app: &TestApp, agreement: &CustomerAgreement) {
    let stamp = license_tests::app::stamp(app.now());
    let run = Job::internal(JobId(app.uuid(0xd)), JobKind::Revoke, agreement, &stamp);
    let run = Job { subscription_plan: Some(PlanId(uuid::Uuid::from_u128(7))), chunks: 1, lanes: 1, ..run };
    let mut item = rows::to_item(&run).expect("an item");
    item.extend(keys::JobKeys(run.uuid).job().attributes());
    keys::due(agreement.uuid, app.now(), 0).put(&mut item);
    let table = table_of(app.running().store());
    table.transact(vec![Write::put(item)], format!("poison-{}", app.number())).await.expect("written");
}

#[tokio::test]
async fn a_run_that_always_fails_delays_no_other_run_and_is_retried_less_and_less_often() {
    let app = TestApp::proxied().await;
    let plan = app.plan(600).await;
    let stored = app.running().store().portfolio(plan.agreement.id.parse().expect("an id")).await;
    let agreement = stored.expect("read").expect("the agreement").agreement;
    let agreement = CustomerAgreement { uuid: AgreementId(app.uuid(0xb)), ..agreement };
    for _ in 0..31 {
        poison(&app, &agreement).await;
    }
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 2 { Fault::InternalError } else { Fault::None }
    });
    plan.assign(&emails("ann", 0..300)).await.expect(503);
    app.proxy().heal();
    app.advance("PT2M").await;
    assert_eq!(app.invariants().await.live(plan.uuid().into()).count(), 300);

    // In an hour each was tried about six times, although the sweeper ran 20 times.
    for _ in 0..20 {
        app.advance("PT3M").await;
    }
    let table = table_of(app.running().store());
    let range = Range { index: Some(keys::GSI3), partition: keys::DUE_RUNS.to_owned(), ..Range::default() };
    let due: Vec<Due> = table.query(range).await.expect("read").iter().filter_map(keys::due_in).collect();
    assert_eq!(due.len(), 31);
    for due in due {
        assert!((4..=8).contains(&due.attempts), "{due:?}");
        assert!(due.at <= app.now() + TimeDelta::hours(1), "{due:?}");
    }
}

#[tokio::test]
async fn one_customers_waiting_jobs_do_not_delay_those_of_another() {
    let app = TestApp::start().await;
    let (full, other) = (app.plan(1).await, app.plan(1).await);
    full.assign(&["ann@example.com"]).await.expect(200);
    other.assign(&["ann@example.com"]).await.expect(200);
    let wait = |name: String| json!({ "user_emails": [name], "wait": true, "notify_users": false });
    for n in 0..40 {
        ask(&full, "assign", wait(format!("bob{n}@example.com"))).await;
    }
    let id = ask(&other, "assign", wait("eve@example.com".to_owned())).await;
    app.drain().await;
    assert_eq!(job(&other, &id).await["state"], "waiting");
    other.revoke(&["ann@example.com"]).await.expect(200);
    app.advance("PT2M").await;
    app.drain().await;
    assert_eq!(job(&other, &id).await["state"], "done");
}

#[tokio::test]
async fn a_job_is_kept_for_as_long_as_it_waits() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    // A license that is never activated would be purged before the job ends.
    plan.activated(&app, "ann@example.com").await;
    let params = json!({ "user_emails": ["bob@example.com"], "wait": true, "notify_users": false });
    let id = ask(&plan, "assign", params).await;
    app.drain().await;
    let kept = async || {
        let partition = format!("JOB#{id}");
        let range = Range { partition, consistent: true, ..Range::default() };
        let items = table_of(app.running().store()).query(range).await.expect("read");
        let ttl = |item: &keys::Item| item.get(keys::TTL).and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
        let expiring: Vec<i64> = items.iter().filter_map(ttl).collect();
        (items.len() - expiring.len(), expiring.into_iter().min().expect("parts that expire"))
    };
    for _ in 0..4 {
        app.advance("P26D").await;
        let (for_good, least) = kept().await;
        assert_eq!(for_good, 1, "the job itself does not expire");
        assert!(least > (app.now() + TimeDelta::days(3)).timestamp(), "its rows are forgotten before it is done");
    }
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.advance("PT10M").await;
    app.drain().await;
    let done = job(&plan, &id).await;
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("done"), &json!(1)));
    assert_eq!(kept().await.0, 0, "what has ended expires");
}
