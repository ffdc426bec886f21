//! Sends one mail.

use license_clients::SendError;
use license_domain::{
    Delivery, DeliveryId, DeliveryState, Timestamp,
    delivery::{CallOutcome, Standing},
};
use license_storage::StoreError;
use license_telemetry::metrics;

use crate::{
    Context,
    error::MailError,
    messages::{self, Mail, PersonalMail},
};

/// The state of a mail.
pub(crate) enum Progress {
    /// Nothing is left to be done.
    Settled,
    /// Another process is sending it.
    UnderWay,
}

/// Sends a mail to its remaining recipients.
///
/// 1. Read the event and the mail's record. There is no text, or all recipients are settled: done. Another process is
///    sending: later. A process ended while sending: the fate of its recipients is recorded as unknown, and the next
///    recipients follow.
/// 2. Repeatable calls: read the customer's details, link learners, create aliases. An error: repeat from 1, later.
/// 3. Record that a call begins (the record as read, or absent). Another process committed first: later.
/// 4. The call, without retries.
/// 5. Record its outcome: sent, refused, unknown; or certainly not sent, and then repeat from 1, later.
/// 6. Repeat from 3 for the next recipients, if one call is not enough for all.
pub(crate) async fn send(context: &Context, id: DeliveryId) -> Result<Progress, MailError> {
    let Some(event) = context.events.event(id.event).await? else {
        tracing::error!(mail = %id, "a mail's event is not kept any more; the mail is given up");
        metrics::count("MailEventGone", &[]);
        return Ok(Progress::Settled);
    };
    let mut seen = context.deliveries.delivery(&id).await?;
    let now = context.clock.now();
    match seen.as_ref().map_or(Standing::Open, |delivery| delivery.standing(now)) {
        Standing::Settled => return Ok(Progress::Settled),
        Standing::UnderWay => return Ok(Progress::UnderWay),
        Standing::Open => {}
        Standing::Interrupted => {
            let Some(delivery) = &seen else { return Ok(Progress::UnderWay) };
            let unknown = delivery.settled(CallOutcome::Unknown, now);
            report(&unknown, &CallOutcome::Unknown);
            if !put(context, &mut seen, unknown).await? {
                return Ok(Progress::UnderWay);
            }
        }
    }
    let frozen = seen.as_ref().and_then(|delivery| delivery.recipients.clone());
    let Some(mail) = messages::find(context, &event, id, frozen).await? else {
        return Ok(Progress::Settled);
    };
    let mut delivery = seen.clone().unwrap_or_else(|| first(id, &mail, now));
    if delivery.next_call(1).is_none() {
        return Ok(Progress::Settled);
    }
    let messages = messages::write(context, &mail).await?;
    let left = addressed(messages.get(delivery.next..));
    messages::link(context, &mail, &left).await?;
    context.transport.prepare(mail.kind, &left).await?;

    while let Some(people) = delivery.next_call(context.transport.at_once()) {
        let calling = delivery.calling(&people, context.transport.name(), context.clock.now());
        if !put(context, &mut seen, calling).await? {
            return Ok(Progress::UnderWay);
        }
        let Some(calling) = &seen else { return Ok(Progress::UnderWay) };
        let people = addressed(messages.get(people));
        // All of them were retired: no call is needed.
        let call = match people.as_slice() {
            [] => Ok(None),
            people => context.transport.send(mail.kind, people).await,
        };
        let (outcome, not_sent) = match call {
            Ok(dispatch) => (CallOutcome::Sent(dispatch), None),
            Err(SendError::NotSent(error)) => (CallOutcome::NotSent, Some(error)),
            Err(SendError::Refused(error)) => {
                tracing::error!(mail = %id, %error, "a mail was refused");
                (CallOutcome::Refused, None)
            }
            Err(SendError::Unknown(error)) => {
                tracing::error!(mail = %id, %error, "it is unknown whether the mail was sent");
                (CallOutcome::Unknown, None)
            }
        };
        delivery = calling.settled(outcome.clone(), context.clock.now());
        report(&delivery, &outcome);
        if !put(context, &mut seen, delivery.clone()).await? {
            // Another process has recorded this call as interrupted.
            return Ok(Progress::UnderWay);
        }
        if let Some(error) = not_sent {
            return Err(error.into());
        }
        delivery = seen.clone().unwrap_or(delivery);
    }
    Ok(Progress::Settled)
}

/// The mails of recipients who were not retired since.
fn addressed(messages: Option<&[PersonalMail]>) -> Vec<PersonalMail> {
    messages.unwrap_or_default().iter().filter(|message| !message.email.is_retired()).cloned().collect()
}

/// Writes the record, and returns it; none if another process has written it meanwhile.
async fn put(context: &Context, seen: &mut Option<Delivery>, after: Delivery) -> Result<bool, StoreError> {
    let is_mine = context.deliveries.put_delivery(seen.as_ref(), &after).await?;
    if is_mine {
        let version = seen.as_ref().map_or(0, |seen| seen.version) + 1;
        *seen = Some(Delivery { version, ..after });
    }
    Ok(is_mine)
}

fn first(id: DeliveryId, mail: &Mail, now: Timestamp) -> Delivery {
    Delivery {
        id,
        kind: mail.kind,
        state: DeliveryState::Open,
        enterprise: mail.enterprise(),
        agreement: mail.agreement(),
        plan: mail.plan.as_ref().map(|plan| plan.uuid),
        people: mail.people.len(),
        next: 0,
        until: 0,
        unknown: Vec::new(),
        refused: Vec::new(),
        recipients: (!mail.kind.is_for_learners()).then(|| mail.addresses()),
        transport: String::new(),
        dispatch: None,
        calls: 0,
        created: now,
        at: now,
        version: 0,
    }
}

fn report(delivery: &Delivery, outcome: &CallOutcome) {
    let metric = match outcome {
        CallOutcome::Sent(_) => "MailSent",
        CallOutcome::NotSent => "MailNotSent",
        CallOutcome::Refused => "MailRefused",
        CallOutcome::Unknown => "MailUnknown",
    };
    // An alarm watches unknown and refused mails of every kind.
    match outcome {
        CallOutcome::Unknown | CallOutcome::Refused => metrics::count(metric, &[]),
        CallOutcome::Sent(_) | CallOutcome::NotSent => metrics::count(metric, &[("Kind", delivery.kind.as_str())]),
    }
    tracing::info!(mail = %delivery.id, kind = delivery.kind.as_str(), people = delivery.people, metric, "a mail's call ended");
}
