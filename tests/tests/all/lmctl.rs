//! The operator's command, run as a library over a served table, and over a folder.

mod catalog_queries;
mod check;
mod manufacture;
mod queues;
mod roles;
mod seed;

use clap::Parser;
use license_lmctl::{Arguments, Error, Exit};
use license_storage_dynamodb::testing::{keys, table_of};
use license_tests::{TestApp, builders::text};
use serde_json::{Value, json};

use crate::import::{File, dump};

/// Runs a command; returns how it ended, and its output.
async fn lmctl(arguments: &[&str]) -> (Result<Exit, Error>, String) {
    let arguments = Arguments::try_parse_from(["lmctl"].iter().chain(arguments)).expect("the arguments");
    let mut out = Vec::new();
    let exit = license_lmctl::run(arguments, &mut out).await;
    (exit, String::from_utf8(out).expect("text"))
}

/// A command on the app's table that succeeds; its JSON.
pub(crate) async fn done(app: &TestApp, arguments: &[&str]) -> Value {
    let (exit, out) = on(app, arguments).await;
    assert_eq!(exit.expect("it succeeds"), Exit::Done, "{arguments:?}: {out}");
    serde_json::from_str(&out).expect("JSON")
}

/// `check` at the app's time finds nothing.
pub(crate) async fn check(app: &TestApp) {
    let now = app.now().to_rfc3339();
    assert_eq!(done(app, &["check", "--clock", &now]).await, json!([]));
}

pub(crate) async fn on(app: &TestApp, arguments: &[&str]) -> (Result<Exit, Error>, String) {
    let url = app.running().engine_url().to_owned();
    let mut all = vec!["--endpoint-url", &url, "--output", "json"];
    all.extend(arguments);
    lmctl(&all).await
}

fn exit_of((exit, _): (Result<Exit, Error>, String)) -> Exit {
    exit.unwrap_or_else(|error| error.exit())
}

#[tokio::test]
async fn a_table_is_recounted_and_only_missing_pointers_are_repaired() {
    let app = TestApp::start().await;
    let plan = app.plan(70).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    plan.revoke(&["ann@example.com", "bob@example.com"]).await.expect(200);
    plan.assigned("bob@example.com").await;
    File::new(&dump()).import(&app).await.expect("imported");
    app.drain().await;
    app.invariants().await.check_counts();
    assert_eq!(done(&app, &["check"]).await, json!([]));
    assert_eq!(done(&app, &["check", "--segments", "8"]).await, json!([]));

    let table = table_of(app.running().store());
    let (client, name) = (table.client(), table.name());
    let id = plan.id.parse::<uuid::Uuid>().expect("a UUID").into();
    let pointer = keys::plan(id);
    client.delete_item().table_name(name).set_key(Some(pointer.attributes())).send().await.expect("deleted");
    let bucket = keys::BucketKeys { plan: id, bucket: 1 }.bucket();
    let bump = client.update_item().table_name(name).set_key(Some(bucket.attributes()));
    let one = aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned());
    let bump = bump.update_expression("ADD #n :one, #next :one").expression_attribute_names("#n", "activated");
    bump.expression_attribute_names("#next", "next")
        .expression_attribute_values(":one", one)
        .send()
        .await
        .expect("bumped");

    let (exit, out) = on(&app, &["check"]).await;
    assert_eq!(exit.expect("it ends"), Exit::Problems, "{out}");
    let problems: Value = serde_json::from_str(&out).expect("JSON");
    let kinds = |problems: &Value| -> Vec<String> {
        problems.as_array().expect("a list").iter().map(|one| text(one, "kind")).collect()
    };
    assert_eq!(kinds(&problems), ["counter", "total", "missing_pointer"], "{out}");
    assert!(!out.contains("example.com"), "{out}");
    // A dry run, or a missing answer, repairs nothing.
    assert_eq!(exit_of(on(&app, &["check", "--repair", "--dry-run"]).await), Exit::Problems);
    assert!(table.get(&pointer).await.expect("the table answers").is_none());
    let (exit, out) = on(&app, &["check", "--repair", "--yes"]).await;
    assert_eq!(exit.expect("it ends"), Exit::Problems, "{out}");
    let repaired: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(repaired[2]["repaired"], true, "{out}");
    let (_, out) = on(&app, &["check"]).await;
    assert_eq!(kinds(&serde_json::from_str(&out).expect("JSON")), ["counter", "total"], "{out}");
    plan.admin().get(&plan.path("")).await.expect(200);
}

