//! Work beside the story: every kind of job, retried work, and a large request that was interrupted.

use std::sync::Arc;

use license_domain::{AgreementId, Clock, EmailAddress, Stamp, Timestamp};
use license_lambda_tests::Stack;
use license_local::{demo, faults::Fault as ServiceFault, table};
use license_storage::{AssignRequest, Assignment, Portfolios, Prefetch};
use license_storage_dynamodb::Store;
use license_telemetry::{SystemClock, SystemRandom};
use license_tests::{
    Client, Fault, Proxy,
    builders::{emails, text},
};
use license_work::{LicenseKinds, Runs};
use serde_json::{Value, json};

use crate::story::{AGREEMENT, PLAN};

pub async fn work(stack: &Stack) {
    let admin = stack.client("admin");
    jobs(stack, &admin).await;
    tried_again(stack, &admin).await;
    left_half_way(stack).await;
}

async fn done(stack: &Stack, client: &Client, kind: &str, params: Value) -> String {
    let request = json!({ "kind": kind, "subscription_plan": PLAN, "params": params });
    let id = text(&client.post("/api/v1/jobs/", &request).await.expect(202), "id");
    stack.drain().await;
    let job = stack.client("operator").get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    assert_eq!(job["state"], "done", "{job}");
    id
}

async fn jobs(stack: &Stack, admin: &Client) {
    let people = emails("job", 0..6);
    done(stack, &stack.client("provisioning-admin"), "grow", json!({ "desired_num_licenses": 150 })).await;
    done(stack, admin, "assign", json!({ "user_emails": people, "notify_users": false })).await;
    done(stack, admin, "remind", json!({ "user_emails": people })).await;
    done(stack, admin, "revoke", json!({ "user_emails": people[..1] })).await;
    let to = demo::MILLION.to_string();
    let transfer = done(stack, admin, "transfer", json!({ "user_emails": people[1..3], "to_plan": to })).await;
    admin.post(&format!("/api/v1/jobs/{transfer}/reverse/"), &json!({})).await.expect(202);
    stack.drain().await;
    done(stack, admin, "revoke", json!({ "all": true })).await;
}

/// A failure is postponed: the function makes its message visible later.
async fn tried_again(stack: &Stack, admin: &Client) {
    for service in ["braze", "webhooks", "enterprise"] {
        let fault = json!({ "service": service, "next": 4, "how": { "status": 500 } });
        let fault: ServiceFault = serde_json::from_value(fault).expect("a fault");
        stack.services().faults().add(fault);
    }
    let request = json!({ "user_emails": ["again@demo.example"], "notify_users": true });
    admin.post(&format!("/api/v1/subscriptions/{PLAN}/licenses/assign/"), &request).await.expect(200);
    stack.drain().await;
    stack.services().faults().clear();
    let delayed: u64 = stack.aws().depths().expect("queues").values().map(|depth| depth.in_flight).sum();
    assert!(delayed > 0, "nothing is to be retried");
}

/// The machine's clock, ten minutes ago.
struct Earlier;

impl Clock for Earlier {
    fn now(&self) -> Timestamp {
        SystemClock.now() - chrono::TimeDelta::minutes(10)
    }
}

/// The sweeper finds a large assignment whose process ended ten minutes ago, and a worker finishes it.
async fn left_half_way(stack: &Stack) {
    let proxy = Proxy::start(stack.engine_url()).await;
    let clock: Arc<dyn Clock> = Arc::new(Earlier);
    let at = clock.now();
    let store = Store::new(table::client(proxy.url()), table::NAME, clock.clone(), Arc::new(SystemRandom));
    let store = Arc::new(store);
    let runs = Runs::new(&store, clock, Arc::new(SystemRandom), LicenseKinds::new(&store));
    let agreement = AgreementId(AGREEMENT.parse().expect("an id"));
    let portfolio = store.portfolio(agreement).await.expect("the table responds").expect("the demo's agreement");
    let mut writes = 0;
    proxy.inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > 2 { Fault::InternalError } else { Fault::None }
    });
    let people = emails("half", 0..400);
    let assignments =
        people.iter().map(|email| Assignment { email: EmailAddress::on_record(email.clone()), source_id: None });
    let stamp = Stamp {
        actor: "half".to_owned(),
        actor_lms_user_id: None,
        reason: "assign".to_owned(),
        request_id: "half".to_owned(),
        at,
    };
    let request = AssignRequest {
        assignments: assignments.collect(),
        notify: false,
        greeting: None,
        closing: None,
        prefetch: Prefetch::default(),
        change: stamp.into(),
    };
    let plan = portfolio.plan(demo::MILLION).expect("the demo's plan");
    assert!(runs.assign(&portfolio, plan, request).await.is_err(), "it was to be interrupted");
    let responses = stack.tick().await;
    assert_eq!(responses["SweeperFunction"]["resumed"], 1, "{responses:?}");
    stack.drain().await;
    let found = format!("/api/v1/subscriptions/{}/licenses/?search=half00399", demo::MILLION);
    assert_eq!(stack.client("admin").get(&found).await.expect(200)["count"], 1);
}
