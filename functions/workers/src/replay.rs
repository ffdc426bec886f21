//! Redelivers the events between two times to a webhook. The customer's audit trail lists the events; the deliveries
//! have the same ids as the first time, by which their receiver recognizes them.

use license_domain::{Event, EventId, Subject, Timestamp, WebhookId, webhook::MAX_REPLAYED};
use license_messaging::{Message, Outgoing, Queue};
use license_storage::AuditQuery;

use crate::{BulkError, Context};

/// How many entries of the trail one step reads.
const PAGE: usize = 500;

pub(crate) async fn replay(
    context: &Context,
    event: &Event,
    webhook: WebhookId,
    (from, until): (Timestamp, Timestamp),
) -> Result<(), BulkError> {
    // Only ids are kept in memory: the trail is read from its end, and sent from its beginning. If there are too many,
    // the newest events are sent.
    let mut happened: Vec<EventId> = Vec::new();
    loop {
        let query =
            AuditQuery { from: Some(from), until: Some(until), before: happened.last().copied(), limit: Some(PAGE) };
        let page = context.audit_trails.trail(Subject::Agreement(event.agreement), query).await?;
        happened.extend(page.iter().map(|entry| entry.event));
        let is_last = page.len() < PAGE || happened.len() >= MAX_REPLAYED;
        if is_last {
            break;
        }
    }
    happened.reverse();
    for some in happened.chunks(PAGE) {
        let message = |event: &EventId| Message::Webhook { event: *event, webhook };
        let messages = some.iter().map(|id| Outgoing::now(Queue::Webhooks, event.enterprise, message(id))).collect();
        context.queues.send(messages).await?;
    }
    tracing::info!(%webhook, events = happened.len(), "events were sent to the webhook again");
    Ok(())
}
