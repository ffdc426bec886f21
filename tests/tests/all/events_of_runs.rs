//! The sample events of the workers' queue: for each kind of run the message by which it starts, as the code sends it. Each
//! is handled after a run of its kind was put on record. `UPDATE_EVENTS=1` writes the samples.

use std::{fs, path::PathBuf};

use aws_lambda_events::event::sqs::SqsEvent;
use license_domain::{
    CustomerAgreement, Job, JobId, JobKind, JobParams, JobState, LicenseStatus, PlanWork, PlanWorkKind, RenewalId,
    RowFilter, SubscriptionPlan,
};
use license_messaging::Message;
use license_storage::{Jobs, OpenedRenewal, PlanWorks, Portfolios, Renew};
use license_tests::{
    TestApp,
    app::stamp,
    builders::{Plan, text},
};
use license_work::{RunRecords, RunStatus};
use serde_json::{Value, json};

use crate::after::fault;

/// The run that the samples name.
const RUN: &str = "019ab3f0-5c00-7000-8000-000000000010";

/// Every kind of run: what is asked for, and what the clock begins.
fn kinds() -> Vec<JobKind> {
    let by_clock = PlanWorkKind::ALL.iter().map(|work| work.run()).filter(|kind| !JobKind::ALL.contains(kind));
    JobKind::ALL.into_iter().chain(by_clock).collect()
}

fn path_of(kind: JobKind) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../events/workers-{}.json", kind.as_str()))
}

/// The sample with that message: everything else is as in the sample of the queue's other messages.
fn sample_of(message: &Message) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../../events/workers.json")).expect("JSON");
    event["Records"][0]["body"] = json!(serde_json::to_string(message).expect("it serializes"));
    // It is that of the other message.
    event["Records"][0].as_object_mut().expect("a record").remove("md5OfBody");
    event
}

/// The same message about another run.
fn about(run: JobId, message: &Message) -> Message {
    match message {
        Message::Job { lane, step, .. } => Message::Job { job: run, lane: *lane, step: *step },
        other => panic!("a run is started by {other:?}"),
    }
}

/// A plan with a license of each status.
async fn plan_of(app: &TestApp) -> Plan {
    let terms = json!({ "can_freeze_unused_licenses": true });
    let plan = app.plan_of(&app.agreement().await, 10, &terms).await;
    plan.activated(app, "ann@example.com").await;
    plan.assign(&["bob@example.com", "cid@example.com"]).await.expect(200);
    plan.revoke(&["cid@example.com"]).await.expect(200);
    plan
}

/// The parameters of a request for a job, if its kind can be asked for.
async fn params_of(app: &TestApp, plan: &Plan, kind: JobKind) -> Value {
    let learners = json!(["bob@example.com"]);
    match kind {
        JobKind::Transfer => {
            json!({ "all": true, "to_plan": app.plan_of(&plan.agreement, 1, &json!({})).await.id })
        }
        JobKind::Enroll => json!({ "user_emails": learners, "course_run_keys": ["course-v1:edX+DemoX+2026"] }),
        JobKind::Revert => json!({ "revert_to": app.now() }),
        JobKind::Assign | JobKind::Revoke | JobKind::Remind => json!({ "user_emails": learners }),
        _ => json!({}),
    }
}

/// Puts a run of that kind on record by the writes that do it in the product.
async fn begun(app: &TestApp, plan: &Plan, kind: JobKind) -> JobId {
    if JobKind::ALL.contains(&kind) {
        let params = params_of(app, plan, kind).await;
        let body = json!({ "kind": kind, "subscription_plan": plan.id, "params": params });
        let client = if kind.is_for_provisioners() { app.provisioner() } else { plan.admin().clone() };
        let made = client.post("/api/v1/jobs/", &body).await.expect(202);
        return text(&made, "id").parse().expect("an id");
    }
    let store = app.running().store();
    if kind == JobKind::Renew {
        let body = json!({
            "prior_subscription_plan": plan.id, "number_of_licenses": 10, "effective_date": "2027-12-31T00:00:00Z",
            "renewed_expiration_date": "2028-12-31T00:00:00Z", "salesforce_opportunity_id": "00k000000000000456",
        });
        let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        let made = app.provisioner().post(path, &body).await.expect(201);
        let renewal = RenewalId(made["id"].as_i64().expect("a number"));
        return match store.open_renewal(renewal, &stamp(app.now()).into()).await {
            Ok(OpenedRenewal::UnderWay(run)) => run.uuid,
            other => panic!("{other:?}"),
        };
    }
    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table responds").expect("a plan");
    let (run, work) = by_clock(app, kind, &portfolio.agreement, portfolio.plan(plan.uuid().into()).expect("the plan"));
    let last = store.plan_work(portfolio.agreement.uuid, plan.uuid().into()).await.expect("the table responds");
    assert!(store.begin_plan_work(last.as_ref(), &work, &run).await.expect("the table responds"), "{kind:?}");
    run.uuid
}

