//! The demo's story, over the built functions: seats are assigned, mails are sent, licenses are activated, counted,
//! revoked and renewed, jobs work on files, webhooks get events, learners are enrolled.

use license_lambda_tests::Stack;
use license_tests::{Client, builders::text, form};
use reqwest::{Method, redirect::Policy};
use serde_json::{Value, json};

pub const PLAN: &str = "bbbbbbbb-0000-4000-8000-0000000de301";
pub const AGREEMENT: &str = "aaaaaaaa-0000-4000-8000-0000000de300";
pub const ENTERPRISE: &str = "eeeeeeee-0000-4000-8000-0000000de300";
pub const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";
const LEARNER: &str = "learner@demo.example";
const COURSE: &str = "course-v1:edX+DemoX+2026";

fn of_plan(rest: &str) -> String {
    format!("/api/v1/subscriptions/{PLAN}/{rest}")
}

/// A client that does not follow redirects.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).build().expect("a client")
}

pub async fn play(stack: &Stack) {
    let (admin, learner) = (stack.client("admin"), stack.client("learner"));
    assert_eq!(admin.get("/api/v1/subscriptions/").await.expect(200)["count"], 4);
    for list in ["/api/v1/customer-agreement/", "/api/v1/subscriptions/"] {
        stack.client("operator").get(list).await.expect(200);
    }
    hook(stack, &admin).await;
    licenses(stack, &admin, &learner).await;
    tables(stack, &admin).await;
    job(stack, &admin).await;
    enrollment(stack, &admin).await;
    renewal(stack).await;
    seat_without_invitation(stack).await;
    traces(stack, &admin).await;
    revoke(stack, &admin).await;
}

async fn hook(stack: &Stack, admin: &Client) {
    let url = format!("{}demo", stack.services().hooks().url());
    let path = format!("/api/v1/customer-agreements/{AGREEMENT}/webhooks/");
    admin.post(&path, &json!({ "url": url })).await.expect(201);
}

async fn licenses(stack: &Stack, admin: &Client, learner: &Client) {
    let request = json!({ "user_emails": [LEARNER, "second@demo.example"], "notify_users": true });
    admin.post(&of_plan("licenses/assign/"), &request).await.expect(200);
    stack.drain().await;
    let mails = stack.aws().state().mails().expect("mails");
    assert!(mails.iter().any(|mail| mail.to == LEARNER && mail.campaign == "assignment-email-campaign"), "{mails:?}");

    let found = admin.get(&of_plan("licenses/?search=learner@demo.example&status=assigned")).await.expect(200);
    let key = text(&found["results"][0], "activation_key");
    let activate = format!("/api/v1/license-activation/?activation_key={key}");
    assert_eq!(learner.post(&activate, &json!({})).await.expect(200)["status"], "activated");
    stack.drain().await;
    assert_eq!(count(admin, "activated").await, 6);
    admin.post(&of_plan("licenses/remind/"), &json!({ "user_emails": ["second@demo.example"] })).await.expect(204);
    let own =
        learner.get(&format!("/api/v1/learner-licenses/?enterprise_customer_uuid={ENTERPRISE}")).await.expect(200);
    assert_eq!(own["count"], 1, "{own}");
    let subsidy = format!("/api/v1/license-subsidy/?enterprise_customer_uuid={ENTERPRISE}&course_key=edX%2BDemoX");
    assert!(text(&learner.get(&subsidy).await.expect(200), "subsidy_checksum").len() > 20);
}

async fn count(admin: &Client, status: &str) -> u64 {
    let overview = admin.get(&of_plan("licenses/overview/")).await.expect(200);
    let mut lines = overview.as_array().expect("a list").iter();
    lines.find(|line| line["status"] == status).and_then(|line| line["count"].as_u64()).unwrap_or_default()
}

/// A CSV is a file if it does not fit into a response; the function's role signs the link to it.
async fn tables(stack: &Stack, admin: &Client) {
    let request = browser().get(format!("{}{}", stack.url(), of_plan("licenses/csv/")));
    let token = stack.token(json!({ "preferred_username": "table", "superuser": true, "roles": [] }));
    let sent = request.header("authorization", format!("JWT {token}")).send().await.expect("a response");
    assert_eq!(sent.status().as_u16(), 303);
    let link = sent.headers()["location"].to_str().expect("a link").to_owned();
    let file = reqwest::get(link).await.expect("a file").text().await.expect("a body");
    assert!(file.contains("ada@demo.example"), "{file}");
    let followed = admin.get(&of_plan("licenses/csv/")).await;
    assert_eq!((followed.status.as_u16(), followed.text), (200, file));
}

