//! Records the shapes of operations from the store itself: the product runs over the embedded engine, and a proxy
//! records its calls.

use std::collections::BTreeMap;

use crate::shape::{CallShape, Names, Shape};
use license_tests::{Call, TestApp, app::lms_user_id, builders::Plan};

/// The seats of the recorded plan: enough for the most buckets and list shards.
const SEATS: u64 = 20_000;

/// The learners of a job's chunk.
pub const CHUNK: usize = 90;

/// The names of the operations.
pub const ACTIVATION: &str = "activation";
/// A learner's page.
pub const LEARNER: &str = "learner-licenses";
/// An assignment of one license.
pub const ASSIGN: &str = "assign 1";
/// A chunk of a job.
pub const JOB_CHUNK: &str = "a job's chunk of 90";
/// A page of a list.
pub const LIST: &str = "list, first page";
/// The counts of a plan.
pub const OVERVIEW: &str = "overview";

/// Every operation's shape.
pub async fn record() -> BTreeMap<&'static str, Shape> {
    let requests = play(&TestApp::proxied().await, false).await;
    let everything = play(&TestApp::proxied_throughout().await, true).await;
    let mut shapes = BTreeMap::new();
    for (operation, (names, calls)) in requests {
        let steps = steps(&names, &calls);
        let mut after: Vec<CallShape> = Vec::new();
        if let Some((names, calls)) = everything.get(operation) {
            after = calls.iter().filter_map(|call| shape(names, call)).collect();
            // Both recordings contain the calls of the request itself.
            for call in steps.iter().flatten() {
                if let Some(same) = after.iter().position(|other| is_alike(call, other)) {
                    after.swap_remove(same);
                }
            }
        }
        shapes.insert(operation, Shape { steps, after });
    }
    shapes
}

type Recording = BTreeMap<&'static str, (Names, Vec<Call>)>;

/// Plays each operation once.
async fn play(app: &TestApp, is_drained: bool) -> Recording {
    let plan = app.plan(SEATS).await;
    let warm = ["warm@example.com", "known@example.com"];
    let known = plan.activated(app, warm[0]).await;
    let held = plan.assigned("held@example.com").await;
    plan.assign(&[warm[1]]).await.expect(200);
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    app.learner(plan.agreement.enterprise, &held.email).get(&own).await.expect(200);
    app.drain().await;

    let mut recording = Recording::new();
    let learner = app.learner(plan.agreement.enterprise, &known.email);
    let mut take = async |operation, emails: &[String], plan: &Plan| {
        if is_drained {
            app.drain().await;
        }
        recording.insert(operation, (names(plan, emails), app.proxy().take()));
    };
    app.proxy().take();
    plan.activate(app, &held).await.expect(200);
    take(ACTIVATION, std::slice::from_ref(&held.email), &plan).await;
    learner.get(&own).await.expect(200);
    take(LEARNER, std::slice::from_ref(&known.email), &plan).await;
    let one = ["one@example.com".to_owned()];
    plan.assign(&one).await.expect(200);
    take(ASSIGN, &one, &plan).await;
    let chunk: Vec<String> = (0..CHUNK).map(|n| format!("chunk{n:03}@example.com")).collect();
    plan.assign(&chunk).await.expect(200);
    take(JOB_CHUNK, &chunk, &plan).await;
    plan.admin().get(&plan.path("licenses/")).await.expect(200);
    take(LIST, &[], &plan).await;
    plan.admin().get(&plan.path("licenses/overview/")).await.expect(200);
    take(OVERVIEW, &[], &plan).await;
    recording
}

fn names(plan: &Plan, emails: &[String]) -> Names {
    let mut names = vec![
        (plan.id.clone(), "{plan}"),
        (plan.agreement.id.clone(), "{agreement}"),
        (plan.agreement.enterprise.to_string(), "{enterprise}"),
    ];
    // Each learner of a chunk is a different one.
    let learner = if emails.len() == 1 { "{learner}" } else { "{random}" };
    names.extend(emails.iter().map(|email| (email.clone(), learner)));
    names.extend(emails.iter().map(|email| (lms_user_id(email).to_string(), learner)));
    Names(names)
}

fn shape(names: &Names, call: &Call) -> Option<CallShape> {
    names.shape(&call.operation, &call.request, call.read_units, call.write_units)
}

/// Calls that ran at the same time are one step.
fn steps(names: &Names, calls: &[Call]) -> Vec<Vec<CallShape>> {
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|call| call.span.0);
    let mut steps: Vec<Vec<CallShape>> = Vec::new();
    let mut first_end = 0;
    for call in calls {
        let Some(shape) = shape(names, call) else { continue };
        match steps.last_mut() {
            Some(step) if call.span.0 < first_end => {
                step.push(shape);
                first_end = first_end.min(call.span.1);
            }
            _ => {
                steps.push(vec![shape]);
                first_end = call.span.1;
            }
        }
    }
    steps
}

fn is_alike(a: &CallShape, b: &CallShape) -> bool {
    let partitions = |call: &CallShape| call.touches.iter().map(|touch| touch.partition.clone()).collect::<Vec<_>>();
    a.kind == b.kind && partitions(a) == partitions(b)
}
