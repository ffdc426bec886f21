//! Jobs: each row takes effect once, whatever fails.

use std::collections::BTreeMap;

use license_tests::{
    Role, TestApp,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

use super::{fault, recipients};

/// Creates a job for that plan; returns its id.
async fn ask(plan: &Plan, kind: &str, params: Value) -> String {
    let request = json!({ "kind": kind, "subscription_plan": plan.id, "params": params });
    text(&plan.admin().post("/api/v1/jobs/", &request).await.expect(202), "id")
}

pub(super) async fn job(plan: &Plan, id: &str) -> Value {
    plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200)
}

async fn control(plan: &Plan, id: &str, what: &str) -> license_tests::TestResponse {
    plan.admin().post(&format!("/api/v1/jobs/{id}/{what}/"), &json!({})).await
}

/// All results, page by page.
pub(super) async fn results(plan: &Plan, id: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = Some(format!("/api/v1/jobs/{id}/results/"));
    while let Some(path) = next {
        let page = plan.admin().get(&path).await.expect(200);
        all.extend(page["results"].as_array().expect("rows").clone());
        next = page["next"].as_str().map(|url| url[url.find("/api").expect("a path")..].to_owned());
    }
    all
}

/// How many rows ended how.
async fn outcomes(plan: &Plan, id: &str) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for row in results(plan, id).await {
        *outcomes.entry(text(&row, "outcome")).or_default() += 1;
    }
    outcomes
}

fn counted<const N: usize>(wanted: [(&str, usize); N]) -> BTreeMap<String, usize> {
    wanted.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

#[tokio::test]
async fn thousands_are_assigned_once_and_invited_once() {
    let app = TestApp::start().await;
    let plan = app.plan(3_000).await;
    plan.assign(&emails("ann", 0..50)).await.expect(200);
    let learners = emails("ann", 0..2_000);
    let id = ask(&plan, "assign", json!({ "user_emails": learners, "greeting": "Hi" })).await;
    app.drain().await;
    let done = job(&plan, &id).await;
    assert_eq!((&done["state"], &done["progress"], &done["rows"]), (&json!("done"), &json!(100), &json!(2_000)));
    let counts = json!({ "processed": 2_000, "succeeded": 1_950, "unchanged": 50, "failed": 0, "waiting": 0 });
    assert_eq!(done["counts"], counts);
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 1_950), ("already_associated", 50)]));
    let rows = results(&plan, &id).await;
    assert!(rows.iter().zip(0..).all(|(row, n)| row["row"] == json!(n)), "out of order");
    app.invariants().await.check();
    assert_eq!(plan.overview().await["assigned"], 2_000);
    assert_eq!(recipients(&app, "assignment-email-campaign").await, learners[50..]);

    let csv = plan.admin().get(&format!("/api/v1/jobs/{id}/results/?format=csv")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text.lines().count(), 2_001);
    assert!(csv.text.starts_with("row,user_email,course_run_key,license,outcome,detail\r\n"), "{}", &csv.text[..80]);
}

#[tokio::test]
async fn workers_that_are_killed_in_the_middle_do_nothing_twice() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    for how in ["after", "before", "after"] {
        fault(&app, json!({ "worker": "function-workers", "next": 2, "how": how })).await;
    }
    let learners = emails("ann", 0..800);
    let id = ask(&plan, "assign", json!({ "user_emails": learners, "notify_users": false })).await;
    app.drain().await;
    for _ in 0..8 {
        // A message whose worker was killed is hidden for an hour.
        app.advance("PT70M").await;
    }
    assert_eq!(job(&plan, &id).await["state"], "done");
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 800)]));
    app.invariants().await.check();
    assert_eq!(plan.overview().await["assigned"], 800);
}

