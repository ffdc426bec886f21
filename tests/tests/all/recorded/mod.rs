//! Replays the recorded requests of edx's license-manager: every example of a route that we have, on its base, at the
//! recorded time; bodies are compared. `departures.json` lists the intended differences with their reasons.
//!
//! The recordings are not part of this repository: `CONTRACT_DIR` names the folder that holds `fixtures.json`,
//! `state.json` and `examples/`. Without it these tests say so and pass.

mod compare;
mod departures;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use license_local::Options;
use license_tests::{TestApp, TestResponse, app::options};
use reqwest::{Method, header};
use serde_json::{Value, json};
use uuid::Uuid;

use self::{compare::Known, departures::Departures};
use crate::table;

/// One recording.
struct Example {
    id: String,
    base: String,
    claims: Value,
    request: Value,
    response: Value,
}

/// The host in the recorded responses.
const HOST: &str = "licenses.example";

/// Recordings without claims that were made with a token nevertheless: of whom, and how it was sent.
const ADMIN_OF_A: &str = "enterprise_admin:eeeeeeee-0000-4000-8000-00000000000a";

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CONTRACT_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: CONTRACT_DIR names no folder with recordings");
    }
    folder
}

fn examples(folder: &Path, base: &str) -> Vec<Example> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("examples"))
        .expect("examples/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).expect("a file")).collect();
    let read = |line: &str| {
        let mut example: Value = serde_json::from_str(line).expect("a recording");
        Example {
            id: example["id"].as_str().expect("an id").to_owned(),
            base: example["base"].as_str().expect("a base").to_owned(),
            claims: example["claims"].take(),
            request: example["request"].take(),
            response: example["response"].take(),
        }
    };
    text.lines().map(read).filter(|example| example.base == base).collect()
}

impl Example {
    fn path(&self) -> &str {
        self.request["path"].as_str().unwrap_or_default()
    }

    /// Whether one of our routes has its path with any method, or no route of the API has.
    fn is_ours(&self) -> bool {
        let path = self.path().split('?').next().unwrap_or_default();
        let is_foreign = !path.starts_with("/api/") && self.response["status"] == 404;
        is_foreign || table::routes().any(|route| table::is_of(route.path, path) && names_ids(route.path, path))
    }

    async fn replay(&self, app: &TestApp) -> TestResponse {
        let mut request = reqwest::Client::new()
            .request(self.method(), format!("{}{}", app.running().url(), self.path()))
            .header(header::HOST, HOST);
        for (name, value) in self.credentials(app) {
            request = request.header(name, value);
        }
        if let Some(raw) = self.request["raw_body"].as_str() {
            request = request.header(header::CONTENT_TYPE, "application/json").body(raw.to_owned());
        } else if !self.request["body"].is_null() && self.method() != Method::GET {
            request = request.json(&self.request["body"]);
        }
        let response = request.send().await.expect("a response");
        let (status, headers) = (response.status(), response.headers().clone());
        TestResponse { status, headers, text: response.text().await.expect("a body") }
    }

    fn method(&self) -> Method {
        self.request["method"].as_str().and_then(|method| method.parse().ok()).expect("a method")
    }

    fn credentials(&self, app: &TestApp) -> Vec<(&'static str, String)> {
        let admin = json!({
            "preferred_username": "bench-admin", "email": "bench-admin@example.com", "user_id": 9001,
            "roles": [ADMIN_OF_A],
        });
        let cookies = |token: &str| {
            let (payload, signature) = token.rsplit_once('.').expect("three parts");
            format!("edx-jwt-cookie-header-payload={payload}; edx-jwt-cookie-signature={signature}")
        };
        match self.id.as_str() {
            "auth-tokens.expired" => {
                let mut expired = admin;
                expired["exp"] = json!(app.now().timestamp() - 60);
                vec![("authorization", format!("JWT {}", app.token(expired)))]
            }
            "auth-tokens.cookie-get" => {
                vec![("cookie", cookies(&app.token(admin))), ("use-jwt-cookie", "true".to_owned())]
            }
            "auth-tokens.cookie-post-without-csrf-no-use-header" => {
                vec![("cookie", cookies(&app.token(admin)))]
            }
            _ if self.claims.is_null() => Vec::new(),
            _ => vec![("authorization", format!("JWT {}", app.token(self.claims.clone())))],
        }
    }
}

/// Whether every parameter of the pattern is an id: `licenses/remind/` is not the license called "remind".
fn names_ids(pattern: &str, path: &str) -> bool {
    let mut segments = pattern.split('/').zip(path.split('/'));
    segments.all(|(wanted, given)| match wanted {
        "{renewal}" => given.parse::<u32>().is_ok(),
        _ => !wanted.starts_with('{') || Uuid::try_parse(given).is_ok(),
    })
}

async fn replay_all(base: &str, clock: &str) {
    let Some(folder) = folder() else { return };
    let departures = Departures::read();
    let file = folder.join(format!("{base}.json"));
    let known = Known::of(&fs::read_to_string(&file).expect("a base"));
    let options = Options { import: vec![file], clock: Some(clock.parse().expect("a moment")), ..options() };
    let app = TestApp::start_with(options, false).await;

    let (mut wrong, mut replayed, mut skipped) = (Vec::new(), 0, BTreeSet::new());
    for example in examples(&folder, base) {
        if !example.is_ours() {
            skipped.insert(example.id.clone());
            continue;
        }
        replayed += 1;
        let began = app.now();
        let response = example.replay(&app).await;
        let times = (began, app.now());
        let path = example.path();
        let differences = compare::differences(&known, path, &example.response, &response, times);
        let departure = departures.of(&example.id);
        let complaints = match departure {
            None => differences,
            Some(_) if differences.is_empty() => vec!["is listed as a departure, but does not differ".to_owned()],
            Some(departure) => {
                compare::differences(&known, path, &departure.instead_of(&example.response), &response, times)
            }
        };
        if !complaints.is_empty() {
            let listed = if departure.is_some() { " (a listed departure)" } else { "" };
            let complaints = complaints.join("\n    ");
            wrong.push(format!("{}{listed}: {} {path}\n    {complaints}", example.id, example.method()));
        }
    }
    println!("{base}: {replayed} recordings replayed");
    assert!(skipped.is_empty(), "no route has the path of {skipped:?}");
    assert!(wrong.is_empty(), "{} of {replayed} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn fixtures() {
    replay_all("fixtures", "2026-11-23T10:46:08Z").await;
}

#[tokio::test]
async fn state() {
    replay_all("state", "2026-11-23T10:46:25Z").await;
}

#[test]
fn every_departure_is_of_a_recording() {
    let Some(folder) = folder() else { return };
    let all = ["fixtures", "state"].map(|base| examples(&folder, base));
    let ids: BTreeSet<&str> = all.iter().flatten().map(|example| example.id.as_str()).collect();
    let departures = Departures::read();
    let unknown: Vec<&str> = departures.ids().filter(|id| !ids.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
