//! Reverting licenses to what they were at an earlier time.

use license_domain::Timestamp;
use license_tests::{
    TestApp,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

use super::{
    jobs::{job, results},
    operations::records,
};
use crate::lmctl::{check, done};

/// Creates the job as those who make plans do, and lets it end; returns its results by license.
async fn revert(app: &TestApp, plan: &Plan, params: &Value, dry_run: bool) -> Vec<Value> {
    let body = json!({
        "kind": "revert", "subscription_plan": plan.id, "params": params, "dry_run": dry_run,
        "reason": "revoked by mistake",
    });
    let id = text(&app.provisioner().post("/api/v1/jobs/", &body).await.expect(202), "id");
    app.drain().await;
    assert_eq!(job(plan, &id).await["state"], "done");
    results(plan, &id).await
}

/// The outcome of that license's row, with its detail.
fn outcome(rows: &[Value], license: &str) -> (String, String) {
    let row = rows.iter().find(|row| row["license"] == json!(license)).unwrap_or_else(|| panic!("{license}: {rows:?}"));
    (text(row, "outcome"), row["detail"].as_str().unwrap_or_default().to_owned())
}

/// A time at which nothing happens: a minute after what was done, and a minute before what follows.
async fn quiet(app: &TestApp) -> Timestamp {
    app.drain().await;
    app.advance("PT1M").await;
    let then = app.now();
    app.advance("PT1M").await;
    then
}

async fn right(app: &TestApp) {
    app.invariants().await.check();
    check(app).await;
}

#[tokio::test]
async fn licenses_that_were_revoked_by_mistake_are_what_they_were() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    let bob = plan.assigned("bob@example.com").await;
    let kept = plan.assigned("kim@example.com").await;
    let before = plan.overview().await;
    let (then, seen) = (quiet(&app).await, plan.license(&ann.id).await);
    plan.revoke(&["ann@example.com", "bob@example.com"]).await.expect(200);
    plan.admin().post("/api/v1/jobs/", &json!({ "kind": "revert", "subscription_plan": plan.id })).await.expect(400);
    let body = json!({ "kind": "revert", "subscription_plan": plan.id, "params": { "revert_to": then } });
    plan.admin().post("/api/v1/jobs/", &body).await.expect(403);
    let ahead = json!({ "revert_to": app.now() + chrono::TimeDelta::minutes(1) });
    let body = json!({ "kind": "revert", "subscription_plan": plan.id, "params": ahead });
    let refused = app.provisioner().post("/api/v1/jobs/", &body).await.expect(400);
    assert_eq!(refused["params"]["revert_to"], json!(["This time is yet to come."]));
    app.drain().await;

    let params = json!({ "revert_to": then });
    let table = records(&app).await;
    let dry = revert(&app, &plan, &params, true).await;
    assert_eq!(outcome(&dry, &ann.id), ("reverted".to_owned(), "activated instead of revoked.".to_owned()));
    assert_eq!(records(&app).await, table, "a dry run changes nothing");

    let rows = revert(&app, &plan, &params, false).await;
    assert_eq!(outcome(&rows, &ann.id).0, "reverted");
    assert_eq!(outcome(&rows, &bob.id), ("reverted".to_owned(), "assigned instead of revoked.".to_owned()));
    assert_eq!(outcome(&rows, &kept.id).0, "unchanged");
    assert_eq!(plan.overview().await, before);
    right(&app).await;
    let now = plan.license(&ann.id).await;
    for name in ["status", "user_email", "activation_key", "assigned_date", "activation_date", "lms_user_id"] {
        assert_eq!(now[name], seen[name], "{name}");
    }
    assert!(now["revoked_date"].is_null());
    // The learner activates with the link of the first mail, and the history says why.
    plan.activate(&app, &bob).await.expect(200);
    app.drain().await;
    let history = plan.admin().get(&plan.path("history/?kind=licenses-reverted")).await.expect(200);
    assert_eq!(history["results"][0]["reason"], "revoked by mistake", "{history}");
    let trail = done(&app, &["audit", "--license", &ann.id]).await;
    assert_eq!(trail[0]["kind"], "licenses-reverted", "{trail}");
    // Again is the same as once, but for what the learner did since.
    let again = revert(&app, &plan, &params, false).await;
    assert_eq!(outcome(&again, &ann.id).0, "unchanged");
    let detail = "The learner, or another user than the first one, has changed the license since then.";
    assert_eq!(outcome(&again, &bob.id), ("refused".to_owned(), detail.to_owned()));
    let forced = revert(&app, &plan, &json!({ "revert_to": then, "force": true }), false).await;
    assert_eq!(outcome(&forced, &bob.id).1, "assigned instead of activated.");
    assert_eq!(plan.overview().await, before);
    right(&app).await;
}