#[tokio::test]
async fn learners_without_a_seat_wait_for_one_or_do_without() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let none = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..120) })).await;
    app.drain().await;
    assert_eq!(outcomes(&plan, &none).await, counted([("assigned", 100), ("no_seat", 20)]));

    let wait = ask(&plan, "assign", json!({ "user_emails": emails("bob", 0..30), "wait": true })).await;
    app.drain().await;
    let waiting = job(&plan, &wait).await;
    assert_eq!((&waiting["state"], &waiting["counts"]["waiting"]), (&json!("waiting"), &json!(30)));
    plan.revoke(&emails("ann", 0..10)).await.expect(200);
    app.advance("PT2M").await;
    assert_eq!(outcomes(&plan, &wait).await, counted([("assigned", 10), ("waiting", 20)]));
    let body = json!({ "change_reason": "other", "desired_num_licenses": 200 });
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    app.provisioner().send(reqwest::Method::PATCH, &path, Some(&body)).await.expect(200);
    app.advance("PT2M").await;
    let done = job(&plan, &wait).await;
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("done"), &json!(30)));
    assert_eq!(
        recipients(&app, "assignment-email-campaign").await.iter().filter(|to| to.starts_with("bob")).count(),
        30
    );
    app.invariants().await.check();
}

#[tokio::test]
async fn a_dry_run_reports_what_it_would_do_and_changes_nothing() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    plan.assign(&emails("ann", 0..10)).await.expect(200);
    let before = app.invariants().await;
    let request = |kind: &str, params: Value| json!({ "kind": kind, "subscription_plan": plan.id, "params": params, "dry_run": true });
    let all = emails("ann", 0..120);
    for (kind, params, wanted) in [
        (
            "assign",
            json!({ "user_emails": all }),
            counted([("already_associated", 10), ("assigned", 90), ("no_seat", 20)]),
        ),
        ("revoke", json!({ "user_emails": all }), counted([("revoked", 10), ("not_found", 110)])),
        ("remind", json!({ "all": true }), counted([("reminded", 10)])),
    ] {
        let id = text(&plan.admin().post("/api/v1/jobs/", &request(kind, params)).await.expect(202), "id");
        app.drain().await;
        assert_eq!(outcomes(&plan, &id).await, wanted, "{kind}");
    }
    let after = app.invariants().await;
    assert_eq!(after.slots, before.slots);
}

#[tokio::test]
async fn jobs_remind_and_revoke_all_learners_of_a_plan() {
    let app = TestApp::start().await;
    let plan = app.plan(400).await;
    plan.assign(&emails("ann", 0..300)).await.expect(200);
    plan.activated(&app, "bob@example.com").await;
    let remind = ask(&plan, "remind", json!({ "all": true })).await;
    app.drain().await;
    assert_eq!(outcomes(&plan, &remind).await, counted([("reminded", 300)]));
    assert_eq!(recipients(&app, "remind-email-campaign").await.len(), 300);
    let revoke = ask(&plan, "revoke", json!({ "status_in": ["assigned"], "user_email": "ann0000" })).await;
    app.drain().await;
    assert_eq!(outcomes(&plan, &revoke).await, counted([("revoked", 10)]));

    let response = plan.admin().post(&plan.path("licenses/revoke-all/"), &json!({})).await;
    response.expect(204);
    let at = response.header("location").expect("its job").to_owned();
    app.drain().await;
    let done = plan.admin().get(&at).await.expect(200);
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("done"), &json!(291)));
    assert_eq!(plan.overview().await.get("assigned"), None);
    app.invariants().await.check();
}

