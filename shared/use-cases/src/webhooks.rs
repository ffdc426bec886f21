//! Webhooks: changing one, deleting it, and sending it its events again.

use axum::http::StatusCode;
use chrono::TimeDelta;
use license_api::{ApiError, AppState, Complaints, Requester};
use license_domain::{Consequence, Portfolio, Timestamp, Webhook, WebhookId};
use license_storage::{Attempt, Webhooks};

/// How long events are kept.
pub const EVENTS_KEPT: TimeDelta = TimeDelta::days(7);

/// The agreement's webhook of that id.
pub async fn find(webhooks: &dyn Webhooks, portfolio: &Portfolio, webhook: WebhookId) -> Result<Webhook, ApiError> {
    let known = webhooks.webhooks(portfolio.agreement.uuid).await?;
    known.into_iter().find(|known| known.uuid == webhook).ok_or_else(|| ApiError::not_found("Webhook"))
}

/// Changes a webhook to what `changed` makes of it: the webhook as it is then.
pub async fn change(
    (app, webhooks): (&AppState, &dyn Webhooks),
    requester: &Requester,
    (portfolio, id): (&Portfolio, WebhookId),
    changed: impl Fn(&Webhook) -> Webhook,
) -> Result<Webhook, ApiError> {
    let changed = &changed;
    let attempt = || async move {
        let seen = find(webhooks, portfolio, id).await?;
        let after = changed(&seen);
        let change = requester.change("change webhook").await?;
        let is_changed = webhooks.change_webhook(portfolio, (&seen, &after), Vec::new(), &change).await?;
        Ok(if is_changed { Attempt::Done(after) } else { Attempt::Retry(()) })
    };
    app.attempts("change webhook", attempt).await
}

/// Deletes a webhook. Nothing more is delivered to it, not even earlier events.
pub async fn delete(
    (app, webhooks): (&AppState, &dyn Webhooks),
    requester: &Requester,
    (portfolio, id): (&Portfolio, WebhookId),
) -> Result<(), ApiError> {
    let attempt = || async move {
        let seen = find(webhooks, portfolio, id).await?;
        let change = requester.change("delete webhook").await?;
        let is_deleted = webhooks.delete_webhook(portfolio, &seen, &change).await?;
        Ok(if is_deleted { Attempt::Done(()) } else { Attempt::Retry(()) })
    };
    app.attempts("delete webhook", attempt).await
}

/// Refuses a replay that the webhook's state does not allow. Nothing is changed.
pub fn check_replay(webhook: &Webhook, now: Timestamp) -> Result<(), ApiError> {
    if !webhook.is_active {
        let detail = "The webhook is not active: set is_active first.";
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    }
    if !webhook.may_replay(now) {
        return Err(ApiError::detail(StatusCode::TOO_MANY_REQUESTS, "A webhook has one replay a minute."));
    }
    Ok(())
}

/// Has the events of that range of time delivered again: the webhook as it is then.
pub async fn replay(
    (app, webhooks): (&AppState, &dyn Webhooks),
    requester: &Requester,
    (portfolio, id): (&Portfolio, WebhookId),
    (from, until): (Timestamp, Timestamp),
) -> Result<Webhook, ApiError> {
    let now = app.now();
    let mut complaints = Complaints::default();
    if from < now - EVENTS_KEPT {
        complaints.add("from", "Events are kept for seven days.");
    }
    if from >= until {
        complaints.add("until", "This must be later than from.");
    }
    complaints.finish()?;
    let attempt = || async move {
        let seen = find(webhooks, portfolio, id).await?;
        check_replay(&seen, now)?;
        let after = Webhook { modified: now, ..seen.clone() }.replayed(from, now);
        let change = requester.change("replay webhook").await?;
        let again = vec![Consequence::ReplayWebhook { webhook: seen.uuid, from, until }];
        let is_changed = webhooks.change_webhook(portfolio, (&seen, &after), again, &change).await?;
        Ok(if is_changed { Attempt::Done(after) } else { Attempt::Retry(()) })
    };
    app.attempts("replay webhook", attempt).await
}
