//! What many clients observe of a plan's seats could also be observed one after the other, while the table fails at
//! random, and while the process is killed repeatedly.
//!
//! `HISTORY_SEED` repeats a run; `HISTORY_KILLS` is the number of kills (10,000 take some hours).

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use license_domain::Timestamp;
use license_tests::{Client, Fault, Invariants, TestApp, builders::text, history::Recorder};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    kill::{Folder, options, start},
    storm::setting,
};

const SEED: u64 = 20_261_125;

/// How many clients there are at a time.
const CLIENTS: u64 = 6;

/// How many requests each of them sends.
const REQUESTS: usize = 25;

/// How many kills there are in one history.
const KILLS: u64 = 4;

#[track_caller]
fn check(recorder: &Recorder, invariants: &Invariants, seed: u64) {
    let history = recorder.history(&invariants.events);
    assert!(history.len() > 30, "seed {seed}: {} steps", history.len());
    if let Err(problem) = history.check(recorder.total()) {
        panic!("seed {seed}: {problem}\n{history}{}", recorder.text(&invariants.events));
    }
}

async fn play(recorder: Arc<Recorder>, (admin, provisioner): (Client, Client), seed: u64, requests: usize) {
    let clients = (0..CLIENTS).map(|client| {
        let (recorder, admin, provisioner) = (recorder.clone(), admin.clone(), provisioner.clone());
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed * CLIENTS + client);
            for _ in 0..requests {
                if !recorder.step(&admin, &provisioner, &mut random).await {
                    // No response: the product fails, or was killed.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("the responses are understood");
    }
}

/// Three seeds at the same time, each with a plan of so many seats.
async fn storms(seats: u64) {
    let seed = setting("HISTORY_SEED", SEED);
    // A storm mostly waits for calls that are repeated later.
    let storms = (seed..seed + 3).map(|seed| tokio::spawn(storm(seats, seed)));
    futures::future::try_join_all(storms).await.expect("the sequences are possible");
}

/// A plan of so many seats, over a table that fails at random.
async fn storm(seats: u64, seed: u64) {
    let app = TestApp::proxied_throughout().await;
    let plan = app.plan(seats).await;
    let mut random = StdRng::seed_from_u64(seed);
    app.proxy().inject(move |_| match random.random_range(0..100) {
        0..5 => Fault::Conflict,
        5..7 => Fault::Throttle,
        7..8 => Fault::InternalError,
        8..9 => Fault::DropBefore,
        9..12 => Fault::DropAfter,
        12..30 => Fault::Delay(Duration::from_millis(10)),
        _ => Fault::None,
    });
    let recorder = Recorder::new(&format!("{seats}-{seed}"), &plan.id, seats);
    play(recorder.clone(), (plan.admin().clone(), app.provisioner()), seed, REQUESTS).await;
    app.proxy().heal();
    app.advance("PT2H").await;
    app.drain().await;
    check(&recorder, &app.invariants().await, seed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_table_fails_at_random_clients_observe_a_possible_sequence() {
    storms(16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_seats_in_several_buckets_clients_observe_a_possible_sequence() {
    storms(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_process_is_killed_clients_observe_a_possible_sequence() {
    let seed = setting("HISTORY_SEED", SEED);
    let kills = setting("HISTORY_KILLS", 3 * KILLS);
    let runs = (0..kills.div_ceil(KILLS)).map(|run| (seed + run, KILLS.min(kills - run * KILLS)));
    let runs = stream::iter(runs).map(|(seed, kills)| tokio::spawn(killed(seed, kills)));
    // Some at a time: each mostly waits for its process to start.
    runs.buffer_unordered(3).for_each(|run| async { run.expect("the sequence is possible") }).await;
}

/// One plan, with so many kills.
async fn killed(seed: u64, kills: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let folder = Folder(std::env::temp_dir().join(format!("license-history-{}-{seed}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let mut clock: Timestamp = license_tests::NOW.parse().expect("a moment");
    let mut recorder: Option<Arc<Recorder>> = None;
    for kill in 0..kills {
        let (mut child, ready) = start(&folder.0, clock);
        let clients = clients(&ready);
        let recorder = match &recorder {
            Some(recorder) => recorder.clone(),
            None => recorder.insert(new_plan(&clients.1, seed).await).clone(),
        };
        let until = recorder.len() + random.random_range(20..80);
        let playing = tokio::spawn(play(recorder.clone(), clients, seed * 1_000 + kill, 15));
        while recorder.len() < until {
            tokio::time::sleep(Duration::from_millis(random.random_range(1..20))).await;
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        playing.await.expect("the responses are understood");
        clock += chrono::TimeDelta::hours(2);
    }
    let running = license_local::start(options(PathBuf::clone(&folder.0), clock)).await.expect("it starts");
    let client = Client::new(reqwest::Client::new(), running.url(), None);
    client.post("/_local/clock", &json!({ "advance": "PT2H" })).await.expect(200);
    running.drain().await;
    let recorder = recorder.expect("at least one kill");
    check(&recorder, &Invariants::take(running.store()).await, seed);
    running.stop().await;
}

/// The admin of the demo's customer, and a provisioner.
fn clients(ready: &Value) -> (Client, Client) {
    let client =
        |role: &str| Client::new(reqwest::Client::new(), text(ready, "url"), Some(text(&ready["tokens"], role)));
    (client("admin"), client("provisioning-admin"))
}

async fn new_plan(provisioner: &Client, seed: u64) -> Arc<Recorder> {
    const SEATS: u64 = 16;
    let body = json!({
        "title": format!("History {seed}"), "start_date": "2026-01-01T00:00:00Z",
        "expiration_date": "2027-12-31T00:00:00Z", "customer_agreement": super::kill::DEMO_AGREEMENT,
        "desired_num_licenses": SEATS, "is_active": true, "product": 1, "change_reason": "new",
        "salesforce_opportunity_line_item": "00k000000000000123",
    });
    let plan = provisioner.post("/api/v1/provisioning-admins/subscriptions/", &body).await.expect(201);
    Recorder::new(&seed.to_string(), &text(&plan, "uuid"), SEATS)
}