#[tokio::test]
async fn licenses_are_transferred_to_another_plan_and_back() {
    let app = TestApp::start().await;
    let from = app.plan(100).await;
    let to = app.plan_of(&from.agreement, 10, &json!({})).await;
    from.assign(&emails("ann", 0..70)).await.expect(200);
    let held = from.activated(&app, "bob@example.com").await;
    to.assign(&["ann00000@example.com"]).await.expect(200);
    let id = ask(&from, "transfer", json!({ "all": true, "to_plan": to.id })).await;
    app.drain().await;
    assert_eq!(outcomes(&from, &id).await, counted([("transferred", 70), ("refused", 1)]));
    app.invariants().await.check_counts();
    let counts = async |plan: &Plan| plan.admin().get(&plan.path("")).await.expect(200)["licenses"].clone();
    assert_eq!(counts(&from).await["total"], 30);
    assert_eq!(counts(&to).await["total"], 80);
    assert_eq!(to.license(&held.id).await["status"], "activated");

    let back = control(&from, &id, "reverse").await.expect(202);
    let again = control(&from, &id, "reverse").await.expect(202);
    assert_eq!(back["id"], again["id"]);
    app.drain().await;
    assert_eq!((counts(&from).await["total"].clone(), counts(&to).await["total"].clone()), (json!(100), json!(10)));
    assert_eq!(from.license(&held.id).await["user_email"], "bob@example.com");
    assert_eq!(job(&from, &id).await["reversed_by"], back["id"]);
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn rows_are_uploaded_as_a_file() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let made = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
    let (id, url) = (text(&made, "id"), text(&made, "upload_url"));
    assert_eq!(made["state"], "uploading");
    let rows: Vec<String> = emails("ann", 0..200).iter().map(|email| format!("{email},x")).collect();
    let csv = format!("\u{feff}Email,note\r\n{}\r\nnot an address,y\r\nANN00000@example.com,z\r\n", rows.join("\r\n"));
    let put = reqwest::Client::new().put(url).body(csv).send().await.expect("a response");
    assert!(put.status().is_success());
    control(&plan, &id, "resume").await.expect(202);
    app.drain().await;
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 200), ("invalid", 1)]));
    assert_eq!(results(&plan, &id).await[200]["detail"], "Enter a valid email address.");
    control(&plan, &id, "resume").await.expect(409);

    let made = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
    let id = text(&made, "id");
    control(&plan, &id, "resume").await.expect(202);
    app.drain().await;
    let failed = job(&plan, &id).await;
    assert_eq!((&failed["state"], &failed["problem"]), (&json!("failed"), &json!("JobUnreadable")));
}

#[tokio::test]
async fn a_job_is_canceled_and_resumed_where_it_stopped() {
    let app = TestApp::start().await;
    let plan = app.plan(2_000).await;
    // Its lanes are delayed, so that it can be canceled in the middle.
    fault(&app, json!({ "worker": "function-workers", "next": 2, "how": "before" })).await;
    let id = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..1_000), "notify_users": false })).await;
    control(&plan, &id, "cancel").await.expect(200);
    app.drain().await;
    app.advance("PT1H").await;
    assert_eq!(job(&plan, &id).await["state"], "cancelled");
    let before = plan.overview().await.get("assigned").copied().unwrap_or_default();
    control(&plan, &id, "cancel").await.expect(409);
    control(&plan, &id, "resume").await.expect(202);
    app.drain().await;
    app.advance("PT1H").await;
    assert_eq!(job(&plan, &id).await["state"], "done");
    assert!(before < 1_000);
    assert_eq!(outcomes(&plan, &id).await, counted([("assigned", 1_000)]));
    app.invariants().await.check();
}

#[tokio::test]
async fn plans_grow_by_those_who_make_plans() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let request =
        |n: u64| json!({ "kind": "grow", "subscription_plan": plan.id, "params": { "desired_num_licenses": n } });
    plan.admin().post("/api/v1/jobs/", &request(5_000)).await.expect(403);
    app.provisioner().post("/api/v1/jobs/", &request(5_000)).await.expect(202);
    app.provisioner().post("/api/v1/jobs/", &request(2_000_000)).await.expect(202);
    app.drain().await;
    assert_eq!(plan.admin().get(&plan.path("")).await.expect(200)["licenses"]["total"], 5_000);
    app.invariants().await.check();
}

