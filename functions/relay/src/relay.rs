//! Relays one event.

use license_domain::{Consequence, Event, EventKind, Webhook, delivery::MAX_RECIPIENTS, lifecycle::bus_events};
use license_messaging::{Message, MessagingError, Outgoing, Queue};
use license_storage::{RosterUpdate, StoreError};

use crate::{Context, growth};

/// Why an event was not relayed. It will be retried.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A queue or the bus failed.
    #[error(transparent)]
    Messaging(#[from] MessagingError),
}

impl RelayError {
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Store(error) => error.metric(),
            Self::Messaging(error) => error.metric(),
        }
    }
}

/// Relays an event to the audit trail, to the queues and to the bus.
pub(crate) async fn relay(context: &Context, event: &Event) -> Result<(), RelayError> {
    let (portfolio, webhooks) =
        futures::try_join!(context.portfolios.portfolio(event.agreement), context.webhooks.webhooks(event.agreement))?;
    context.audit_trails.record(event).await?;
    if matches!(event.kind, EventKind::LearnerRetired | EventKind::LicensesPurged | EventKind::LicensesDeleted) {
        // The learner of a deleted license cannot be found by it later.
        for change in &event.licenses {
            context.audit_trails.forget_persons(change.license).await?;
        }
    }
    let plan = portfolio.as_ref().zip(event.plan).and_then(|(portfolio, plan)| portfolio.plan(plan));
    if let (Some(plan), Some(update)) = (plan, roster_update(event)) {
        context.rosters.mark(plan, update).await?;
    }
    if let Some(portfolio) = &portfolio {
        growth::look(context, event, portfolio).await?;
    }
    let published = bus_events(event, portfolio.as_ref());
    let mut messages = messages(event);
    let is_wanted = |webhook: &&Webhook| published.iter().any(|event| webhook.wants(&event.name));
    messages.extend(webhooks.iter().filter(is_wanted).map(|webhook| delivery(event, webhook)));
    if !messages.is_empty() {
        context.queues.send(messages).await?;
    }
    context.bus.publish(published).await?;
    Ok(())
}

/// The average number of changes of licenses after which a roster is updated.
const CHANGES_OF_A_ROSTER: u128 = 500;

/// The update of the roster that an event requires. The random bits of the event's id decide, so that no counter is
/// needed and a repetition decides the same.
fn roster_update(event: &Event) -> Option<RosterUpdate> {
    let changed = event.count.unwrap_or_default().max(license_domain::number::to_u64(event.licenses.len()));
    match event.kind {
        EventKind::LearnerRetired | EventKind::LicensesPurged => Some(RosterUpdate::Forgetting),
        EventKind::RenewalProcessed => Some(RosterUpdate::Soon),
        // No license of a list changes.
        EventKind::PlanCreated
        | EventKind::PlanUpdated
        | EventKind::PlanDeleted
        | EventKind::LicensesExpired
        | EventKind::LicensesUnlinked
        | EventKind::ExpirationReminded
        | EventKind::ExpirationNotified
        | EventKind::LicensesLongActivated => None,
        _ => (event.id.0.as_u128() % CHANGES_OF_A_ROSTER < changed.into()).then_some(RosterUpdate::Soon),
    }
}

/// The message that requests the delivery of an event to a webhook.
fn delivery(event: &Event, webhook: &Webhook) -> Outgoing {
    let message = Message::Webhook { event: event.id, webhook: webhook.uuid };
    Outgoing::now(Queue::Webhooks, event.enterprise, message)
}

/// The messages for an event's consequences. They are divided the same way each time, because each part is done once.
fn messages(event: &Event) -> Vec<Outgoing> {
    let mut messages = Vec::new();
    for (consequence, asked) in event.consequences.iter().enumerate() {
        let follow = Message::Follow { event: event.id, consequence };
        match (asked, asked.mail()) {
            (Consequence::ResendMail { .. }, _) => {
                let message = Message::Mail { event: event.id, consequence, part: 0 };
                messages.push(Outgoing::now(Queue::Mail, event.enterprise, message));
            }
            (_, Some(kind)) => {
                let people = if kind.is_for_learners() { event.licenses.len() } else { 1 };
                messages.extend((0..people.div_ceil(MAX_RECIPIENTS)).map(|part| {
                    let message = Message::Mail { event: event.id, consequence, part };
                    Outgoing::now(Queue::Mail, event.enterprise, message)
                }));
            }
            (Consequence::RunJob { after_seconds, .. }, _) => messages.push(Outgoing {
                delay_seconds: *after_seconds,
                ..Outgoing::now(Queue::Bulk, event.enterprise, follow)
            }),
            (_, None) => messages.push(Outgoing::now(Queue::Bulk, event.enterprise, follow)),
        }
    }
    messages
}
