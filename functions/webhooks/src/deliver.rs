//! Delivers one event to one webhook.

use license_domain::{
    Event, EventId, Portfolio, Webhook, WebhookId,
    lifecycle::bus_events,
    webhook::{Attempt, DeliveryAttempt},
};
use license_storage::StoreError;
use license_telemetry::metrics;
use serde_json::{Value, json};

use crate::{Context, sign};

/// The status by which a receiver says that the URL was removed permanently.
const GONE: u16 = 410;

/// The outcome of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The receiver accepted it.
    Yes,
    /// It failed, with this cause.
    No(String),
    /// The webhook does not want the event any more.
    Unwanted,
}

/// 1. Read the event, its agreement, the webhook. If one of them is gone, or the webhook does not want the event:
///    nothing to do.
/// 2. One POST. 2xx: accepted. 410: the webhook is disabled. Anything else, including a redirect: failed.
/// 3. Record the outcome, if it changes the webhook.
pub(crate) async fn deliver(
    context: &Context,
    (event, webhook): (EventId, WebhookId),
    is_last: bool,
) -> Result<Delivered, StoreError> {
    let Some(event) = context.events.event(event).await? else {
        tracing::error!(%event, %webhook, "event has expired, it is not delivered to the webhook");
        return Ok(Delivered::Unwanted);
    };
    let Some(portfolio) = context.portfolios.portfolio(event.agreement).await? else { return Ok(Delivered::Unwanted) };
    let webhooks = context.webhooks.webhooks(event.agreement).await?;
    let Some(webhook) = webhooks.into_iter().find(|known| known.uuid == webhook) else {
        return Ok(Delivered::Unwanted);
    };
    let Some(body) = body(&event, &portfolio, &webhook) else { return Ok(Delivered::Unwanted) };

    let attempt = post(context, &event, &webhook, &body.to_string()).await;
    let delivered = match &attempt {
        Attempt::Delivered => Delivered::Yes,
        Attempt::Failed(problem) => Delivered::No(problem.clone()),
        Attempt::Gone => Delivered::Unwanted,
    };
    let tried = DeliveryAttempt { attempt, at: context.clock.now(), given_up: is_last.then_some(event.stamp.at) };
    match context.webhooks.note_try(&portfolio, &webhook, &tried).await {
        Ok(false) => {}
        Ok(true) => {
            tracing::warn!(webhook = %webhook.uuid, "a webhook is disabled");
            metrics::count("WebhookDisabled", &[]);
        }
        // The message is delivered again in any case.
        Err(StoreError::Contention { .. }) if !is_last => {}
        // A delivered event must not be repeated because its count could not be written.
        Err(error) if delivered == Delivered::Yes => {
            tracing::warn!(webhook = %webhook.uuid, %error, "the failures of a webhook could not be reset");
        }
        Err(error) => return Err(error),
    }
    Ok(delivered)
}

/// The body: the event as the webhook gets it. `None`: the webhook wants nothing of it.
fn body(event: &Event, portfolio: &Portfolio, webhook: &Webhook) -> Option<Value> {
    let wanted = bus_events(event, Some(portfolio)).into_iter().filter(|event| webhook.wants(&event.name));
    let events: Vec<Value> = wanted.map(|event| json!({ "type": event.name, "data": event.detail })).collect();
    (!events.is_empty())
        .then(|| json!({ "type": "license-manager.events", "timestamp": event.stamp.at, "data": { "events": events } }))
}

async fn post(context: &Context, event: &Event, webhook: &Webhook, body: &str) -> Attempt {
    let now = context.clock.now();
    let (id, timestamp) = (event.id.to_string(), now.timestamp().to_string());
    let signature = match sign::header(webhook.secrets(now), (&id, &timestamp), body) {
        Ok(signature) => signature,
        Err(error) => {
            tracing::error!(webhook = %webhook.uuid, %error, "webhook could not be signed, nothing was sent");
            return Attempt::Failed(error.to_string());
        }
    };
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "license-manager"),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    match context.client.deliver(&webhook.url, body.as_bytes(), &headers).await {
        Ok(200..300) => Attempt::Delivered,
        Ok(GONE) => Attempt::Gone,
        Ok(status) => Attempt::Failed(status.to_string()),
        // The error does not contain the URL, which may be a secret.
        Err(error) => Attempt::Failed(error.to_string()),
    }
}
