//! The runner's own routes, below `/_local/`.
//!
//! | route | meaning |
//! |---|---|
//! | `GET /_local/` | these routes |
//! | `GET /_local/clock` | `{"now": …}` |
//! | `POST /_local/clock` | `{"now": RFC 3339}` sets the clock, `{"advance": ISO 8601 duration}` moves it; responds when everything that became due is done |
//! | `GET /_local/tokens` | a token for each of the demo's roles |
//! | `GET /_local/tokens/{role}` | that token, as text |
//! | `POST /_local/tokens` | `{…claims}`: a token with these claims, as text |
//! | `GET /_local/jwks.json` | the public keys of these tokens; the stand-ins for AWS serve it too |
//! | `PUT /_local/secrets/{name}` | creates or rotates a secret, which settings name as `secretsmanager:NAME` or `ssm:NAME` |
//! | `GET, DELETE /_local/calls` | the calls to other services that the stand-ins got |
//! | `GET, DELETE /_local/mail` | the received mails, one entry for each recipient |
//! | `GET, DELETE /_local/events` | the events on the bus (`?type=` the end of a name) |
//! | `GET, DELETE /_local/webhooks` | `url` of a stand-in for a customer's system, and the deliveries that it `received` |
//! | `GET /_local/queues` | the numbers of messages in each queue: `depth`, `in_flight`, `delayed`, `dead` |
//! | `POST /_local/queues/{name}/redrive` | moves the messages of its dead-letter queue back |
//! | `POST /_local/redrive` | `{"from": …, "to": …}`: relays the events between these times again |
//! | `POST /_local/drain` | responds when everything that is due is done |
//! | `GET, POST, DELETE /_local/faults` | faults to inject: see [`crate::faults::Fault`] |
//! | `POST /_local/admins` | `{"enterprise_customer": …, "emails": […]}`: sets a customer's admins |
//! | `POST /_local/catalogs` | `{"uuid": …, "enterprise_customer": …}` adds a catalog |

mod after;
mod secrets;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use license_domain::{
    CatalogId, Clock, EnterpriseId, Timestamp,
    clock::{duration, to_micros},
};
use license_runtime::Rotating;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    aws::Aws,
    clock::LocalClock,
    keys::Signer,
    pollers::Pollers,
    schedules::Schedules,
    services::{Call, Services},
};

/// What these routes use.
#[derive(Clone)]
pub struct Local {
    /// The clock of the runner and the product.
    pub clock: Arc<LocalClock>,
    /// The schedules, which run when the clock is moved.
    pub schedules: Arc<Schedules>,
    /// The stand-ins for other services.
    pub services: Services,
    /// The stand-in for AWS.
    pub aws: Aws,
    /// The event sources, which deliver what changes have caused.
    pub pollers: Arc<Pollers>,
    /// The relay, for redrives.
    pub relay: Arc<Rotating<function_relay::Context>>,
    /// The signer of tokens, if there is one.
    pub signer: Option<Arc<Signer>>,
    /// The demo's tokens, by role.
    pub tokens: Arc<BTreeMap<&'static str, String>>,
    /// The public keys of tokens.
    pub key_set: Option<Value>,
}

/// An invalid request, with its message.
struct Bad(String);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "detail": self.0 }))).into_response()
    }
}

/// A JSON body, whatever content type is declared, because these routes are used with curl.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Bad> {
    serde_json::from_slice(body).map_err(|error| Bad(format!("the body: {error}")))
}

pub fn router(local: Local) -> Router {
    Router::new()
        .route("/_local/", get(index))
        .route("/_local/clock", get(clock).post(set_clock))
        .route("/_local/tokens", get(tokens).post(make_token))
        .route("/_local/tokens/{role}", get(token))
        .route("/_local/jwks.json", get(key_set))
        .route("/_local/calls", get(calls).delete(forget_calls))
        .route("/_local/catalogs", axum::routing::post(add_catalog))
        .merge(after::router())
        .merge(secrets::router())
        .with_state(local)
}

