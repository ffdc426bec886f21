//! `bulk-license-enrollment`.

use license_domain::{Consequence, EventKind};
use license_tests::{
    Client, Role, TestApp,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

use super::UNKNOWN;

fn path(plan: &Plan, rest: &str) -> String {
    format!("/api/v1/bulk-license-enrollment?enterprise_customer_uuid={}{rest}", plan.agreement.enterprise)
}

fn body(emails: &[String], courses: &[&str]) -> Value {
    json!({ "emails": emails, "course_run_keys": courses, "notify": true })
}

async fn job(client: &Client, plan: &Plan, id: &str) -> license_tests::TestResponse {
    client.get(&path(plan, &format!("&bulk_enrollment_job_uuid={id}"))).await
}

#[tokio::test]
async fn learners_are_enrolled_and_the_requester_gets_a_mail() {
    let app = TestApp::start().await;
    let plan = app.plan(40).await;
    let learners = emails("ann", 0..30);
    plan.assign(&learners).await.expect(200);
    let mut asked = learners.clone();
    asked.push("pending-has-no-license@example.com".to_owned());
    let request = body(&asked, &["course-v1:edX+DemoX+2026", "NOTINCATALOG+1", "FAILS+2"]);
    let made = plan.admin().post(&path(&plan, &format!("&subscription_uuid={}", plan.id)), &request).await.expect(201);
    let id = text(&made, "job_id");
    app.drain().await;

    let link = text(&job(plan.admin(), &plan, &id).await.expect(200), "download_url");
    let csv = reqwest::get(link).await.expect("a response").text().await.expect("a file");
    let count = |end: &str| csv.lines().filter(|line| line.contains(end)).count();
    assert_eq!(csv.lines().count(), 1 + 31 * 3, "{csv}");
    assert_eq!(count(",course-v1:edX+DemoX+2026,"), 31);
    assert_eq!((count(",success,"), count(",not in catalog"), count(",refused"), count(",not found")), (30, 30, 30, 3));

    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let to = |part: &str| {
        let calls = calls.as_array().expect("calls").iter();
        calls.filter(|call| text(call, "path").contains(part)).cloned().collect::<Vec<Value>>()
    };
    // Three courses, one catalog: each is looked up once. 31 learners: two calls, of 25 and of 5 who hold licenses.
    assert_eq!(to("contains_content_items").len(), 3);
    let enrolled = to("enroll_learners_in_courses");
    let sizes: Vec<usize> =
        enrolled.iter().map(|call| call["body"]["licenses_info"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [50, 10]);
    assert!(enrolled.iter().all(|call| call["body"]["notify"] == json!(true)));

    let mails = app.anonymous().get("/_local/mail").await.expect(200);
    let mails: Vec<&Value> = mails.as_array().expect("mails").iter().collect();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0]["campaign"], "bulk-enroll-result-campaign");
    assert_eq!(mails[0]["trigger_properties"]["bulk_enrollment_job_uuid"], json!(id));
}

#[tokio::test]
async fn a_job_is_stored_with_its_consequences() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let request = body(&emails("ann", 0..3), &["course-v1:edX+DemoX+2026"]);
    let made = plan.admin().post(&path(&plan, &format!("&subscription_uuid={}", plan.id)), &request).await.expect(201);
    let id = text(&made, "job_id");
    assert_eq!(text(&job(plan.admin(), &plan, &id).await.expect(200), "job_id"), id);
    let invariants = app.invariants().await;
    let asked = invariants.events.iter().filter(|event| event.kind == EventKind::JobRequested);
    let asked: Vec<&Consequence> = asked.flat_map(|event| &event.consequences).collect();
    assert!(matches!(asked[..], [Consequence::RunJob { job, .. }] if job.to_string() == id), "{asked:?}");
}