#[tokio::test]
async fn a_learner_never_has_two_licenses_and_no_seat_appears() {
    let app = TestApp::start().await;
    let plan = app.plan(4).await;
    let first = plan.assigned("ann@example.com").await;
    let bob = plan.assigned("bob@example.com").await;
    let then = quiet(&app).await;
    plan.revoke(&["ann@example.com", "bob@example.com"]).await.expect(200);
    let second = plan.assigned("ann@example.com").await;
    app.drain().await;
    let params = json!({ "revert_to": then, "licenses": [first.id] });
    let rows = revert(&app, &plan, &params, false).await;
    let detail = "The learner has another license of the plan now.";
    assert_eq!((rows.len(), outcome(&rows, &first.id)), (1, ("refused".to_owned(), detail.to_owned())));
    // Once that one is revoked, too, the first one takes its place, and it is kept beside it.
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let rows = revert(&app, &plan, &params, false).await;
    assert_eq!(outcome(&rows, &first.id).1, "assigned instead of revoked.");
    assert_eq!(plan.license(&second.id).await["status"], "revoked");
    right(&app).await;
    // Other learners have all seats now.
    plan.assign(&emails("new", 0..3)).await.expect(200);
    app.drain().await;
    let rows = revert(&app, &plan, &json!({ "revert_to": then, "licenses": [bob.id] }), false).await;
    assert_eq!(outcome(&rows, &bob.id).0, "no_seat");
    let licenses = plan.admin().get(&plan.path("")).await.expect(200)["licenses"].clone();
    assert_eq!((&licenses["total"], &licenses["unassigned"]), (&json!(4), &json!(0)), "{licenses}");
    right(&app).await;
    // What was assigned since then is unassigned again; the address of no one else returns with it.
    let rows = revert(&app, &plan, &json!({ "revert_to": then }), false).await;
    let replaced = "The license was unassigned then, and the plan has another unassigned license in its place.";
    assert_eq!(outcome(&rows, &second.id).1, replaced);
    let reset: Vec<&Value> = rows.iter().filter(|row| row["detail"] == "unassigned instead of assigned.").collect();
    assert!(!reset.is_empty(), "{rows:?}");
    right(&app).await;
}

#[tokio::test]
async fn a_retired_learner_does_not_return() {
    let app = TestApp::start().await;
    let plan = app.plan(70).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    let then = quiet(&app).await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    let body = json!({
        "lms_user_id": license_tests::app::lms_user_id("ann@example.com"), "original_username": "ann",
    });
    let worker = app.client(license_tests::Role::RetirementWorker, plan.agreement.enterprise);
    worker.post("/api/v1/retire_user/", &body).await.expect(204);
    app.drain().await;
    let params = json!({ "revert_to": then, "force": true, "licenses": [ann.id] });
    let rows = revert(&app, &plan, &params, false).await;
    let detail = "The address of the learner who held the license then is not on record.";
    assert_eq!(outcome(&rows, &ann.id), ("refused".to_owned(), detail.to_owned()));
    assert!(plan.license(&ann.id).await["user_email"].is_null());
    right(&app).await;
}

#[tokio::test]
async fn the_operators_command_creates_the_same_job() {
    let app = TestApp::start().await;
    let plan = app.plan(70).await;
    let learners = emails("ann", 0..45);
    plan.assign(&learners).await.expect(200);
    let then = quiet(&app).await;
    plan.revoke(&learners).await.expect(200);
    app.drain().await;
    let (to, now) = (then.to_rfc3339(), app.now().to_rfc3339());
    let command = ["operations", "revert-licenses", &plan.id, "--to", &to, "--reason", "a mistake", "--clock", &now];
    let out = done(&app, &[&["--yes"], &command[..]].concat()).await;
    assert_eq!((&out[0]["kind"], &out[0]["state"]), (&json!("revert"), &json!("pending")), "{out}");
    app.drain().await;
    let rows = results(&plan, &text(&out[0], "id")).await;
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "reverted").count(), 45, "in three chunks");
    assert_eq!(plan.overview().await.get("assigned"), Some(&45));
    right(&app).await;
}