/// A job whose rows are uploaded as a file: a million of them, so that the worker's high-water mark is meaningful. Most
/// rows repeat learners, so that the job itself is short.
async fn job(stack: &Stack, admin: &Client) {
    let request = json!({ "kind": "assign", "subscription_plan": PLAN, "params": { "upload": true } });
    let made = admin.post("/api/v1/jobs/", &request).await.expect(202);
    let path = format!("/api/v1/jobs/{}/", text(&made, "id"));
    // Nothing is uploaded yet: the job can say so, because S3 distinguishes a missing file from a forbidden one.
    let empty = admin.post("/api/v1/jobs/", &request).await.expect(202);
    let nothing = format!("/api/v1/jobs/{}/", text(&empty, "id"));
    admin.post(&format!("{nothing}resume/"), &json!({})).await.expect(202);
    let rows: Vec<String> = (0..1_000_000).map(|n| format!("uploaded{}@demo.example", n % 40)).collect();
    form::upload(&made["upload_form"], &format!("email\r\n{}\r\n", rows.join("\r\n"))).await;
    admin.post(&format!("{path}resume/"), &json!({})).await.expect(202);
    stack.drain().await;
    let done = admin.get(&path).await.expect(200);
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("done"), &json!(40)), "{done}");
    let results = admin.get(&format!("{path}results/")).await.expect(200);
    assert_eq!(results["results"][0]["outcome"], "assigned", "{results}");
    let table = admin.get(&format!("{path}results/?format=csv")).await;
    assert_eq!((table.status.as_u16(), table.text.lines().count()), (200, 41));
    let failed = admin.get(&nothing).await.expect(200);
    assert_eq!((&failed["state"], &failed["problem"]), (&json!("failed"), &json!("JobUnreadable")), "{failed}");
}

async fn enrollment(stack: &Stack, admin: &Client) {
    let list = format!("/api/v1/bulk-license-enrollment/?enterprise_customer_uuid={ENTERPRISE}");
    let request = json!({ "emails": [LEARNER], "course_run_keys": [COURSE], "notify": false });
    let made = admin.post(&format!("{list}&subscription_uuid={PLAN}"), &request).await.expect(201);
    let job = format!("{list}&bulk_enrollment_job_uuid={}", text(&made, "job_id"));
    stack.drain().await;
    let link = text(&admin.get(&job).await.expect(200), "download_url");
    let results = reqwest::get(link).await.expect("a file").text().await.expect("a body");
    assert!(results.contains(",success,"), "{results}");
}

async fn renewal(stack: &Stack) {
    let provisioner = stack.client("provisioning-admin");
    let request = json!({
        "prior_subscription_plan": PLAN, "renewed_subscription_plan": null, "number_of_licenses": 200,
        "salesforce_opportunity_id": "00k000000000000777", "effective_date": "2029-12-31T00:00:00Z",
        "renewed_expiration_date": "2030-12-31T00:00:00Z",
    });
    let made = provisioner.post(RENEWALS, &request).await.expect(201);
    let processed = provisioner.post(&format!("{RENEWALS}{}/process/", made["id"]), &json!({})).await.expect(201);
    let renewed = text(&processed, "renewed_subscription_plan");
    stack.tick().await;
    stack.drain().await;
    let future = stack.client("operator").get(&format!("/api/v1/subscriptions/{renewed}/")).await.expect(200);
    assert!(future["licenses"]["total"].as_u64() >= Some(45), "{future}");
}

async fn seat_without_invitation(stack: &Stack) {
    let claims = json!({
        "preferred_username": "walk-in", "email": "walk-in@demo.example", "user_id": 77,
        "roles": [format!("enterprise_learner:{ENTERPRISE}")],
    });
    let path = format!("/api/v1/customer-agreement/{AGREEMENT}/auto-apply/");
    stack.client_with(claims).post(&path, &json!({})).await.expect(200);
    stack.drain().await;
}

/// The changes are in the audit trail, on the bus, and were delivered to the customer's own system.
async fn traces(stack: &Stack, admin: &Client) {
    let history = admin.get(&of_plan("history/")).await.expect(200);
    assert!(history["results"].as_array().is_some_and(|entries| entries.len() >= 5), "{history}");
    let events = stack.aws().published().expect("events");
    for kind in ["assigned", "activated"] {
        assert!(events.iter().any(|event| event.detail_type.ends_with(kind)), "no event {kind}");
    }
    assert!(stack.services().hooks().all().len() >= 5);
    let staff = stack.client_with(json!({
        "preferred_username": "staff", "user_id": 78, "administrator": true, "roles": [],
    }));
    let looked_up = staff.post("/api/v1/staff_lookup_licenses/", &json!({ "user_email": LEARNER })).await.expect(200);
    assert!(looked_up.as_array().is_some_and(|found| !found.is_empty()), "{looked_up}");
}

async fn revoke(stack: &Stack, admin: &Client) {
    let request = json!({ "user_emails": [LEARNER] });
    let revoked = admin.post(&of_plan("licenses/bulk-revoke/"), &request).await.expect(200);
    assert_eq!(revoked["successful_revocations"][0]["original_status"], "activated");
    let worker = stack.client_with(json!({ "preferred_username": license_local::RETIREMENT_WORKER, "roles": [] }));
    let request = json!({ "lms_user_id": 101, "original_username": "ada" });
    worker.send(Method::POST, "/api/v1/retire_user/", Some(&request)).await.expect(204);
    // The events are redriven by hand, as in the runbook.
    let now = license_domain::Clock::now(&license_telemetry::SystemClock);
    let redrive = json!({ "from": now - chrono::TimeDelta::minutes(5), "to": now });
    let done: Value = stack.invoke("RelayFunction", &redrive).await.expect("it is carried on");
    assert!(done["events"].as_u64() > Some(0) || done.is_object(), "{done}");
    stack.drain().await;
}
