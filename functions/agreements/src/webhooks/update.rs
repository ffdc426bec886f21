//! `PATCH /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/`: changes a webhook. Fields that are left out
//! stay. `rotate_secret` creates a new secret, which the response contains (a replay under the same `Idempotency-Key`
//! does not); the old one signs beside it for a day.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Body, Change, Doc, Field, Requester, Route, body,
    doc::{self, ResponseDoc, Shape},
    fields::BOOLEAN,
    id,
};
use license_domain::{Timestamp, Webhook, webhook::WebhookSecret};
use license_use_cases::webhooks;
use serde_json::json;

use super::{
    ACCESS, agreement,
    body::{DESCRIPTION, EVENTS, IS_ACTIVE, URL, check_url, once_each},
    find, ports,
    response::Shown,
    secret,
};
use crate::Context;

body! {
    /// A change of a webhook. Fields that are left out stay.
    struct UpdateBody {
        url: Option<String> = URL.optional(),
        #[serde(default)]
        description: Change<String> = DESCRIPTION,
        events: Option<Vec<String>> = EVENTS,
        is_active: Option<bool> = IS_ACTIVE,
        rotate_secret: bool = Field::new(
            BOOLEAN,
            "Whether it gets another secret. The one before signs beside it for a day.",
        )
        .default(|| json!(false)),
    }
}

pub const ROUTE: Route = Route {
    method: "PATCH",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/{webhook}/",
    access: ACCESS,
    doc: &Doc {
        summary: "Update a webhook",
        query: &[],
        body: UpdateBody::FIELDS,
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
    // A new secret is shown once.
    if let Some(()) = requester.recorded().await? {
        return Ok(Json(Shown::from(&find(&context, &portfolio, id).await?)));
    }
    let mut body = UpdateBody::read(&body?)?;
    body.url = body.url.map(|url| check_url(url, context.targets)).transpose()?;
    let now = context.app.now();
    let secret = body.rotate_secret.then(|| secret(context.app.random().as_ref()));
    let after = |seen: &Webhook| changed(seen, &body, secret.clone(), now);
    let after = webhooks::change(ports(&context), &requester, (&portfolio, id), after).await?;
    Ok(Json(if body.rotate_secret { Shown::with_secret(&after) } else { Shown::from(&after) }))
}

fn changed(seen: &Webhook, body: &UpdateBody, secret: Option<WebhookSecret>, now: Timestamp) -> Webhook {
    let mut after = Webhook { modified: now, ..seen.clone() };
    if let Some(url) = &body.url {
        after.url.clone_from(url);
    }
    after.description = body.description.over(after.description).filter(|text| !text.is_empty());
    if let Some(events) = &body.events {
        after.events = once_each(events.clone());
    }
    if let Some(secret) = secret {
        after = after.rotated(secret, now);
    }
    match body.is_active {
        Some(is_active) => after.switched(is_active, now),
        None => after,
    }
}