#[tokio::test]
async fn files_are_imported_and_exported() {
    let app = TestApp::start().await;
    let file = File::new(&dump());
    let path = file.0.to_str().expect("text").to_owned();
    let before = app.invariants().await.items;
    let report = done(&app, &["--dry-run", "import", &path]).await;
    assert_eq!((&report["imported"]["licenses"], &report["imported"]["plans"]), (&json!(6), &json!(2)));
    assert_eq!(app.invariants().await.items, before, "a dry run changes nothing");
    assert_eq!(done(&app, &["import", &path]).await["imported"]["licenses"], 6);
    let roles = done(&app, &["roles", "list"]).await;
    assert_eq!(roles.as_array().map(Vec::len), Some(2), "{roles}");
    assert_eq!((&roles[1]["username"], &roles[1]["role"]), (&json!("root"), &json!("superuser")));

    let exported = file.0.with_extension("exported");
    let (exit, _) = on(&app, &["export", exported.to_str().expect("text")]).await;
    assert_eq!(exit.expect("it succeeds"), Exit::Done);
    let text = std::fs::read_to_string(&exported).expect("a file");
    std::fs::remove_file(&exported).expect("it is there");
    let again = File::of_text(&text);
    // Into a folder, which has its own table.
    let folder = file.0.with_extension("data");
    let data = ["--data", folder.to_str().expect("text")];
    let of = |more: &[&'static str]| [&data[..], &["--output", "csv"], more].concat();
    let missing = lmctl(&of(&["check"])).await;
    assert_eq!(exit_of(missing), Exit::Refused);
    let (exit, _) = lmctl(&[&data[..], &["import", again.0.to_str().expect("text")]].concat()).await;
    assert_eq!(exit.expect("it succeeds"), Exit::Done);
    let (exit, out) = lmctl(&of(&["check"])).await;
    assert_eq!((exit.expect("it succeeds"), out.as_str()), (Exit::Done, "kind,what,detail,repaired\r\n"));
    let (_, out) = lmctl(&of(&["roles", "list"])).await;
    assert_eq!(out.lines().count(), 3, "{out}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test]
async fn jobs_and_the_audit_trail_are_looked_at() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let request =
        json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "user_emails": ["ann@example.com"] } });
    let id = text(&plan.admin().post("/api/v1/jobs/", &request).await.expect(202), "id");
    app.drain().await;
    let job = done(&app, &["jobs", "show", &id]).await;
    assert_eq!((&job[0]["state"], &job[0]["processed"]), (&json!("done"), &json!(1)));
    let customer = plan.agreement.enterprise.to_string();
    assert_eq!(done(&app, &["jobs", "list", "--enterprise-customer-uuid", &customer]).await[0]["id"], json!(id));
    assert_eq!(done(&app, &["jobs", "list"]).await, json!([]));
    assert_eq!(done(&app, &["jobs", "results", &id]).await[0]["user_email"], "a***@example.com");
    let shown = done(&app, &["--show-emails", "jobs", "results", &id]).await;
    assert_eq!((&shown[0]["user_email"], &shown[0]["outcome"]), (&json!("ann@example.com"), &json!("assigned")));
    // An impossible change is refused with the message of the API.
    for what in ["cancel", "resume"] {
        assert_eq!(exit_of(on(&app, &["--yes", "jobs", what, &id]).await), Exit::Refused, "{what}");
    }
    assert_eq!(exit_of(on(&app, &["jobs", "show", &plan.id]).await), Exit::Refused);

    let trail = done(&app, &["audit", "--plan", &plan.id]).await;
    assert!(trail.as_array().is_some_and(|trail| trail.len() >= 2), "{trail}");
    assert!(!trail.to_string().contains("ann@example.com"), "{trail}");
    let one = done(&app, &["audit", "--plan", &plan.id, "--limit", "1"]).await;
    assert_eq!(one[0], trail[0]);
}

#[tokio::test]
async fn a_job_is_canceled_and_resumed_only_after_an_answer() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let response = plan.admin().post("/api/v1/jobs/", &request).await;
    let id = text(&response.expect(202), "id");
    assert_eq!(exit_of(on(&app, &["jobs", "cancel", &id]).await), Exit::Usage, "there is no terminal to answer");
    let dry = done(&app, &["--dry-run", "--yes", "jobs", "cancel", &id]).await;
    assert_eq!(dry[0]["state"], "cancelled");
    assert_eq!(done(&app, &["jobs", "show", &id]).await[0]["state"], "uploading");
    assert_eq!(done(&app, &["--yes", "jobs", "cancel", &id, "--reason", "a mistake"]).await[0]["state"], "cancelled");
    assert_eq!(done(&app, &["jobs", "show", &id]).await[0]["state"], "cancelled");
}

#[tokio::test]
async fn every_command_is_documented_and_man_and_completions_are_printed() {
    let (exit, man) = lmctl(&["man"]).await;
    assert_eq!(exit.expect("it succeeds"), Exit::Done);
    assert!(man.contains(".TH lmctl") && man.contains("show\\-emails"), "{man}");
    let (exit, script) = lmctl(&["completions", "bash"]).await;
    assert_eq!(exit.expect("it succeeds"), Exit::Done);
    assert!(script.contains("_lmctl"), "{script}");
    // Each command is in the documentation.
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lmctl.md")).expect("docs/lmctl.md");
    for command in <Arguments as clap::CommandFactory>::command().get_subcommands() {
        let name = command.get_name();
        assert!(page.contains(&format!("lmctl {name}")), "{name}");
    }
}
