//! `PATCH /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: changes a webhook. What is not named stays.
//! `rotate_secret` gives it another secret, which the response tells (a repetition under the same `Idempotency-Key` does
//! not); the one before signs beside it for a day.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Body, Doc, Presence, Requester, Route,
    doc::{self, Kind, Param, ResponseDoc, Shape},
    id,
};
use license_domain::{Timestamp, Webhook, maxima::MAX_WEBHOOK_URL, webhook::WebhookSecret};
use license_storage::Attempt;

use super::{
    ACCESS, agreement,
    body::{DESCRIPTION, EVENTS, IS_ACTIVE, Wish},
    find,
    response::Shown,
    secret,
};
use crate::Context;

/// Changing.
pub const ROUTE: Route = Route {
    method: "PATCH",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/{webhook}/",
    access: ACCESS,
    doc: &Doc {
        summary: "Changes a webhook",
        query: &[],
        body: &[
            Param::optional("url", Kind::Text(MAX_WEBHOOK_URL), "Where events go: HTTPS, and public."),
            DESCRIPTION,
            EVENTS,
            IS_ACTIVE,
            Param::optional(
                "rotate_secret",
                Kind::Boolean,
                "Whether it gets another secret. The one before signs beside it for a day.",
            ),
        ],
        answers: &[ResponseDoc::new(200, "It is changed.", Shape::Of(doc::schema::<Shown>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path((named, webhook)): Path<(String, String)>,
    body: Result<Body, ApiError>,
) -> Result<Json<Shown>, ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    let id = id(&webhook)?;
    // A new secret is told once.
    if let Some(()) = requester.recorded().await? {
        return Ok(Json(Shown::from(&find(&context, &portfolio, id).await?)));
    }
    let wish = &Wish::parse(&body?, Presence::Optional, context.targets)?;
    let portfolio = &portfolio;
    let attempt = || async {
        let seen = find(&context, portfolio, id).await?;
        let now = context.app.now();
        let secret = wish.rotate_secret.then(|| secret(context.app.random().as_ref()));
        let after = changed(&seen, wish, secret, now);
        let change = requester.change("change webhook").await?;
        let is_changed = context.webhooks.change_webhook(portfolio, (&seen, &after), Vec::new(), &change).await?;
        let response = if wish.rotate_secret { Shown::telling(&after) } else { Shown::from(&after) };
        Ok(if is_changed { Attempt::Done(Json(response)) } else { Attempt::Retry(()) })
    };
    context.app.attempts("change webhook", attempt).await
}

fn changed(seen: &Webhook, wish: &Wish, secret: Option<WebhookSecret>, now: Timestamp) -> Webhook {
    let mut after = Webhook { modified: now, ..seen.clone() };
    if let Some(url) = &wish.url {
        after.url.clone_from(url);
    }
    if wish.is_described {
        after.description.clone_from(&wish.description);
    }
    if let Some(events) = &wish.events {
        after.events.clone_from(events);
    }
    if let Some(secret) = secret {
        after = after.rotated(secret, now);
    }
    match wish.is_active {
        Some(is_active) => after.switched(is_active, now),
        None => after,
    }
}
