//! `Idempotency-Key`: one effect and one response, however often a request is sent, and whatever is interrupted in
//! between.

pub mod cases;

use futures::future::join_all;
use license_storage_dynamodb::testing::table_of;
use license_tests::{
    Client, Fault, Role, TestApp, TestResponse,
    builders::{Plan, emails, text},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{access, table};

/// Sends a request with a key.
async fn keyed(client: &Client, method: Method, path: &str, body: &Value, key: &str) -> TestResponse {
    client.send_with(method, path, Some(body), &[("idempotency-key", key)]).await
}

fn is_replayed(response: &TestResponse) -> bool {
    response.header("idempotent-replayed") == Some("true")
}

async fn assign(plan: &Plan, people: &[String], key: &str) -> TestResponse {
    let body = json!({ "user_emails": people, "notify_users": false });
    keyed(plan.admin(), Method::POST, &plan.path("licenses/assign/"), &body, key).await
}

async fn revoke(plan: &Plan, people: &[String], key: &str) -> TestResponse {
    let path = plan.path("licenses/bulk-revoke/");
    keyed(plan.admin(), Method::POST, &path, &json!({ "user_emails": people }), key).await
}

/// Lets so many transactions through and then none.
fn die_after(app: &TestApp, transactions: usize) {
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > transactions { Fault::InternalError } else { Fault::None }
    });
}

/// A client with the user name `twice`, with every right or none.
fn twice(app: &TestApp, is_superuser: bool) -> Client {
    let claims = json!({
        "preferred_username": "twice", "email": cases::LEARNER, "user_id": 77, "superuser": is_superuser, "roles": [],
    });
    app.client_with(claims)
}

/// The body without what a replay does not contain.
fn without_secrets(mut body: Value) -> Value {
    if let Some(secret) = body.get_mut("secret") {
        *secret = Value::Null;
    }
    body
}

#[tokio::test]
async fn every_changing_route_takes_effect_once_and_replays_only_to_authorized_requesters() {
    let app = TestApp::start().await;
    let (root, stripped) = (twice(&app, true), twice(&app, false));
    let mut without_case = Vec::new();
    for route in table::routes().filter(|route| route.method != "GET") {
        let name = format!("{} {}", route.method, route.path);
        if cases::READING.contains(&name.as_str()) {
            continue;
        }
        let Some(cases::Case { path, body }) = cases::of(&app, route).await else {
            without_case.push(name);
            continue;
        };
        let method: Method = route.method.parse().expect("a method");
        let first = keyed(&root, method.clone(), &path, &body, &name).await;
        assert!(first.status.is_success() && !is_replayed(&first), "{name}: {} {}", first.status, first.text);
        app.drain().await;
        let items = app.invariants().await.items;
        let again = keyed(&root, method.clone(), &path, &body, &name).await;
        assert_eq!((again.status, is_replayed(&again)), (first.status, true), "{name}: {}", again.text);
        assert_eq!(without_secrets(again.json()), without_secrets(first.json()), "{name}");
        assert_eq!(again.header("etag"), first.header("etag"), "{name}");
        assert_eq!(again.header("location"), first.header("location"), "{name}");
        app.drain().await;
        assert_eq!(app.invariants().await.items, items, "{name} changed something again");

        let longer = format!("{path}{}another=1", if path.contains('?') { '&' } else { '?' });
        let other = keyed(&root, method.clone(), &longer, &body, &name).await;
        assert_eq!(other.status.as_u16(), 422, "{name}: {}", other.text);
        let refused = keyed(&stripped, method, &path, &body, &name).await;
        assert_eq!((refused.status.as_u16(), is_replayed(&refused)), (403, false), "{name}: {}", refused.text);
    }
    assert!(without_case.is_empty(), "add a case for {}", without_case.join(", "));
    app.invariants().await.check();
}

#[tokio::test]
async fn refusals_are_not_replayed() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in table::routes().filter(|route| route.method != "GET") {
        let (path, body) = state.request(route);
        let (method, body): (Method, _) = (route.method.parse().expect("a method"), body.unwrap_or_default());
        let key = format!("{} {}", route.method, route.path);
        let first = keyed(&root, method.clone(), &path, &body, &key).await;
        let second = keyed(&root, method, &path, &body, &key).await;
        assert_eq!(first.status, second.status, "{key}");
        assert!(first.status.is_success() || !is_replayed(&second), "{key}: {}", first.status);
    }
}

