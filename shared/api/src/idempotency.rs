//! `Idempotency-Key`: a request that carries one takes effect once, however often it is sent.
//!
//! 1. The idempotency record is looked up at the same time as the handler's first read. A key belongs to its requester.
//! 2. The handler authorizes the requester at every attempt, and then gets the recorded outcome
//!    ([`crate::Requester::recorded`]). If there is one, the same code that made the first response makes the replay
//!    from it, with `Idempotent-Replayed: true`. If another request used the key: 422. If another attempt is under way:
//!    409.
//! 3. If there is no record, the handler makes the change, and the record commits with it. Of two attempts at the same
//!    time one fails as a whole; its handler runs once more and finds the record of the other.
//! 4. An attempt that has written nothing for a minute is treated as ended. The next one resumes what it began.
//!
//! Refusals and failures are not recorded: a repeated request is handled anew.

use std::pin::pin;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use futures::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};
use license_domain::{Principal, Timestamp};
use license_storage::{
    Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RecordContent, ResumeFrom, StoreError,
};
use serde::de::DeserializeOwned;

use crate::{ApiError, AppState, Requester, body::BODY_LIMIT, digest::digest};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const MAX_KEY_LENGTH: usize = 255;

/// After this time without a write an attempt no longer counts as under way. The API's functions time out after half of
/// it.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Marks a response: another attempt at the same request committed first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlreadyApplied;

/// The lookup of a key's record, shared by those who wait for it.
type Lookup = Shared<BoxFuture<'static, Result<Option<IdempotencyRecord>, StoreError>>>;

/// A request with an idempotency key, as its [`crate::Requester`] holds it.
#[derive(Clone, Debug)]
pub(crate) struct KeyedRequest {
    idempotency: Idempotency,
    lookup: Lookup,
}

impl KeyedRequest {
    pub(crate) async fn outcome<T: DeserializeOwned>(&self, now: Timestamp) -> Result<Option<T>, ApiError> {
        let Some(record) = self.record(now).await? else { return Ok(None) };
        let other = |_| ApiError::Defect("the recorded outcome is not of the type that the handler asks for");
        record.outcome().transpose().map_err(other)
    }

    /// Takes the key for this attempt; returns what makes its change take effect once.
    pub(crate) async fn take(&self, records: &dyn IdempotencyRecords, now: Timestamp) -> Result<Idempotency, ApiError> {
        let mut idempotency = self.idempotency.clone();
        let Some(seen) = self.record(now).await? else { return Ok(idempotency) };
        let from = match seen.content {
            RecordContent::Run(from) => from,
            RecordContent::EndedRun(run) => ResumeFrom::Run(run),
            RecordContent::Outcome(_) => {
                return Err(ApiError::Defect("the handler makes a change again whose outcome is on record"));
            }
        };
        if !records.take_over(&idempotency, &seen, now).await? {
            return Err(under_way());
        }
        idempotency.resume = Some(from);
        Ok(idempotency)
    }

    /// The record. It is an error if another request used the key or another attempt is under way.
    async fn record(&self, now: Timestamp) -> Result<Option<IdempotencyRecord>, ApiError> {
        let Some(record) = self.lookup.clone().await? else { return Ok(None) };
        if record.fingerprint != self.idempotency.fingerprint {
            let detail = "This Idempotency-Key was used for another request.";
            return Err(ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        let is_under_way = matches!(record.content, RecordContent::Run(_)) && now - record.at < LEASE;
        if is_under_way { Err(under_way()) } else { Ok(Some(record)) }
    }
}

/// A form that changes something once, however often it is sent.
#[derive(Clone, Copy, Debug)]
pub struct FormRequest<'a> {
    /// Who sends it.
    pub person: &'a Principal,
    pub request_id: &'a str,
    /// The key that its page gave it.
    pub key: &'a str,
    /// What is asked for: the same key with other content is refused.
    pub content: &'a [&'a [u8]],
    /// Why, in the person's words.
    pub reason: &'a str,
}