#[tokio::test]
async fn jobs_are_shown_to_admins_and_to_their_requesters() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(3).await, app.plan(3).await);
    let enterprise = plan.agreement.enterprise;
    let (ann, bob) = (app.learner(enterprise, "ann@example.com"), app.learner(enterprise, "bob@example.com"));
    let made = ann.post(&path(&plan, ""), &body(&["ann@example.com".to_owned()], &["x"])).await.expect(201);
    let id = text(&made, "job_id");
    job(&ann, &plan, &id).await.expect(200);
    job(plan.admin(), &plan, &id).await.expect(200);
    let missing = json!({ "detail": "No BulkEnrollmentJob matches the given query." });
    assert_eq!(job(&bob, &plan, &id).await.expect(404), missing);
    assert_eq!(job(other.admin(), &other, &id).await.expect(404), missing);
    assert_eq!(job(plan.admin(), &plan, UNKNOWN).await.expect(404), missing);
    // A learner does not see a job that an admin created, even if it is about them.
    let request = body(&["ann@example.com".to_owned()], &["x"]);
    let made = plan.admin().post(&path(&plan, ""), &request).await.expect(201);
    assert_eq!(job(&ann, &plan, &text(&made, "job_id")).await.expect(404), missing);
    job(other.admin(), &plan, &id).await.expect(403);
    app.client(Role::ForeignLearner, enterprise).post(&path(&plan, ""), &json!({})).await.expect(403);
}

#[tokio::test]
async fn invalid_requests_are_refused() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(3).await, app.plan(3).await);
    let ask = async |rest: &str, body: &Value| plan.admin().post(&path(&plan, rest), body).await;
    let required = json!(["This field is required."]);
    assert_eq!(
        ask("", &json!({})).await.expect(400),
        json!({ "emails": required, "course_run_keys": required, "notify": required })
    );
    let odd = json!({ "emails": ["a@b.example", "x"], "course_run_keys": ["", 1, "x".repeat(256)], "notify": "maybe" });
    assert_eq!(
        ask("&enroll_all=perhaps", &odd).await.expect(400),
        json!({
            "emails": { "1": ["Enter a valid email address."] },
            "course_run_keys": {
                "0": ["This field may not be blank."], "1": ["Not a valid string."],
                "2": ["Ensure this field has no more than 255 characters."],
            },
            "notify": ["Must be a valid boolean."],
            "enroll_all": ["Must be a valid boolean."],
        })
    );
    let few = body(&emails("few", 0..250), &["x", "y"]);
    ask("", &few).await.expect(201);
    let many = body(&emails("many", 0..167), &["x", "y", "z"]);
    assert_eq!(
        ask("", &many).await.expect(400),
        json!("At most 500 enrollments can be requested at once; these are 501.")
    );
    let foreign = ask(&format!("&subscription_uuid={}", other.id), &few).await.expect(404);
    assert_eq!(foreign, json!({ "detail": "No SubscriptionPlan matches the given query." }));
}

#[tokio::test]
async fn a_hundred_courses_for_many_learners_fit_the_records_of_their_outcomes() {
    let app = TestApp::start().await;
    let plan = app.plan(30).await;
    let learners: Vec<String> = emails(&format!("{}-", "ann".repeat(60)), 0..25);
    plan.assign(&learners).await.expect(200);
    let courses: Vec<String> = (0..100).map(|n| format!("course-v1:edX+{}{n:03}+2026", "Demo".repeat(55))).collect();
    let params = json!({ "user_emails": learners, "course_run_keys": courses });
    let request = json!({ "kind": "enroll", "subscription_plan": plan.id, "params": params });
    let id = text(&plan.admin().post("/api/v1/jobs/", &request).await.expect(202), "id");
    app.drain().await;
    let done = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("done"), &json!(2_500)), "{done}");
    assert_eq!((&done["rows"], &done["progress"]), (&json!(25), &json!(100)));

    // One learner with more courses than one record holds.
    let many: Vec<String> = (0..500).map(|n| format!("course-v1:edX+{}{n:03}+2026", "Demo".repeat(55))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let path = path(&plan, &format!("&subscription_uuid={}", plan.id));
    let made = plan.admin().post(&path, &body(&learners[..1], &many)).await.expect(201);
    app.drain().await;
    let link = text(&job(plan.admin(), &plan, &text(&made, "job_id")).await.expect(200), "download_url");
    let csv = reqwest::get(link).await.expect("a response").text().await.expect("a file");
    assert_eq!(csv.lines().filter(|line| line.contains(",success,")).count(), 500);

    let largest = app.invariants().await.largest_outcome;
    assert!((200_000..=300_002).contains(&largest), "{largest} bytes");
}