#[tokio::test]
async fn a_webhooks_secret_is_shown_once_and_is_not_in_its_record() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let path = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    let never = "edx.server.license-manager.license-lifecycle.renewed";
    let body = json!({ "url": "https://example.com/hidden", "events": [never] });
    let made = keyed(&agreement.admin, Method::POST, &path, &body, "hook").await.expect(201);
    let again = keyed(&agreement.admin, Method::POST, &path, &body, "hook").await;
    assert!(is_replayed(&again));
    assert_eq!(again.expect(201), without_secrets(made.clone()));
    let one = format!("{path}{}/", text(&made, "id"));
    let rotate = json!({ "rotate_secret": true });
    let rotated = keyed(&agreement.admin, Method::PATCH, &one, &rotate, "rotate").await.expect(200);
    let again = keyed(&agreement.admin, Method::PATCH, &one, &rotate, "rotate").await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(again, without_secrets(rotated.clone()));

    let table = table_of(app.running().store());
    let items = table.client().scan().table_name(table.name()).send().await.expect("the engine responds");
    let records: Vec<String> = items
        .items()
        .iter()
        .filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with("IDEMPOTENCY#")))
        .map(|item| format!("{item:?}"))
        .collect();
    assert_eq!(records.len(), 2);
    for secret in [text(&made, "secret"), text(&rotated, "secret"), "hidden".to_owned()] {
        assert!(records.iter().all(|record| !record.contains(&secret)), "{records:?}");
    }
}

#[tokio::test]
async fn a_replay_of_a_job_that_waits_for_its_rows_links_to_the_same_upload() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let first = keyed(plan.admin(), Method::POST, "/api/v1/jobs/", &body, "upload").await.expect(202);
    let again = keyed(plan.admin(), Method::POST, "/api/v1/jobs/", &body, "upload").await.expect(202);
    let file = |job: &Value| text(job, "upload_url").split('?').next().map(str::to_owned);
    assert_eq!((file(&again), &again["id"]), (file(&first), &first["id"]));
}

