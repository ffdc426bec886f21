//! A retired learner is named nowhere, from the response to their retirement on.

use std::{collections::BTreeMap, fs, path::PathBuf};

use license_local::Options;
use license_storage_dynamodb::testing::{keys::Item, table_of};
use license_tests::{
    Client, Role, TestApp,
    app::{lms_user_id, options},
    builders::{Plan, text},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{access, after::fault, table};

const EMAIL: &str = "zoe.quux@example.com";
const USERNAME: &str = "zoe.quux";
const OTHER: &str = "bob@example.com";

/// An app that sends every CSV as a file, and a customer whose learner has data of every kind.
struct Story {
    app: TestApp,
    plan: Plan,
    names: BTreeMap<&'static str, String>,
    hook: String,
    job: String,
}

fn has_name(text: &str) -> bool {
    text.to_lowercase().contains(USERNAME)
}

async fn keyed(client: &Client, path: &str, body: &Value, key: &str) -> license_tests::TestResponse {
    client.send_with(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
}

impl Story {
    async fn played() -> Self {
        let settings = [("CSV_LIMIT_BYTES".to_owned(), "10".to_owned())].into();
        let app = TestApp::start_with(Options { settings, ..options() }, false).await;
        let agreement = app.agreement().await;
        let plan = app.plan_of(&agreement, 20, &json!({ "should_auto_apply_licenses": true })).await;
        let list = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
        let url = text(&app.anonymous().get("/_local/webhooks").await.expect(200), "url");
        let hook = agreement.admin.post(&list, &json!({ "url": format!("{url}hook") })).await.expect(201);
        // Assigned by a job, from a file.
        let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
        let made = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
        let csv = format!("user_email\r\n{EMAIL}\r\n{OTHER}\r\n");
        let put = reqwest::Client::new().put(text(&made, "upload_url")).body(csv).send().await.expect("a response");
        assert!(put.status().is_success());
        let job = text(&made, "id");
        plan.admin().post(&format!("/api/v1/jobs/{job}/resume/"), &json!({})).await.expect(202);
        app.drain().await;
        plan.admin().post(&plan.path("licenses/remind/"), &json!({ "user_emails": [EMAIL] })).await.expect(204);
        // Revoked, and assigned again under a key.
        plan.revoke(&[EMAIL]).await.expect(200);
        let again = json!({ "user_emails": [EMAIL, "cid@example.com"], "greeting": format!("Dear {EMAIL}, hello") });
        keyed(plan.admin(), &plan.path("licenses/assign/"), &again, "again").await.expect(200);
        let path = plan.path(&format!("licenses/?search={EMAIL}"));
        let found = plan.admin().get(&path).await.expect(200)["results"].clone();
        let held = found.as_array().expect("a list").iter().find(|license| license["status"] == "assigned").cloned();
        let held = held.expect("an assigned license");
        let learner = app.learner(agreement.enterprise, EMAIL);
        let activate = format!("/api/v1/license-activation/?activation_key={}", text(&held, "activation_key"));
        learner.post(&activate, &json!({})).await.expect(200);
        // The learner creates a job of their own.
        let enroll = format!("/api/v1/bulk-license-enrollment?enterprise_customer_uuid={}", agreement.enterprise);
        let request = json!({ "course_run_keys": ["edX+DemoX"], "emails": [EMAIL], "notify": false });
        let enrolled = text(&learner.post(&enroll, &request).await.expect(201), "job_id");
        app.drain().await;
        // A delivery and a mail that wait.
        fault(&app, json!({ "service": "webhooks", "next": 1_000, "how": { "status": 503 } })).await;
        fault(&app, json!({ "service": "braze", "next": 1_000, "how": { "status": 503 } })).await;
        plan.admin().post(&plan.path("licenses/bulk-revoke/"), &json!({ "user_emails": [EMAIL] })).await.expect(200);
        plan.assign(&[EMAIL]).await.expect(200);
        app.drain().await;

        let renewal = json!({
            "prior_subscription_plan": plan.id, "salesforce_opportunity_id": null, "number_of_licenses": 20,
            "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z",
        });
        let renewals = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        let renewal = app.provisioner().post(renewals, &renewal).await.expect(201)["id"].to_string();
        let names = BTreeMap::from([
            ("webhook", text(&hook, "id")),
            ("plan", plan.id.clone()),
            ("agreement", agreement.id.clone()),
            ("license", text(&held, "uuid")),
            ("key", text(&held, "activation_key")),
            ("enterprise", agreement.enterprise.to_string()),
            ("learner", EMAIL.to_owned()),
            ("job", enrolled),
            ("renewal", renewal),
            ("mail", format!("{}.0.0", uuid::Uuid::nil())),
        ]);
        let hook = format!("{list}{}/", text(&hook, "id"));
        Self { app, plan, names, hook, job }
    }

    /// The responses of all GET routes, and the files to which they lead.
    async fn responses(&self) -> BTreeMap<String, String> {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/all/access.json");
        let rows: Value = serde_json::from_str(&fs::read_to_string(file).expect("access.json")).expect("JSON");
        let root = access::client(&self.app, Role::Superuser, self.plan.agreement.enterprise);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let mut responses = BTreeMap::new();
        for route in table::routes().filter(|route| route.method == "GET") {
            let row = &rows[format!("GET {}", route.path)];
            let mut path = text(row, "path");
            for job in [&self.names["job"], &self.job] {
                for (name, value) in &self.names {
                    let value = if *name == "job" { job } else { value };
                    path = path.replace(&format!("{{{name}}}"), value);
                }
                for format in ["", "format=csv"] {
                    let mark = if path.contains('?') { '&' } else { '?' };
                    let url = format!("{}{path}{mark}{format}", self.app.running().url());
                    let response = root.authorized(Method::GET, &url).send().await.expect("a response");
                    let location =
                        response.headers().get("location").and_then(|url| url.to_str().ok()).map(str::to_owned);
                    let mut response = response.text().await.expect("a body");
                    let link = serde_json::from_str::<Value>(&response).ok();
                    let link = link.and_then(|body| body["download_url"].as_str().map(str::to_owned));
                    if let Some(link) = location.or(link).filter(|link| link.contains("/s3/")) {
                        let file = http.get(link).send().await.expect("a file");
                        assert!(file.status().is_success(), "{url}");
                        response += &file.text().await.expect("a body");
                    }
                    // The page's own link repeats the request.
                    responses.insert(url.clone(), response.replace(&path, "").replace(&path.replace('@', "%40"), ""));
                }
            }
        }
        responses
    }

    async fn retire(&self) {
        let worker = self.app.client(Role::RetirementWorker, self.plan.agreement.enterprise);
        let body = json!({ "lms_user_id": lms_user_id(EMAIL), "original_username": USERNAME });
        let retired = worker.post("/api/v1/retire_user/", &body).await;
        assert_eq!(retired.status.as_u16(), 204, "{}", retired.text);
    }

    async fn files(&self) -> Vec<(String, String)> {
        let signed = format!(
            "X-Amz-Signature={}&X-Amz-Expires=900&X-Amz-Date={}",
            "0".repeat(64),
            self.app.now().format("%Y%m%dT%H%M%SZ")
        );
        let bucket = format!("{}/s3/Exports/", self.app.running().aws_url());
        let get = async |url: String| reqwest::get(url).await.expect("a response").text().await.expect("a body");
        let list = get(format!("{bucket}?list-type=2&prefix=&{signed}")).await;
        let mut files = Vec::new();
        for name in list.split("<Key>").skip(1).filter_map(|key| key.split("</Key>").next()) {
            files.push((name.to_owned(), get(format!("{bucket}{name}?{signed}")).await));
        }
        files
    }

    async fn local(&self, what: &str) -> Vec<Value> {
        let all = self.app.anonymous().get(&format!("/_local/{what}")).await.expect(200);
        all.as_array().or_else(|| all["received"].as_array()).expect("a list").clone()
    }

    async fn items(&self) -> Vec<Item> {
        let table = table_of(self.app.running().store());
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let (page, last) = table.scan(after.as_ref()).await.expect("a page");
            items.extend(page);
            after = last;
            if after.is_none() {
                return items;
            }
        }
    }
}

#[tokio::test]
async fn a_retired_learner_is_named_by_no_route_file_mail_or_delivery() {
    let story = Story::played().await;
    let app = &story.app;
    // The checked responses contain the learner before: the check could find something.
    let before = story.responses().await;
    let naming = before.values().filter(|response| has_name(response)).count();
    assert!(naming >= 8, "{naming} responses of {} name the learner", before.len());
    assert!(story.files().await.iter().any(|(_, file)| has_name(file)));
    assert!(story.files().await.iter().all(|(name, _)| !name.starts_with("uploads/")), "an upload that was read");
    assert!(story.items().await.iter().any(|item| has_name(&format!("{item:?}"))));

    story.retire().await;
    // Immediately, before any consequence is carried out.
    for (url, response) in story.responses().await {
        assert!(!has_name(&response), "GET {url}: {response}");
    }
    for (name, file) in story.files().await {
        assert!(!has_name(&file), "{name}: {file}");
    }
    let again = json!({ "user_emails": [EMAIL, "cid@example.com"], "greeting": format!("Dear {EMAIL}, hello") });
    let replay = keyed(story.plan.admin(), &story.plan.path("licenses/assign/"), &again, "again").await;
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    let replay = replay.expect(200).to_string();
    assert!(!has_name(&replay) && replay.contains("cid@example.com"), "{replay}");

    // Waiting deliveries are made now, and everything is replayed.
    let (mails, deliveries) = (story.local("mail").await.len(), story.local("webhooks").await.len());
    let published = story.local("events").await.len();
    app.anonymous().delete("/_local/faults").await.expect(204);
    let replay = format!("{}replay/", story.hook);
    story.plan.admin().post(&replay, &json!({ "from": "2026-11-23T00:00:00Z" })).await.expect(202);
    for _ in 0..3 {
        app.advance("PT1H").await;
    }
    app.drain().await;
    for (what, seen) in [("mail", mails), ("webhooks", deliveries), ("events", published)] {
        let all = story.local(what).await;
        for one in &all[seen..] {
            assert!(!has_name(&one.to_string()), "{what}: {one}");
        }
        assert!(what == "mail" || all.len() > seen, "no {what} arrived");
    }

    // A day later nothing in the table names them.
    app.advance("P1D").await;
    app.advance("PT1M").await;
    app.drain().await;
    for item in story.items().await {
        assert!(!has_name(&format!("{item:?}")), "{item:?}");
    }
    app.invariants().await.check();
    let other = story.plan.admin().get(&story.plan.path(&format!("licenses/?search={OTHER}"))).await.expect(200);
    assert_eq!(other["count"], 1);
}

#[tokio::test]
async fn a_learner_who_returns_is_a_new_one_and_former_addresses_are_forgotten_too() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let old = plan.activated(&app, "old@example.com").await;
    // The same person with another address.
    let user = lms_user_id("old@example.com");
    let claims = json!({
        "preferred_username": "old", "email": "new@example.com", "user_id": user,
        "roles": [format!("enterprise_learner:{}", plan.agreement.enterprise)],
    });
    let learner = app.client_with(claims);
    let mine = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    learner.get(&mine).await.expect(200);
    app.drain().await;
    let held = plan.license(&old.id).await;
    assert_eq!(held["user_email"], "new@example.com");
    let worker = app.client(Role::RetirementWorker, plan.agreement.enterprise);
    let body = json!({ "lms_user_id": user, "original_username": "old" });
    assert_eq!(worker.post("/api/v1/retire_user/", &body).await.status.as_u16(), 204);
    for _ in 0..2 {
        app.advance("PT6M").await;
    }
    let items = Story { names: BTreeMap::new(), hook: String::new(), job: String::new(), plan, app };
    for item in items.items().await {
        let item = format!("{item:?}");
        assert!(!item.contains("old@example.com") && !item.contains("new@example.com"), "{item}");
    }
    let Story { app, plan, .. } = items;
    // A learner is mailed unless the request says `notify_users: false`, as the builder's requests do. What retired with the
    // address does not suppress the mail.
    let mailed = async || {
        let mails = app.anonymous().get("/_local/mail").await.expect(200);
        let mails = mails.as_array().expect("a list").iter().filter(|mail| mail["to"] == "new@example.com");
        mails.count()
    };
    assert_eq!(mailed().await, 0);
    let body = json!({ "user_emails": ["new@example.com"] });
    plan.admin().post(&plan.path("licenses/assign/"), &body).await.expect(200);
    app.drain().await;
    assert_eq!(mailed().await, 1);
    app.advance("P2D").await;
    assert_eq!(app.invariants().await.slots.len(), 1);
}
