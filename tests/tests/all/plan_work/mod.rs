//! What the clock does to plans: by the sweeper's schedule and the workers' queue, at times that the test chooses.

mod by_hand;
mod expire;
mod forecast;
mod grow;
mod mails;
mod renew;
mod report;
mod retire;
mod unlink;
mod weekly;

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::TimeDelta;
use lambda_runtime::LambdaEvent;
use license_domain::{Clock, CustomerAgreement, Prospect, SubscriptionPlan, Timestamp, plan_work::Rules};
use license_storage::{Portfolios, Update};
use license_storage_dynamodb::{
    Store,
    testing::{rows, table_of},
};
use license_tests::{TestApp, app::stamp, builders::Plan};
use license_work::Plans;
use reqwest::Method;
use serde_json::{Value, json};

/// Moves the clock, and nothing else: the runner's own sweeper looks within a second.
fn jump(app: &TestApp, by: TimeDelta) {
    app.running().clock().set(app.now() + by).expect("forward");
}

/// Moves the clock to that time, and waits until all that this made due is done. From there on it goes on by itself.
async fn advance_to(app: &TestApp, at: &str) {
    let at: Timestamp = at.parse().expect("a moment");
    app.advance(&format!("PT{}S", (at - app.now()).num_seconds())).await;
}

/// One invocation of the sweeper by its schedule's sample event, beside those of the runner.
async fn sweep(app: &TestApp) -> function_sweeper::Report {
    let event: EventBridgeEvent<Value> =
        serde_json::from_str(include_str!("../../../../events/sweeper.json")).expect("a scheduled event");
    let parts = app.running().parts(function_sweeper::SETTINGS);
    let context = function_sweeper::compose(&parts).expect("a context");
    let event = LambdaEvent::new(event, lambda_runtime::Context::default());
    function_sweeper::handle(&context, event).await.expect("a report")
}

/// A clock that stands.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The app's table at that time.
fn store_at(app: &TestApp, at: Timestamp) -> Store {
    let store = app.running().store();
    let table = table_of(store);
    Store::new(table.client().clone(), table.name(), Arc::new(At(at)), store.random().clone())
}

/// What would be done at that time, by the code that does it.
async fn dry_run(app: &TestApp, at: &str) -> Vec<Prospect> {
    let store = Arc::new(store_at(app, at.parse().expect("a moment")));
    let plans = Plans::new(&store, store.clock().clone(), store.random().clone(), Rules::default());
    let due = plans.due(1_000).await.expect("the table responds");
    due.into_iter().map(|(_, prospect)| prospect).collect()
}

/// The plan as it is on record.
pub(crate) async fn on_record(app: &TestApp, plan: &Plan) -> SubscriptionPlan {
    let portfolio = app.running().store().portfolio_of_plan(plan.uuid().into()).await.expect("the table responds");
    portfolio.expect("its agreement").plan(plan.uuid().into()).expect("the plan").clone()
}

/// Lets the customer's personal data be kept for so many seconds.
async fn keep_for(app: &TestApp, plan: &Plan, seconds: i64) {
    let store = app.running().store();
    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table responds");
    let before = portfolio.expect("the plan").agreement;
    let after = CustomerAgreement { license_duration_before_purge_seconds: seconds, ..before.clone() };
    store.update_agreement(&before, &after, &stamp(app.now()).into()).await.expect("written");
}

/// Changes fields of a plan.
async fn change(app: &TestApp, plan: &Plan, fields: Value) {
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    app.provisioner().send(Method::PATCH, &path, Some(&fields)).await.expect(200);
}

/// The bodies of the calls to that path of the enterprise service, the oldest first.
async fn calls(app: &TestApp, path: &str) -> Vec<Value> {
    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let of =
        calls.as_array().expect("calls").iter().filter(|call| call["path"].as_str().expect("a path").contains(path));
    of.map(|call| call["body"].clone()).collect()
}

/// The properties of the lifecycle events of that name.
async fn events(app: &TestApp, name: &str) -> Vec<Value> {
    let events = app.anonymous().get(&format!("/_local/events?type={name}")).await.expect(200);
    let details = events.as_array().expect("events").iter().map(|event| event["detail"].clone());
    // The events of our own name no license that way.
    details.filter(|detail| !detail["license_uuid"].is_null()).collect()
}

/// No service fails any more.
async fn heal(app: &TestApp) {
    app.anonymous().send(Method::DELETE, "/_local/faults", None).await.expect(204);
}

/// All that the table holds but the record of the last sweep, as text: equal before and after where nothing was changed.
pub(crate) async fn whole_table(app: &TestApp) -> Vec<String> {
    let table = table_of(app.running().store());
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = table.scan(after.as_ref()).await.expect("the engine responds");
        let page = page.into_iter().map(|item| rows::from_item::<Value>(item).expect("JSON"));
        items.extend(page.filter(|item| item["pk"] != "SWEEP").map(|item| item.to_string()));
        let Some(next) = next else { break };
        after = Some(next);
    }
    items.sort();
    items
}
