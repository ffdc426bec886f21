//! `POST /api/v1/customer-agreements/{agreement}/webhooks/`: creates a webhook. 201 with its secret, which is not shown
//! again, not even in a replay of the request; 409 if the agreement has ten webhooks.
//!
//! ```json
//! {"url": "https://lms.example.com/licenses", "events": ["license-manager.licenses-assigned"]}
//! ```

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Body, Doc, Requester, Route, body,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::{Webhook, WebhookId, webhook::MAX_WEBHOOKS};
use serde_json::json;

use super::{
    ACCESS, agreement,
    body::{DESCRIPTION, EVENTS, IS_ACTIVE, URL, check_url, once_each},
    find,
    response::Shown,
    secret,
};
use crate::Context;

body! {
    struct CreateBody {
        url: String = URL,
        description: Option<String> = DESCRIPTION,
        events: Option<Vec<String>> = EVENTS,
        is_active: bool = IS_ACTIVE.default(|| json!(true)),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/",
    access: ACCESS,
    doc: &Doc {
        summary: "Create a webhook",
        query: &[],
        body: CreateBody::FIELDS,
        answers: &[
            ResponseDoc::new(
                201,
                "It is on record. Its secret is not shown again; a repetition under the same Idempotency-Key gets null.",
                Shape::Of(doc::schema::<Shown>),
            ),
            ResponseDoc::new(409, "The agreement has ten.", Shape::Detail),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(named): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    // The idempotency record contains only the webhook's id: its secret is shown once, and its URL may be a secret,
    // too.
    if let Some(id) = requester.recorded::<WebhookId>().await? {
        let webhook = find(&context, &portfolio, id).await?;
        return Ok((StatusCode::CREATED, Json(Shown::from(&webhook))));
    }
    let CreateBody { url, description, events, is_active } = CreateBody::read(&body?)?;
    let url = check_url(url, context.targets)?;
    let (random, now) = (context.app.random(), context.app.now());
    let there = (url, secret(random.as_ref()));
    let webhook = Webhook::new(random.webhook_id(), &portfolio.agreement, there, now);
    let description = description.filter(|text| !text.is_empty());
    let webhook = Webhook { description, events: once_each(events.unwrap_or_default()), ..webhook };
    let webhook = webhook.switched(is_active, now);
    let change = requester.change("create webhook").await?.recording(&webhook.uuid);
    if context.webhooks.create_webhook(&portfolio, &webhook, &change).await? {
        Ok((StatusCode::CREATED, Json(Shown::with_secret(&webhook))))
    } else {
        let detail = format!("An agreement has {MAX_WEBHOOKS} webhooks at most.");
        Err(ApiError::detail(StatusCode::CONFLICT, detail))
    }
}
