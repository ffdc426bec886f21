//! `Idempotency-Key`: a request that carries one has its effect once, however often it is sent.
//!
//! 1. Look the key up (it is the caller's own). Another request under the same key: 422. An answer: it is given again,
//!    with `Idempotent-Replayed: true`.
//! 2. Another attempt is under way: 409, for a minute. After that it is taken for dead, and this one takes over:
//!    the handler runs again, finishes what was begun and answers from what is there.
//! 3. Nothing: the handler runs. Its first transaction writes the record, so that of two attempts at the same time
//!    one fails as a whole, and finds the other's.
//! 4. An answer that could not be written with the effect is written afterwards.
//!
//! Refusals and failures are not on record: sent again, they are looked at again.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use license_domain::{Begun, Once, Principal, StoredAnswer};
use license_storage::{Earlier, StoreError};

use serde::Serialize;

use crate::{ApiError, AppState, body::BODY_LIMIT, digest::digest};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key, in characters.
const KEY_LENGTH: usize = 255;

/// How long an attempt is believed to be under way. A Lambda behind the API ends after half of it.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// The longest answer that goes on record as it is; it is one item of the table. Longer ones are made again.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// The request's key, for the caller's stamp.
#[derive(Clone, Debug)]
pub(crate) struct Carried(pub Box<Once>);

/// An answer that says: somebody else was faster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeated;

/// The answer that goes on record with a request's effect: this body as JSON.
pub fn stored<T: Serialize>(status: StatusCode, body: &T) -> StoredAnswer {
    // What is answered is made of texts, numbers and lists of them.
    StoredAnswer { status: status.as_u16(), body: serde_json::to_string(body).unwrap_or_default() }
}

/// The same for an answer without a body.
pub fn stored_empty(status: StatusCode) -> StoredAnswer {
    StoredAnswer { status: status.as_u16(), body: String::new() }
}

/// Runs the handler, once.
pub(crate) async fn run(web: &AppState, principal: Option<&Principal>, request: Request, next: Next) -> Response {
    let (Some(principal), Some(key)) = (principal, key_of(request.method(), request.headers())) else {
        return next.run(request).await;
    };
    match keyed(web, principal, key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn key_of(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    if method.is_safe() { None } else { headers.get(KEY).cloned() }
}

async fn keyed(
    web: &AppState,
    principal: &Principal,
    key: HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = key.to_str().ok().filter(|key| (1..=KEY_LENGTH).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let detail = format!("The Idempotency-Key must be 1 to {KEY_LENGTH} visible ASCII characters.");
        ApiError::detail(StatusCode::BAD_REQUEST, detail)
    })?;
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, "The request's body could not be read."))?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut once = Once {
        key: digest(&[principal.username.as_bytes(), key.as_bytes()]),
        fingerprint: digest(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body]),
        attempt: web.random().uuid(),
        answer: None,
        begun: None,
        is_answered: license_domain::idempotency::Flag::default(),
    };
    if let Some(earlier) = web.requesters().earlier(&once.key).await? {
        if let Some(answer) = settled(web, &once, &earlier)? {
            return Ok(answer);
        }
        if !web.requesters().take_over(&once, &earlier, web.now()).await? {
            return Err(under_way());
        }
        once.begun = Some(begun(&earlier));
    }
    parts.extensions.insert(Carried(Box::new(once.clone())));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    finish(web, once, response).await
}

/// What is to be answered without running anything.
fn settled(web: &AppState, once: &Once, earlier: &Earlier) -> Result<Option<Response>, ApiError> {
    if earlier.fingerprint != once.fingerprint {
        let detail = "This Idempotency-Key was used for another request.";
        return Err(ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    if let Some(answer) = &earlier.answer {
        return Ok(Some(replay(answer)));
    }
    let is_under_way = !earlier.is_done && web.now() - earlier.at < LEASE;
    if is_under_way { Err(under_way()) } else { Ok(None) }
}

fn begun(earlier: &Earlier) -> Begun {
    match (earlier.batch, earlier.parts, earlier.is_done) {
        (Some(batch), ..) => Begun::Batch(batch),
        (None, true, true) => Begun::AllParts,
        (None, true, false) => Begun::Parts,
        (None, false, _) => Begun::Effect,
    }
}

fn under_way() -> ApiError {
    ApiError::detail(StatusCode::CONFLICT, "A request with this Idempotency-Key is under way.")
}

fn replay(answer: &StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = if answer.body.is_empty() {
        status.into_response()
    } else {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        (status, [json], answer.body.clone()).into_response()
    };
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Puts the answer on record, unless that was done with the effect.
async fn finish(web: &AppState, once: Once, mut response: Response) -> Result<Response, ApiError> {
    if response.extensions().get::<Repeated>().is_some() {
        return others(web, &once).await;
    }
    if once.begun.is_some() {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if !response.status().is_success() || once.is_answered.is_raised() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let unreadable = |cause: String| StoreError::Corrupt { key: "(an answer)".to_owned(), cause };
    let body: Bytes = to_bytes(body, usize::MAX).await.map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(body.to_vec()).map_err(|error| unreadable(error.to_string()))?;
    let is_short = text.len() <= MAX_RESPONSE_BYTES && !matches!(once.begun, Some(Begun::Batch(_)));
    let answer = is_short.then(|| StoredAnswer { status: parts.status.as_u16(), body: text });
    // What is neither short nor begun before is found by its batch or its parts.
    let is_known = answer.is_some() || once.begun.is_some();
    if is_known && !web.requesters().answered(&once, answer.as_ref(), web.now()).await? {
        return others(web, &once).await;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The answer of the attempt that was faster.
async fn others(web: &AppState, once: &Once) -> Result<Response, ApiError> {
    match web.requesters().earlier(&once.key).await? {
        Some(earlier) => settled(web, once, &earlier)?.ok_or_else(under_way),
        None => Err(under_way()),
    }
}
