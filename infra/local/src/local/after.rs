//! What follows a response, as the runner shows it: mails, events, queues, and injected faults.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use license_domain::EnterpriseId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bad, Local, read};
use crate::{
    aws::{Mail, Published},
    faults::Fault,
};

pub(super) fn router() -> Router<Local> {
    Router::new()
        .route("/_local/mail", get(mails).delete(forget_mails))
        .route("/_local/events", get(events).delete(forget_events))
        .route("/_local/webhooks", get(hooks).delete(forget_hooks))
        .route("/_local/queues", get(queues))
        .route("/_local/queues/{name}/redrive", post(redrive))
        .route("/_local/drain", post(drain))
        .route("/_local/redrive", post(redrive_events))
        .route("/_local/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/_local/admins", post(set_admins))
}

impl From<rusqlite::Error> for Bad {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

async fn mails(State(local): State<Local>) -> Result<Json<Vec<Mail>>, Bad> {
    Ok(Json(local.aws.state().mails()?))
}

async fn forget_mails(State(local): State<Local>) -> Result<StatusCode, Bad> {
    local.aws.state().forget_mails()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn hooks(State(local): State<Local>) -> Json<Value> {
    let hooks = local.services.hooks();
    Json(json!({ "url": hooks.url(), "received": hooks.all() }))
}

async fn forget_hooks(State(local): State<Local>) -> StatusCode {
    local.services.hooks().clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Which {
    r#type: Option<String>,
}

async fn events(State(local): State<Local>, Query(which): Query<Which>) -> Result<Json<Vec<Published>>, Bad> {
    let mut events = local.aws.published()?;
    events.retain(|event| which.r#type.as_ref().is_none_or(|wanted| event.detail_type.ends_with(wanted.as_str())));
    Ok(Json(events))
}

async fn forget_events(State(local): State<Local>) -> Result<StatusCode, Bad> {
    local.aws.forget_published()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn queues(State(local): State<Local>) -> Result<Json<Value>, Bad> {
    Ok(Json(json!(local.aws.depths()?)))
}

async fn redrive(State(local): State<Local>, Path(name): Path<String>) -> Result<Json<Value>, Bad> {
    Ok(Json(json!({ "redriven": local.aws.redrive(&name)? })))
}

async fn redrive_events(State(local): State<Local>, body: Bytes) -> Result<Json<Value>, Bad> {
    let input = function_relay::Input::Redrive(read(&body)?);
    let done = function_relay::handle(&local.relay, input, "by hand").await;
    done.map(|done| Json(json!(done))).map_err(|error| Bad(error.to_string()))
}

async fn drain(State(local): State<Local>) -> Json<Value> {
    Json(local.pollers.drain().await)
}

async fn faults(State(local): State<Local>) -> Json<Vec<Fault>> {
    Json(local.services.faults().left())
}

async fn add_fault(State(local): State<Local>, body: Bytes) -> Result<StatusCode, Bad> {
    local.services.faults().add(read(&body)?);
    Ok(StatusCode::CREATED)
}

async fn clear_faults(State(local): State<Local>) -> StatusCode {
    local.services.faults().clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Admins {
    enterprise_customer: EnterpriseId,
    emails: Vec<String>,
}

async fn set_admins(State(local): State<Local>, body: Bytes) -> Result<StatusCode, Bad> {
    let admins: Admins = read(&body)?;
    local.services.set_admins(admins.enterprise_customer, admins.emails);
    Ok(StatusCode::NO_CONTENT)
}