#[tokio::test]
async fn the_same_key_and_request_get_the_same_response_and_another_request_is_refused() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let first = assign(&plan, &emails("ann", 0..2), "one").await;
    let again = assign(&plan, &emails("ann", 0..2), "one").await;
    assert_eq!(first.expect(200), again.expect(200));
    assert_eq!(first.json()["num_successful_assignments"], 2);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(again.header("content-type"), Some("application/json"));
    let refused = assign(&plan, &emails("ann", 0..3), "one").await.expect(422);
    assert_eq!(refused, json!({ "detail": "This Idempotency-Key was used for another request." }));
    // Without the key it is another request, and so it is with another key or from another requester.
    assert_eq!(plan.assign(&emails("ann", 0..2)).await.expect(200)["num_already_associated"], 2);
    assert_eq!(assign(&plan, &emails("ann", 0..2), "two").await.expect(200)["num_already_associated"], 2);
    let operator = app.client(Role::Operator, plan.agreement.enterprise);
    let body = json!({ "user_emails": emails("ann", 0..2), "notify_users": false });
    let other = keyed(&operator, Method::POST, &plan.path("licenses/assign/"), &body, "one").await;
    assert_eq!(other.expect(200)["num_already_associated"], 2);
    // A request without effect is replayed, too, and a refused request is handled anew.
    assert_eq!(plan.revoke(&emails("ann", 0..2)).await.status.as_u16(), 200);
    assert_eq!(assign(&plan, &emails("ann", 0..2), "two").await.expect(200)["num_already_associated"], 2);
    assign(&plan, &emails("many", 0..9), "three").await.expect(400);
    for key in ["", &"x".repeat(256), "\u{e9}"] {
        assign(&plan, &emails("ann", 0..2), key).await.expect(400);
    }
    // A day later the record has expired.
    app.advance("P2D").await;
    let later = assign(&plan, &emails("ann", 0..2), "one").await;
    assert!(!is_replayed(&later));
    assert_eq!(later.expect(200)["num_successful_assignments"], 2);
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_attempts_at_the_same_time_one_has_the_effect() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    for round in 0..4 {
        let people = emails(&format!("round{round}-"), 0..10);
        let key = format!("round {round}");
        let responses = join_all((0..8).map(|_| assign(&plan, &people, &key))).await;
        let mut given: Vec<&TestResponse> = Vec::new();
        for response in &responses {
            match response.status.as_u16() {
                200 => given.push(response),
                409 => assert!(response.header("retry-after").is_some()),
                _ => panic!("{}: {}", response.status, response.text),
            }
        }
        assert_eq!(given.iter().filter(|response| !is_replayed(response)).count(), 1);
        assert!(given.iter().all(|response| response.json()["num_successful_assignments"] == 10), "{responses:?}");
    }
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_is_finished_by_the_next_attempt_with_the_whole_response() {
    for is_scheduled in [false, true] {
        let app = TestApp::proxied().await;
        let plan = app.plan(600).await;
        let people = emails("learner", 0..500);
        die_after(&app, 5);
        assign(&plan, &people, "batch").await.expect(503);
        app.proxy().heal();
        // It may still be running.
        assign(&plan, &people, "batch").await.expect(409);
        if is_scheduled {
            app.advance("PT3M").await;
        } else {
            app.running().clock().set(app.now() + chrono::TimeDelta::seconds(61)).expect("later");
        }
        let response = assign(&plan, &people, "batch").await;
        assert!(is_replayed(&response));
        let body = response.expect(200);
        assert_eq!((&body["num_successful_assignments"], &body["num_already_associated"]), (&json!(500), &json!(0)));
        let once_more = assign(&plan, &people, "batch").await;
        assert_eq!(once_more.expect(200), body);
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(invariants.live(plan.uuid().into()).count(), 500);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_interrupted_revocations_are_resumed_where_they_ended() {
    let app = TestApp::proxied().await;
    let plan = app.plan(300).await;
    let people = emails("learner", 0..250);
    plan.assign(&people).await.expect(200);
    let mut asked = people.clone();
    asked.insert(100, "stranger@example.com".to_owned());
    // The run is opened, and one chunk is done.
    die_after(&app, 2);
    revoke(&plan, &asked, "many").await.expect(503);
    app.proxy().heal();
    let revoked = plan.overview().await["revoked"];
    assert!((1..250).contains(&revoked), "{revoked}");
    revoke(&plan, &asked, "many").await.expect(409);
    app.running().clock().set(app.now() + chrono::TimeDelta::seconds(61)).expect("later");
    let response = revoke(&plan, &asked, "many").await;
    assert!(is_replayed(&response));
    let body = response.expect(207);
    let revoked = body["successful_revocations"].as_array().expect("a list");
    let order: Vec<&str> = revoked.iter().filter_map(|line| line["user_email"].as_str()).collect();
    assert_eq!(order, people);
    assert!(revoked.iter().all(|line| line["original_status"] == "assigned"));
    assert_eq!(body["unsuccessful_revocations"].as_array().map(Vec::len), Some(1));
    // An old request does not mean a new person with an old address.
    plan.assign(&people[..1]).await.expect(200);
    assert_eq!(revoke(&plan, &asked, "many").await.expect(207), body);
    assert_eq!(plan.overview().await["assigned"], 1);
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_resumes_reminds_no_learner_twice() {
    let app = TestApp::proxied().await;
    let plan = app.plan(200).await;
    let people = emails("learner", 0..150);
    plan.assign(&people).await.expect(200);
    let path = plan.path("licenses/remind-all/");
    die_after(&app, 2);
    keyed(plan.admin(), Method::POST, &path, &json!({}), "all").await.expect(503);
    app.proxy().heal();
    app.running().clock().set(app.now() + chrono::TimeDelta::seconds(61)).expect("later");
    let response = keyed(plan.admin(), Method::POST, &path, &json!({}), "all").await;
    assert_eq!((response.status.as_u16(), is_replayed(&response)), (204, true), "{}", response.text);
    let invariants = app.invariants().await;
    let mut reminded: Vec<String> = invariants
        .events
        .iter()
        .filter(|event| event.kind == license_domain::EventKind::LearnersReminded)
        .flat_map(|event| event.licenses.iter().filter_map(|change| change.email.as_ref()))
        .map(|email| email.as_given().to_owned())
        .collect();
    reminded.sort_unstable();
    assert_eq!(reminded, people);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_too_large_for_its_record_is_replayed_from_the_run() {
    let app = TestApp::start().await;
    let plan = app.plan(1_100).await;
    let company = format!("{}.{}.example", "c".repeat(60), "d".repeat(60));
    let people: Vec<String> = (0..1_050).map(|n| format!("{}{n:05}@{company}", "a".repeat(50))).collect();
    let first = assign(&plan, &people, "huge").await;
    assert_eq!(first.json()["num_successful_assignments"], 1_050);
    let body = revoke(&plan, &people, "huge revocation").await.expect(200);
    assert!(body.to_string().len() > 300_000);
    let again = revoke(&plan, &people, "huge revocation").await;
    assert!(is_replayed(&again));
    assert_eq!(again.expect(200), body);
    let again = assign(&plan, &people, "huge").await;
    assert!(is_replayed(&again));
    assert_eq!(again.expect(200), first.json());
    app.invariants().await.check();
}

#[tokio::test]
async fn an_outcome_commits_with_the_change_so_that_a_lost_response_is_replayed() {
    let app = TestApp::proxied().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    let ann = app.learner(plan.agreement.enterprise, "ann@example.com");
    let path = format!("/api/v1/license-activation/?activation_key={}", held.key);
    // The activation commits, and its response is lost.
    app.proxy().inject(|call| if call.is_write() { Fault::DropAfter } else { Fault::None });
    keyed(&ann, Method::POST, &path, &json!({}), "activate").await.expect(503);
    app.proxy().heal();
    let response = keyed(&ann, Method::POST, &path, &json!({}), "activate").await;
    assert!(is_replayed(&response));
    assert_eq!(response.expect(200)["status"], "activated");
    app.invariants().await.check();
}
