//! `POST /api/v1/customer-agreements/{agreement}/webhooks/{webhook}/replay/`: redelivers the events between `from` and
//! `until` (by default now), within the seven days for which events are kept. 202: the newest 10,000 events are
//! delivered later. Deliveries have the same ids as the first time, and leave out learners who were retired since. 409
//! if the webhook is not active, 429 if its last replay was less than a minute ago.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Body, Doc, Field, Requester, Route, body,
    doc::{self, ResponseDoc, Shape},
    fields::MOMENT,
    id,
};
use license_domain::Timestamp;
use license_use_cases::webhooks;
use serde_json::json;

use super::{ACCESS, agreement, find, ports, response::Shown};
use crate::Context;

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
    let replayed = webhooks::replay(ports(&context), &requester, (&portfolio, id), (from, until)).await?;
    Ok((StatusCode::ACCEPTED, Json(Shown::from(&replayed))))
}
