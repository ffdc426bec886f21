//! The recorded calls.

use std::{collections::VecDeque, sync::Mutex};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use license_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Services;

/// How many calls are kept.
const KEPT: usize = 1_000;

/// The longest body that is read.
const MAX_LENGTH: usize = 16 << 20;

/// A call that the product made.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// When, by the runner's clock.
    at: Timestamp,
    method: String,
    path: String,
    query: Option<String>,
    /// JSON, or text for anything else.
    body: Value,
    status: u16,
}

/// The last calls, the oldest first.
#[derive(Debug, Default)]
pub struct Calls(Mutex<VecDeque<Call>>);

impl Calls {
    pub fn all(&self) -> Vec<Call> {
        self.with(|calls| calls.iter().cloned().collect())
    }

    pub fn clear(&self) {
        self.with(VecDeque::clear);
    }

    fn add(&self, call: Call) {
        self.with(|calls| {
            if calls.len() == KEPT {
                calls.pop_front();
            }
            calls.push_back(call);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Call>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Records every call.
pub(super) async fn record(State(services): State<Services>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_LENGTH).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut call = Call {
        at: services.clock.now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        body: shown(&parts.uri, &body),
        status: 0,
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    call.status = response.status().as_u16();
    services.calls.add(call);
    response
}

fn shown(uri: &axum::http::Uri, body: &Bytes) -> Value {
    if uri.path().starts_with("/oauth2/") {
        return Value::String("(credentials)".to_owned());
    }
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