#[tokio::test]
async fn impossible_requests_are_refused_and_jobs_belong_to_a_customer() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(10).await, app.plan(10).await);
    let ask_for = async |body: Value| plan.admin().post("/api/v1/jobs/", &body).await;
    let required = json!(["This field is required."]);
    let missing = ask_for(json!({})).await.expect(400);
    assert_eq!(missing, json!({ "kind": required, "subscription_plan": required }));
    for (kind, params, field) in [
        ("assign", json!({}), "user_emails"),
        ("assign", json!({ "all": true }), "user_emails"),
        ("assign", json!({ "user_emails": ["x"] }), "user_emails"),
        ("revoke", json!({ "all": true, "upload": true }), "user_emails"),
        ("revoke", json!({ "status_in": ["revoked"] }), "status_in"),
        ("transfer", json!({ "all": true }), "to_plan"),
        ("transfer", json!({ "all": true, "to_plan": other.id }), "to_plan"),
        ("transfer", json!({ "all": true, "to_plan": plan.id }), "to_plan"),
        ("enroll", json!({ "all": true }), "course_run_keys"),
    ] {
        let request = json!({ "kind": kind, "subscription_plan": plan.id, "params": params });
        let response = ask_for(request).await.expect(400);
        assert!(response["params"].get(field).is_some(), "{kind} {params}: {response}");
    }
    let id = ask(&plan, "remind", json!({ "user_emails": ["ann@example.com"] })).await;
    other.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(403);
    app.client(Role::Operator, plan.agreement.enterprise).get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    let list = format!("/api/v1/jobs/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let listed = plan.admin().get(&list).await.expect(200);
    assert_eq!(listed["results"].as_array().map(Vec::len), Some(1), "{listed}");
    other.admin().get(&list).await.expect(403);
    control(&plan, &id, "reverse").await.expect(409);
}

#[tokio::test]
async fn a_huge_job_does_not_keep_a_small_one_waiting() {
    let app = TestApp::start().await;
    let (huge, small) = (app.plan(20_000).await, app.plan(10).await);
    let big = ask(&huge, "assign", json!({ "user_emails": emails("ann", 0..20_000), "notify_users": false })).await;
    let little = ask(&small, "assign", json!({ "user_emails": ["bob@example.com"], "notify_users": false })).await;
    let mut waited = 0;
    while job(&small, &little).await["state"] != "done" {
        waited += 1;
        assert!(waited < 2_000, "the small job starves");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // A finished job cannot be canceled: the huge one is still running, and is canceled to save time.
    control(&huge, &big, "cancel").await.expect(200);
    app.drain().await;
    let stopped = job(&huge, &big).await;
    assert_eq!(stopped["state"], "cancelled");
    assert!(stopped["counts"]["succeeded"].as_u64() < Some(20_000), "{stopped}");
    app.invariants().await.check();
}

#[tokio::test]
async fn a_job_without_progress_is_found() {
    let app = TestApp::start().await;
    let plan = app.plan(1_000).await;
    let store = app.running().store();
    let runs = license_work::RunRecords::new(store, store.clock().clone());
    let stalled = async || {
        let since = app.now() - chrono::TimeDelta::minutes(15);
        let found = runs.without_progress(since, 10).await.expect("the table responds");
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let quick = ask(&plan, "assign", json!({ "user_emails": emails("bob", 0..10), "notify_users": false })).await;
    app.drain().await;
    assert_eq!(job(&plan, &quick).await["state"], "done");
    // Every invocation is lost from now on, so that its messages go to the dead-letter queue.
    fault(&app, json!({ "worker": "function-workers", "next": 1_000, "how": "before" })).await;
    let id = ask(&plan, "assign", json!({ "user_emails": emails("ann", 0..900), "notify_users": false })).await;
    assert_eq!(stalled().await, Vec::<String>::new(), "it was created a moment ago");
    app.advance("PT16M").await;
    assert_eq!(stalled().await, [id.as_str()]);
    control(&plan, &id, "cancel").await.expect(200);
    assert_eq!(stalled().await, Vec::<String>::new());
}