async fn index() -> Json<Value> {
    Json(json!({
        "GET /_local/clock": "the time",
        "POST /_local/clock": { "now": "2027-01-01T00:00:00Z", "or advance": "P1D" },
        "GET /_local/tokens": "a token for each role",
        "GET /_local/tokens/{role}": "that token, as text",
        "POST /_local/tokens": "claims; returns a token with them, as text",
        "GET /_local/jwks.json": "the public keys of these tokens, a JWK set",
        "PUT /_local/secrets/{name}": "creates or rotates a secret: the body is its value",
        "GET /_local/calls": "the calls to other services",
        "DELETE /_local/calls": "forgets them",
        "GET /_local/mail": "the mails that people got",
        "DELETE /_local/mail": "forgets them",
        "GET /_local/events": "the events on the bus; ?type=assigned",
        "DELETE /_local/events": "forgets them",
        "GET /_local/webhooks": "a URL for webhooks (append a name), and the received deliveries",
        "DELETE /_local/webhooks": "deletes the received deliveries",
        "GET /_local/queues": "how much is in each queue",
        "POST /_local/queues/{name}/redrive": "moves the messages of its dead-letter queue back",
        "POST /_local/redrive": { "from": "2026-11-24T00:00:00Z", "to": "2026-11-24T12:00:00Z" },
        "POST /_local/drain": "responds when everything that is due is done",
        "GET /_local/faults": "the faults to inject",
        "POST /_local/faults": {
            "service": "braze, lms, enterprise, catalog, files, sqs, eventbridge, ses, webhooks; or worker: function-mail",
            "next": 3,
            "how": "{\"status\": 500}, {\"delay_ms\": 500}, reset, reset_after, timeout_after, garbage; before, after",
        },
        "DELETE /_local/faults": "removes all faults",
        "POST /_local/admins": { "enterprise_customer": "…", "emails": ["…"] },
        "POST /_local/catalogs": { "uuid": "…", "enterprise_customer": "…" },
    }))
}

async fn clock(State(local): State<Local>) -> Json<Value> {
    Json(json!({ "now": local.clock.now() }))
}

/// The target of the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Move {
    Now(Timestamp),
    Advance(String),
}

async fn set_clock(State(local): State<Local>, body: Bytes) -> Result<Json<Value>, Bad> {
    let to = match read(&body)? {
        Move::Now(moment) => to_micros(moment),
        Move::Advance(text) => {
            let step = duration(&text);
            let step = step.ok_or_else(|| Bad(format!("{text:?} is not a duration such as P1D or PT90M")))?;
            let to = local.clock.now().checked_add_signed(step);
            to.ok_or_else(|| Bad(format!("{text:?} leads behind the end of time")))?
        }
    };
    local.clock.set(to).map_err(|error| Bad(error.to_string()))?;
    local.schedules.run_due().await;
    local.pollers.drain().await;
    Ok(Json(json!({ "now": local.clock.now() })))
}

async fn tokens(State(local): State<Local>) -> Json<Value> {
    Json(json!(*local.tokens))
}

async fn token(State(local): State<Local>, Path(role): Path<String>) -> Result<String, StatusCode> {
    local.tokens.get(role.as_str()).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn make_token(State(local): State<Local>, body: Bytes) -> Result<String, Bad> {
    let signer = local.signer.ok_or_else(|| Bad("the settings name keys that are not the runner's".to_owned()))?;
    signer.sign(Value::Object(read(&body)?)).map_err(|error| Bad(error.to_string()))
}

async fn key_set(State(local): State<Local>) -> Result<Json<Value>, StatusCode> {
    local.key_set.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn calls(State(local): State<Local>) -> Json<Vec<Call>> {
    Json(local.services.calls().all())
}

async fn forget_calls(State(local): State<Local>) -> StatusCode {
    local.services.calls().clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Catalog {
    uuid: CatalogId,
    enterprise_customer: EnterpriseId,
}

async fn add_catalog(State(local): State<Local>, body: Bytes) -> Result<StatusCode, Bad> {
    let catalog: Catalog = read(&body)?;
    local.services.add_catalog(catalog.uuid, catalog.enterprise_customer).await;
    Ok(StatusCode::CREATED)
}