/// A run as the sweeper begins it.
fn by_clock(app: &TestApp, kind: JobKind, agreement: &CustomerAgreement, plan: &SubscriptionPlan) -> (Job, PlanWork) {
    let statuses = vec![LicenseStatus::Assigned, LicenseStatus::Activated, LicenseStatus::Revoked];
    let filter = Some(RowFilter { statuses, search: Vec::new() });
    let run = Job {
        state: JobState::Pending,
        subscription_plan: Some(plan.uuid),
        params: JobParams { filter, ..JobParams::default() },
        ..Job::internal(JobId(app.uuid(0xd)), kind, agreement, &stamp(app.now()))
    };
    let work = PlanWork::begun(plan, None, &run);
    (run, work)
}

#[tokio::test]
async fn each_kind_of_run_has_a_sample_event_which_starts_it() {
    let app = TestApp::start().await;
    // The runner's own workers do not take the runs first.
    fault(&app, json!({ "worker": "function-workers", "next": 1_000_000, "how": "before" })).await;
    let mut runs = Vec::new();
    for kind in kinds() {
        let plan = plan_of(&app).await;
        runs.push((kind, begun(&app, &plan, kind).await));
    }
    // The sweeper leaves the open run of a renewal to the request that opened it for some minutes.
    app.running().clock().set(app.now() + chrono::TimeDelta::minutes(3)).expect("forward");
    let store = app.running().store();
    let records = RunRecords::new(store, store.clock().clone());
    let context = function_workers::compose(&app.running().parts(function_workers::SETTINGS)).expect("a context");
    for (kind, run) in &runs {
        let examined = records.examine(*run, 0).await.expect("the table responds");
        let RunStatus::StandsStill(messages) = examined.status else { panic!("{kind:?}: {:?}", examined.status) };
        let message = &messages.first().expect("a message").message;
        let (path, sample) = (path_of(*kind), sample_of(&about(RUN.parse().expect("an id"), message)));
        if std::env::var_os("UPDATE_EVENTS").is_some() {
            let text = serde_json::to_string_pretty(&sample).expect("JSON");
            fs::write(&path, format!("{text}\n")).expect("written");
        }
        let stored = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stored: Value = serde_json::from_str(&stored).expect("JSON");
        assert_eq!(stored, sample, "{}: UPDATE_EVENTS=1 writes it", path.display());

        let event: SqsEvent =
            serde_json::from_str(&stored.to_string().replace(RUN, &run.to_string())).expect("a batch");
        let failed = function_workers::handle(&context, event).await.batch_item_failures;
        assert!(failed.is_empty(), "{kind:?}: {failed:?}");
        let started = store.job(*run).await.expect("the table responds").expect("the run");
        assert!(started.lanes > 0 && started.state != JobState::Failed, "{started:?}");
    }
    // What their first messages left is done by those that they sent.
    app.anonymous().send(reqwest::Method::DELETE, "/_local/faults", None).await.expect(204);
    app.advance("PT1H").await;
    for (kind, run) in &runs {
        let ended = store.job(*run).await.expect("the table responds").expect("the run");
        assert_eq!(ended.state, JobState::Done, "{kind:?}: {ended:?}");
    }
    app.invariants().await.check_counts();
}

/// A sample of a kind that there is not would never be handled.
#[test]
fn each_sample_event_of_a_run_is_of_a_kind() {
    let folder = path_of(JobKind::Assign);
    let folder = folder.parent().expect("a folder");
    for file in fs::read_dir(folder).expect("a folder") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        let Some(kind) = name.strip_prefix("workers-") else { continue };
        let kind = kind.trim_end_matches(".json");
        assert!(kinds().iter().any(|known| known.as_str() == kind), "{name} is of no kind of run");
    }
}
