//! `POST /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/replay/`: redelivers the events between `from` and
//! `until` (by default now), within the seven days for which events are kept. 202: the newest 10,000 events are
//! delivered later. Deliveries have the same ids as the first time, and leave out learners who were retired since. 409
//! if the webhook is not active, 429 if its last replay was less than a minute ago.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::TimeDelta;
use license_api::{
    ApiError, Body, Complaints, Doc, Field, Requester, Route, body,
    doc::{self, ResponseDoc, Shape},
    fields::MOMENT,
    id,
};
use license_domain::{Consequence, Timestamp, Webhook};
use license_storage::Attempt;
use serde_json::json;

use super::{ACCESS, agreement, find, response::Shown};
use crate::Context;

/// How long events are kept.
const KEPT: TimeDelta = TimeDelta::days(7);

body! {
    /// The range of time whose events are redelivered.
    struct ReplayBody {
        from: Timestamp = Field::new(MOMENT, "The time of the first event: seven days ago at most.")
            .example(|| json!("2026-11-23T00:00:00Z")),
        until: Option<Timestamp> = Field::new(MOMENT, "The time after the last event; now, where it is left out.").optional(),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/customer-agreements/{agreement}/webhooks/{webhook}/replay/",
    access: ACCESS,
    doc: &Doc {
        summary: "Send a webhook its events again",
        query: &[],
        body: ReplayBody::FIELDS,
        answers: &[
            ResponseDoc::new(202, "It will be.", Shape::Of(doc::schema::<Shown>)),
            ResponseDoc::new(409, "It is not active.", Shape::Detail),
            ResponseDoc::new(429, "It had a replay less than a minute ago.", Shape::Detail),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path((named, webhook)): Path<(String, String)>,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<Shown>), ApiError> {
    let portfolio = agreement(&context, &requester, &named).await?;
    let id = id(&webhook)?;
    if let Some(()) = requester.recorded().await? {
        let webhook = find(&context, &portfolio, id).await?;
        return Ok((StatusCode::ACCEPTED, Json(Shown::from(&webhook))));
    }
    let now = context.app.now();
    let ReplayBody { from, until } = ReplayBody::read(&body?)?;
    let until = until.unwrap_or(now);
    let mut complaints = Complaints::default();
    if from < now - KEPT {
        complaints.add("from", "Events are kept for seven days.");
    }
    if from >= until {
        complaints.add("until", "This must be later than from.");
    }
    complaints.finish()?;
    let portfolio = &portfolio;
    let attempt = || async {
        let seen = find(&context, portfolio, id).await?;
        if !seen.is_active {
            let detail = "The webhook is not active: set is_active first.";
            return Err(ApiError::detail(StatusCode::CONFLICT, detail));
        }
        if !seen.may_replay(now) {
            return Err(ApiError::detail(StatusCode::TOO_MANY_REQUESTS, "A webhook has one replay a minute."));
        }
        let after = Webhook { modified: now, ..seen.clone() }.replayed(from, now);
        let change = requester.change("replay webhook").await?;
        let again = vec![Consequence::ReplayWebhook { webhook: seen.uuid, from, until }];
        let is_changed = context.webhooks.change_webhook(portfolio, (&seen, &after), again, &change).await?;
        let response = (StatusCode::ACCEPTED, Json(Shown::from(&after)));
        Ok(if is_changed { Attempt::Done(response) } else { Attempt::Retry(()) })
    };
    context.app.attempts("replay webhook", attempt).await
}
