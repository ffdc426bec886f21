//! The process is killed at random moments, during requests of all kinds, and started again over its data.
//!
//! This test's own binary is the process: started again with `KILLED_DATA`, it runs the product over that folder
//! until it is killed. Three seeds at the same time; `KILL_SEED` repeats one, `KILL_ROUNDS` makes it longer.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use license_domain::Timestamp;
use license_local::Options;
use license_tests::{Client, Invariants, builders::emails, consequences::Outside};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::storm::{seeds, setting};

const DATA: &str = "KILLED_DATA";
const CLOCK: &str = "KILLED_CLOCK";
const CHILD: &str = "after::kill::the_process_that_is_killed";

pub fn options(data: PathBuf, clock: Timestamp) -> Options {
    Options { data: Some(data), clock: Some(clock), demo: true, ..Options::default() }
}

/// Not a test of its own, but the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let Some(data) = std::env::var_os(DATA).map(PathBuf::from) else { return };
    let clock = std::env::var(CLOCK).expect("a time").parse().expect("a moment");
    let running = license_local::start(options(data.clone(), clock)).await.expect("it starts over its data");
    let tokens: Value = json!({ "url": running.url(), "tokens": running.tokens() });
    std::fs::write(data.join("ready"), tokens.to_string()).expect("written");
    std::future::pending::<()>().await;
}

/// Starts it, and waits until it is ready.
pub fn start(data: &Path, clock: Timestamp) -> (Child, Value) {
    let ready = data.join("ready");
    std::fs::remove_file(&ready).unwrap_or_default();
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", CHILD, "--nocapture"])
        .env(DATA, data)
        .env(CLOCK, clock.to_rfc3339())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    for _ in 0..3_000 {
        if let Some(started) = std::fs::read_to_string(&ready).ok().and_then(|text| serde_json::from_str(&text).ok()) {
            return (child, started);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    panic!("it does not start");
}

pub struct Folder(pub PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// Sends all kinds of requests at the same time until the process is killed. Their responses are not checked.
async fn work(started: Value, round: usize) {
    let http = reqwest::Client::new();
    let url = started["url"].as_str().expect("a URL").to_owned();
    let client = |role: &str| Client::new(http.clone(), &url, started["tokens"][role].as_str().map(str::to_owned));
    let (admin, provisioner) = (client("admin"), client("provisioning-admin"));
    let send = async |client: &Client, path: &str, body: Value| client.try_post(path, &body).await;
    let Some(plans) = admin.try_get("/api/v1/subscriptions/").await else { return };
    let plans: Vec<Value> = plans["results"].as_array().cloned().unwrap_or_default();
    let Some(plan) = plans.iter().find(|plan| plan["licenses"]["unassigned"].as_u64() > Some(10_000)) else { return };
    let id = plan["uuid"].as_str().expect("an id");
    let assign = async {
        for n in 0..40 {
            let size = [1, 3, 60, 140][n % 4];
            let learners = emails(&format!("r{round}-{n}-"), 0..size);
            send(&admin, &format!("/api/v1/subscriptions/{id}/licenses/assign/"), json!({ "user_emails": learners }))
                .await;
            let revoked = if n % 8 == 3 { &learners[..] } else { &learners[..1] };
            let revoked = json!({ "user_emails": revoked });
            send(&admin, &format!("/api/v1/subscriptions/{id}/licenses/bulk-revoke/"), revoked).await;
            if n % 10 == 8 {
                send(&admin, &format!("/api/v1/subscriptions/{id}/licenses/remind-all/"), json!({})).await;
            }
        }
    };
    let jobs = async {
        for n in 0..4 {
            let rows = emails(&format!("j{round}-{n}-"), 0..300);
            let request = json!({ "kind": "assign", "subscription_plan": id, "params": { "user_emails": rows } });
            send(&admin, "/api/v1/jobs/", request).await;
        }
    };
    let renew = async {
        let prior = json!({
            "title": format!("Round {round}"), "start_date": "2026-01-01T00:00:00Z",
            "expiration_date": "2027-12-31T00:00:00Z", "customer_agreement": DEMO_AGREEMENT,
            "desired_num_licenses": 300, "is_active": true, "product": 1, "change_reason": "new",
            "salesforce_opportunity_line_item": "00k000000000000123",
        });
        let Some(prior) = send(&provisioner, "/api/v1/provisioning-admins/subscriptions/", prior).await else { return };
        let Some(prior) = prior["uuid"].as_str().map(str::to_owned) else { return };
        let rows = emails(&format!("n{round}-"), 0..150);
        let path = format!("/api/v1/subscriptions/{prior}/licenses/assign/");
        send(&admin, &path, json!({ "user_emails": rows, "notify_users": false })).await;
        let renewal = json!({
            "prior_subscription_plan": prior, "renewed_subscription_plan": null,
            "salesforce_opportunity_id": "00k000000000000124", "number_of_licenses": 300,
            "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        });
        let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        let Some(renewal) = send(&provisioner, path, renewal).await else { return };
        send(&provisioner, &format!("{path}{}/process/", renewal["id"]), json!({})).await;
    };
    futures::join!(assign, jobs, renew);
}

/// The demo customer's agreement.
pub const DEMO_AGREEMENT: &str = "aaaaaaaa-0000-4000-8000-0000000de300";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_is_killed_repeatedly_loses_and_repeats_nothing() {
    // On threads of their own, because each waits for its process.
    let seeds = seeds("KILL_SEED").into_iter().map(|seed| tokio::spawn(kill_again_and_again(seed)));
    let mails: usize = futures::future::try_join_all(seeds).await.expect("no seed fails").iter().sum();
    assert!(mails > 30, "hardly anything was under way: {mails} mails");
}

/// Returns the number of mails that followed from the changes before and between the kills.
async fn kill_again_and_again(seed: u64) -> usize {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = Folder(std::env::temp_dir().join(format!("license-killed-{}-{seed}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let mut clock: Timestamp = license_tests::NOW.parse().expect("a moment");
    for round in 0..usize::try_from(setting("KILL_ROUNDS", 2)).expect("a number") {
        let (mut child, started) = start(&folder.0, clock);
        let working = tokio::spawn(work(started, round));
        tokio::time::sleep(Duration::from_millis(random.random_range(30..1_500))).await;
        child.kill().expect("killed");
        child.wait().expect("gone");
        working.abort();
        // By then interrupted work no longer counts as under way.
        clock += chrono::TimeDelta::hours(2);
    }

    let running = license_local::start(options(folder.0.clone(), clock)).await.expect("it starts over its data");
    let client = Client::new(reqwest::Client::new(), running.url(), None);
    for _ in 0..12 {
        client.post("/_local/clock", &json!({ "advance": "PT30M" })).await.expect(200);
    }
    // A message whose handler was killed six times is in the dead-letter queue; an operator redrives it.
    for queue in ["MailQueue", "BulkQueue"] {
        client.post(&format!("/_local/queues/{queue}/redrive"), &json!({})).await.expect(200);
    }
    client.post("/_local/clock", &json!({ "advance": "PT30M" })).await.expect(200);
    let drained = running.drain().await;
    assert_eq!(drained["drained"], true, "{drained}");
    let invariants = Invariants::take(running.store()).await;
    let found = Outside::of(&client).await.check(&invariants);
    let queues = client.get("/_local/queues").await.expect(200);
    for (name, depth) in queues.as_object().expect("queues") {
        assert_eq!((&depth["depth"], &depth["dead"]), (&json!(0), &json!(0)), "seed {seed}: {name} {depth}");
    }
    println!("seed {seed}: {found:?}");
    running.stop().await;
    found.wanted
}