/// Makes the change of a form; a second time if another attempt was faster, which then finds the other's outcome.
pub async fn of_form<T, F, Fut>(web: &AppState, form: FormRequest<'_>, change: F) -> Result<T, ApiError>
where
    F: Fn(Requester) -> Fut,
    Fut: Future<Output = Result<T, ApiError>>,
{
    if !(1..=MAX_KEY_LENGTH).contains(&form.key.len()) {
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, "The form lacks its key."));
    }
    let key = IdempotencyKey::Request(digest(&[form.person.username.as_bytes(), form.key.as_bytes()]));
    let idempotency = Idempotency::new(key, digest(form.content), web.random().uuid());
    let requester = || {
        let (records, key) = (web.requesters().clone(), idempotency.key.clone());
        let lookup = async move { records.find(&key).await }.boxed().shared();
        Requester::of_form(web, &form, KeyedRequest { idempotency: idempotency.clone(), lookup })
    };
    match change(requester()).await {
        Err(ApiError::Store(StoreError::AlreadyApplied)) => {}
        made => return made,
    }
    match change(requester()).await {
        Err(ApiError::Store(StoreError::AlreadyApplied)) => Err(under_way()),
        made => made,
    }
}

/// Runs the handler, and once more if another attempt committed first.
pub(crate) async fn run(web: &AppState, principal: Option<&Principal>, request: Request, next: Next) -> Response {
    let (Some(principal), Some(key)) = (principal, key_of(request.method(), request.headers())) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let (idempotency, body) = match read(web, principal, &key, &parts, body).await {
        Ok(read) => read,
        Err(error) => return error.into_response(),
    };
    let response = attempt(web, &idempotency, &parts, &body, next.clone()).await;
    if !is_applied(&response) {
        return response;
    }
    let response = attempt(web, &idempotency, &parts, &body, next).await;
    if is_applied(&response) { under_way().into_response() } else { response }
}

fn is_applied(response: &Response) -> bool {
    response.extensions().get::<AlreadyApplied>().is_some()
}

fn key_of(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    if method.is_safe() { None } else { headers.get(KEY).cloned() }
}

async fn read(
    web: &AppState,
    principal: &Principal,
    key: &HeaderValue,
    parts: &Parts,
    body: Body,
) -> Result<(Idempotency, Bytes), ApiError> {
    let key = key.to_str().ok().filter(|key| (1..=MAX_KEY_LENGTH).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let detail = format!("The Idempotency-Key must be 1 to {MAX_KEY_LENGTH} visible ASCII characters.");
        ApiError::detail(StatusCode::BAD_REQUEST, detail)
    })?;
    let body = to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, "The request's body could not be read."))?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let fingerprint = digest(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body]);
    let key = IdempotencyKey::Request(digest(&[principal.username.as_bytes(), key.as_bytes()]));
    Ok((Idempotency::new(key, fingerprint, web.random().uuid()), body))
}

/// Runs the handler once, at the same time as the lookup of the record.
async fn attempt(web: &AppState, idempotency: &Idempotency, parts: &Parts, body: &Bytes, next: Next) -> Response {
    let (records, key) = (web.requesters().clone(), idempotency.key.clone());
    let lookup: Lookup = async move { records.find(&key).await }.boxed().shared();
    let mut parts = parts.clone();
    parts.extensions.insert(KeyedRequest { idempotency: idempotency.clone(), lookup: lookup.clone() });
    let handled = pin!(next.run(Request::from_parts(parts, Body::from(body.clone()))));
    let mut response = match select(handled, lookup.clone()).await {
        Either::Left((response, _)) => response,
        Either::Right((_, handled)) => handled.await,
    };
    // A handler that succeeds although there is a record has made its response from the record.
    if response.status().is_success() && matches!(lookup.peek(), Some(Ok(Some(_)))) {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn under_way() -> ApiError {
    ApiError::detail(StatusCode::CONFLICT, "A request with this Idempotency-Key is under way.")
}
