//! S3, as far as exports need it: files are put, fetched and listed by signed links, which end. Refusals are XML with
//! S3's own codes.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{NaiveDateTime, TimeDelta};
use license_domain::Timestamp;
use serde::Deserialize;

use super::Services;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The files, by bucket and name.
pub(super) type Files = Mutex<HashMap<String, Bytes>>;

/// What a signed link says.
#[derive(Deserialize)]
pub(super) struct Signed {
    #[serde(rename = "X-Amz-Signature")]
    signature: String,
    #[serde(rename = "X-Amz-Date")]
    date: String,
    #[serde(rename = "X-Amz-Expires")]
    expires: i64,
    #[serde(rename = "response-content-type")]
    content_type: Option<String>,
}

impl Signed {
    /// Signatures are believed here; whether a link is over is looked at.
    fn is_good(&self, now: Timestamp) -> bool {
        let made = NaiveDateTime::parse_from_str(&self.date, "%Y%m%dT%H%M%SZ").map(|date| date.and_utc());
        self.signature.len() == 64
            && made.is_ok_and(|made| made <= now && now <= made + TimeDelta::seconds(self.expires))
    }
}

/// A refusal in S3's words.
fn refuse(status: StatusCode, code: &str, message: &str, key: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <Key>{key}</Key><RequestId>LOCAL</RequestId></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml"), (REQUEST_ID, "LOCAL")], body).into_response()
}

fn expired(key: &str) -> Response {
    refuse(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired", key)
}

pub(super) async fn put(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    body: Bytes,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    match services.files.lock() {
        Ok(mut files) => files.insert(format!("{bucket}/{name}"), body),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    StatusCode::OK.into_response()
}

pub(super) async fn get(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    let file = services.files.lock().ok().and_then(|files| files.get(&format!("{bucket}/{name}")).cloned());
    let Some(file) = file else {
        return refuse(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.", &name);
    };
    let kind = signed.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let mut response = ([(header::CONTENT_TYPE, kind)], file).into_response();
    // As the bucket's own rules: whichever page asks, also one that was sent on here.
    if let Some(origin) = headers.get(header::ORIGIN) {
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    response
}

pub(super) async fn delete(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    match services.files.lock() {
        Ok(mut files) => files.remove(&format!("{bucket}/{name}")),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    StatusCode::NO_CONTENT.into_response()
}

/// What a list is asked for.
#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    prefix: String,
    #[serde(rename = "max-keys")]
    max_keys: Option<usize>,
}

pub(super) async fn list(
    State(services): State<Services>,
    Path(bucket): Path<String>,
    Query(signed): Query<Signed>,
    Query(listing): Query<Listing>,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired("");
    }
    let Ok(files) = services.files.lock() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut keys: Vec<&str> = files
        .keys()
        .filter_map(|key| key.strip_prefix(&bucket)?.strip_prefix('/'))
        .filter(|key| key.starts_with(&listing.prefix))
        .collect();
    keys.sort_unstable();
    keys.truncate(listing.max_keys.unwrap_or(1_000).min(1_000));
    let contents: Vec<String> = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>{bucket}</Name>\
         <KeyCount>{}</KeyCount>{}</ListBucketResult>",
        keys.len(),
        contents.concat()
    );
    ([(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
