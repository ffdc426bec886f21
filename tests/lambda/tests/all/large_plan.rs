//! A large plan, with every function within the template's memory: none of them may hold a whole plan. Prints for each
//! operation the processor time of all functions together, and which function has used the most memory.
//!
//! CI imports a few thousand licenses, which proves that the operations work. The proof for almost a million (a hundredth
//! more are assigned, and a renewed plan has a million at most) takes 20 minutes, most of it the embedded engine's:
//! `LARGE_PLAN_LICENSES=980000 cargo test --workspace --test lambda -- --nocapture large_plan`

#![expect(clippy::disallowed_methods, reason = "how long the built functions take is measured")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use license_domain::Clock;
use license_lambda_tests::{Build, Options, Stack, sources};
use license_storage::Rosters;
use license_telemetry::SystemClock;
use license_tests::{
    Client,
    builders::text,
    dump::{self, AGREEMENT, CUSTOMER, DumpedPlan},
};
use reqwest::{StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

use crate::story::RENEWALS;

/// How many licenses the plan has. Plans with fewer than 2,000 have no roster.
const LICENSES: &str = "LARGE_PLAN_LICENSES";
const LICENSES_IN_CI: u32 = 3_000;
/// A renewal into a larger plan is refused.
const MOST_LICENSES: u32 = 1_000_000;
/// The memory that suffices for every function. The sweeper has more, because more memory means more CPU.
const MOST_MB: u64 = 256;
/// How often a read is repeated when the size is set; the first of them fills the caches and is not counted.
const REPEATED: u32 = 20;
/// How long work over the whole plan is waited for. What is not done then has still used its memory.
const LONGEST: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_large_plan_fits_into_each_functions_memory() {
    let Some(build) = Build::find() else { return };
    let chosen: Option<u32> = std::env::var(LICENSES).ok().map(|text| text.parse().expect("a number of licenses"));
    let licenses = chosen.unwrap_or(LICENSES_IN_CI);
    let file = std::env::temp_dir().join(format!("license-large-{}.json", std::process::id()));
    let plan = DumpedPlan { number: 1, licenses, is_assigned: true };
    dump::write(&file, &[plan], SystemClock.now()).expect("a file");
    let large = Large { reads: chosen.map_or(1, |_| REPEATED), ..Large::start(&build, plan, file).await };
    large.build_roster().await;
    large.read().await;
    large.write_csv().await;
    large.assign().await;
    large.renew().await;
    large.stack.check();
}

struct Large {
    stack: Stack,
    plan: DumpedPlan,
    /// A client that may read and change everything, and follows no redirect.
    http: reqwest::Client,
    token: String,
    /// How often each read is made.
    reads: u32,
}

/// The beginning of an operation.
struct Start {
    at: Instant,
    processor_time: Duration,
}

impl Large {
    async fn start(build: &Build, plan: DumpedPlan, file: PathBuf) -> Self {
        let stack = Stack::start(build, Options { dump: Some(file.clone()), ..Options::default() }).await;
        std::fs::remove_file(file).expect("the dump is there");
        let http = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
        let token = stack.token(json!({ "preferred_username": "large", "superuser": true, "roles": [] }));
        Self { stack, plan, http, token, reads: 1 }
    }

    fn client(&self) -> Client {
        Client::new(self.http.clone(), self.stack.url(), Some(self.token.clone()))
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/subscriptions/{}/licenses/{rest}", self.plan.id())
    }

    fn begin(&self) -> Start {
        let processor_time = self.stack.functions().values().map(|function| function.processor_time()).sum();
        Start { at: Instant::now(), processor_time }
    }

    /// Prints what one of `times` operations took, and fails if a function has used too much memory.
    #[track_caller]
    fn end(&self, operation: &str, start: &Start, times: u32) {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0 / f64::from(times);
        let (took, cpu) = (start.at.elapsed(), self.begin().processor_time.saturating_sub(start.processor_time));
        let used = self.stack.functions().iter().map(|(id, function)| {
            let bytes = function.high_water().unwrap_or_else(|| panic!("{operation}: {id} has ended"));
            (bytes / 1024 / 1024, id)
        });
        let (most, id) = used.max().expect("functions");
        let (took, cpu) = (milliseconds(took), milliseconds(cpu));
        println!("{operation}: {took:.1} ms, {cpu:.1} ms of the functions; most memory so far: {id}, {most} MB");
        assert!(most < MOST_MB, "{operation}: {id} used {most} of {MOST_MB} MB");
    }

    /// The sweeper builds it, as its schedule demands.
    async fn build_roster(&self) {
        let start = self.begin();
        while !self.stack.store().due_rosters(1).await.expect("the table responds").is_empty() {
            self.stack.tick().await;
        }
        self.end("roster", &start, 1);
    }

    async fn get(&self, name: &str, rest: &str) -> Value {
        let (client, path) = (self.client(), self.path(rest));
        let page = client.get(&path).await.expect(200);
        let start = self.begin();
        for _ in 0..self.reads {
            client.get(&path).await.expect(200);
        }
        self.end(name, &start, self.reads);
        page
    }

    async fn read(&self) {
        let all = self.plan.licenses;
        let first = self.get("first page", "").await;
        assert_eq!(first["count"], all);
        let last = self.get("last page", &format!("?page={}", all / 100)).await;
        assert_eq!(last["results"].as_array().map(Vec::len), Some(100));
        let half = self.get("a page of 500", &format!("?page={}&page_size=500", all / 1_000)).await;
        assert_eq!(half["results"].as_array().map(Vec::len), Some(500));
        let email = self.plan.email(all / 2);
        let found = self.get("search", &format!("?search={}", email.split_once('.').expect("a dot").0)).await;
        assert_eq!((&found["count"], &found["results"][0]["user_email"]), (&json!(1), &json!(email)));
        for ordering in ["user_email", "-activation_date", "status"] {
            let page = self.get(&format!("ordered by {ordering}"), &format!("?ordering={ordering}&page=7")).await;
            assert_eq!(page["results"].as_array().map(Vec::len), Some(100));
        }
        let activated = self.get("a page of one status", "?status=activated&page=5").await;
        assert_eq!(activated["count"], all / 5 * 3);
        let overview = self.get("overview", "overview/").await;
        let counted = overview.as_array().expect("a list").iter().filter_map(|line| line["count"].as_u64());
        assert_eq!(counted.sum::<u64>(), u64::from(all));
    }

    /// A table that is too long for a response is a file; it is read as it comes.
    async fn write_csv(&self) {
        let start = self.begin();
        let request = self.http.get(format!("{}{}", self.stack.url(), self.path("csv/")));
        let mut response = request.header("authorization", format!("JWT {}", self.token)).send().await.expect("one");
        if response.status() == StatusCode::SEE_OTHER {
            let file = response.headers()[header::LOCATION].to_str().expect("a URL").to_owned();
            response = self.http.get(file).send().await.expect("a response");
        }
        assert_eq!(response.status(), StatusCode::OK);
        let mut lines = 0;
        while let Some(part) = response.chunk().await.expect("a part") {
            lines += memchr::memchr_iter(b'\n', &part).count();
        }
        assert_eq!(lines, usize::try_from(self.plan.licenses).expect("fits") + 1);
        self.end("CSV", &start, 1);
    }

    /// A job over many rows.
    async fn assign(&self) {
        let start = self.begin();
        let more = self.plan.licenses / 100;
        let desired = self.plan.licenses + more;
        self.job("grow", json!({ "desired_num_licenses": desired })).await;
        let emails: Vec<String> = (0..more.min(10_000)).map(|n| format!("more{n}@example.com")).collect();
        self.job("assign", json!({ "user_emails": emails, "notify_users": false })).await;
        self.end("a job that assigns", &start, 1);
    }

    async fn job(&self, kind: &str, params: Value) {
        let request = json!({ "kind": kind, "subscription_plan": self.plan.id(), "params": params });
        let id = text(&self.client().post("/api/v1/jobs/", &request).await.expect(202), "id");
        self.until_done(&format!("/api/v1/jobs/{id}/"), |job| job["state"] == "done").await;
    }

    async fn renew(&self) {
        let start = self.begin();
        let end = SystemClock.now();
        let body = json!({
            "customer_agreement": AGREEMENT, "prior_subscription_plan": self.plan.id(), "renewed_subscription_plan": null,
            "number_of_licenses": (self.plan.licenses * 2).min(MOST_LICENSES), "effective_date": end + chrono::Days::new(400),
            "renewed_expiration_date": end + chrono::Days::new(800), "license_types_to_copy": "assigned_and_activated",
            "salesforce_opportunity_id": "00k000000000000002", "renewed_plan_title": "Next",
        });
        let renewal = self.client().post(RENEWALS, &body).await.expect(201);
        let path = format!("{RENEWALS}{}/", renewal["id"]);
        // What does not fit into the request is left to a worker.
        let begun = self.client().post(&format!("{path}process/"), &json!({})).await.status;
        assert!(begun.is_success() || begun == StatusCode::SERVICE_UNAVAILABLE, "{begun}");
        let is_done = self.until_done(&path, |renewal| renewal["processed"] == true).await;
        self.end(if is_done { "renewal" } else { "renewal, not finished" }, &start, 1);
        let plans = format!("/api/v1/subscriptions/?enterprise_customer_uuid={CUSTOMER}");
        assert_eq!(self.client().get(&plans).await.expect(200)["count"], if is_done { 2 } else { 1 });
    }

    /// Lets queues, stream and schedules go on until the object is done.
    async fn until_done(&self, path: &str, is_done: impl Fn(&Value) -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            self.stack.go_on().await;
            if is_done(&self.client().get(path).await.expect(200)) {
                return true;
            }
            for (name, function, input) in sources::schedules(self.stack.template()) {
                self.stack.invoke(&function, &sources::schedule(&input, &name)).await.expect("a response");
            }
        }
        false
    }
}
