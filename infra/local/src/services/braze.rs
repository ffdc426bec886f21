//! Braze: knows users by aliases, and sends campaigns to them.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use license_telemetry::SystemRandom;
use serde_json::{Value, json};

use super::Services;
use crate::aws::Mail;

/// The most recipients of one call.
const AT_ONCE: usize = 50;

type BrazeResponse = (StatusCode, Json<Value>);

fn respond(status: StatusCode, body: Value) -> BrazeResponse {
    (status, Json(body))
}

fn is_known(headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
    given.and_then(|given| given.strip_prefix("Bearer ")).is_some_and(|key| !key.is_empty())
}

/// All other calls.
pub(super) async fn accepted(headers: HeaderMap) -> BrazeResponse {
    if !is_known(&headers) {
        return respond(StatusCode::UNAUTHORIZED, json!({ "message": "Invalid API key" }));
    }
    respond(StatusCode::CREATED, json!({ "message": "success" }))
}

/// A campaign's mail to some people.
pub(super) async fn send(
    State(services): State<Services>,
    headers: HeaderMap,
    Json(call): Json<Value>,
) -> BrazeResponse {
    if !is_known(&headers) {
        return respond(StatusCode::UNAUTHORIZED, json!({ "message": "Invalid API key" }));
    }
    let recipients = call["recipients"].as_array().cloned().unwrap_or_default();
    let campaign = call["campaign_id"].as_str().unwrap_or_default();
    if campaign.is_empty() || recipients.is_empty() || recipients.len() > AT_ONCE {
        return respond(StatusCode::BAD_REQUEST, json!({ "message": "a campaign and 1 to 50 recipients are needed" }));
    }
    let dispatch_id = license_domain::Random::uuid(&SystemRandom).simple().to_string();
    for recipient in &recipients {
        let mut properties = call["trigger_properties"].as_object().cloned().unwrap_or_default();
        properties.extend(recipient["trigger_properties"].as_object().cloned().unwrap_or_default());
        let address = recipient["attributes"]["email"].as_str().or(recipient["user_alias"]["alias_name"].as_str());
        let mail = Mail {
            at: services.clock.now(),
            transport: "braze".to_owned(),
            campaign: campaign.to_owned(),
            to: address.unwrap_or_default().to_owned(),
            trigger_properties: Value::Object(properties),
            dispatch_id: dispatch_id.clone(),
        };
        if let Err(error) = services.aws.state().keep_mail(&mail) {
            tracing::error!(%error, "a mail was not kept");
            return respond(StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "error" }));
        }
    }
    respond(StatusCode::CREATED, json!({ "dispatch_id": dispatch_id, "message": "success" }))
}
