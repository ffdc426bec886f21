//! `PATCH /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: changes a webhook. What is not named stays.
//! `rotate_secret` gives it another secret, which the answer tells; the one before signs beside it for a day.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Body, Doc, Presence, Requester, Route,
    doc::{self, Kind, Param, ResponseDoc, Shape},
    stored,
};
use license_domain::{Timestamp, Webhook, maxima::MAX_WEBHOOK_URL, webhook::WebhookSecret};
use license_storage::StoreError;

use super::{
    ACCESS, ATTEMPTS, agreement,
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
    let wish = Wish::parse(&body?, Presence::Optional, context.targets)?;
    for _ in 0..ATTEMPTS {
        let seen = find(&context, &portfolio, &webhook).await?;
        let now = context.app.now();
        let secret = wish.rotate_secret.then(|| secret(context.app.random().as_ref()));
        let after = changed(&seen, &wish, secret, now);
        let answer = if wish.rotate_secret { Shown::telling(&after) } else { Shown::from(&after) };
        let stamp = requester.stamp("change webhook").await?.answering(|| stored(StatusCode::OK, &answer));
        if context.webhooks.change_webhook(&portfolio, (&seen, &after), Vec::new(), &stamp).await? {
            return Ok(Json(answer));
        }
    }
    Err(StoreError::Contention { operation: "change webhook", attempts: ATTEMPTS }.into())
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
