//! What happens after the response.

mod history;
mod jobs;
mod kill;
mod mail;
mod operations;
mod relay;
mod reverting;
pub mod storm;
mod uploads;
mod webhooks;
mod work;

use license_tests::{TestApp, builders::text};
use serde_json::{Value, json};

/// The received mails, the oldest first.
pub(crate) async fn mails(app: &TestApp) -> Vec<Value> {
    app.anonymous().get("/_local/mail").await.expect(200).as_array().expect("a list").clone()
}

/// The recipients of that campaign, in order.
pub(crate) async fn recipients(app: &TestApp, campaign: &str) -> Vec<String> {
    let mails = mails(app).await;
    let of = mails.iter().filter(|mail| mail["campaign"] == json!(campaign));
    let mut to: Vec<String> = of.map(|mail| text(mail, "to")).collect();
    to.sort();
    to
}

/// Injects a fault.
pub async fn fault(app: &TestApp, fault: Value) {
    app.anonymous().post("/_local/faults", &fault).await.expect(201);
}

/// How many messages are in the dead-letter queue.
async fn dead(app: &TestApp, queue: &str) -> u64 {
    let queues = app.anonymous().get("/_local/queues").await.expect(200);
    queues[queue]["dead"].as_u64().expect("a number")
}
