//! S3, as far as exports need it: files are put and fetched by signed links, which end.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{NaiveDateTime, TimeDelta};
use license_domain::Timestamp;
use serde::Deserialize;

use super::Services;

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

pub(super) async fn put(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    body: Bytes,
) -> StatusCode {
    if !signed.is_good(services.clock.now()) {
        return StatusCode::FORBIDDEN;
    }
    match services.files.lock() {
        Ok(mut files) => files.insert(format!("{bucket}/{name}"), body),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR,
    };
    StatusCode::OK
}

pub(super) async fn get(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let file = services.files.lock().ok().and_then(|files| files.get(&format!("{bucket}/{name}")).cloned());
    let Some(file) = file else { return StatusCode::NOT_FOUND.into_response() };
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
