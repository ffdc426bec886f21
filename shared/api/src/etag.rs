//! `ETag`, `If-None-Match` and `If-Match`. A tag has two parts: the time at which the thing itself was last changed,
//! and a digest of the whole response, which also changes with values that depend on other things (counts, days that
//! are left).
//!
//! A read compares both parts, and gets 304 if they are equal. A change compares only the first part, so that a new
//! title does not fail because a license was assigned in between; it gets 412 if the thing itself was changed by
//! another request.

use std::convert::Infallible;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use license_domain::Timestamp;
use serde::Serialize;

use crate::{ApiError, digest::digest};

/// How many digits of the response's digest a tag has.
const DIGITS: usize = 16;

/// The tags in a request's `If-None-Match` and `If-Match`.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let list = |name: &HeaderName| list(&parts.headers, name);
        Ok(Self { if_match: list(&header::IF_MATCH), if_none_match: list(&header::IF_NONE_MATCH) })
    }
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
}

/// The first part of the tag of a thing that was last changed then: its version.
pub fn version(modified: Timestamp) -> String {
    format!("{:x}", modified.timestamp_micros())
}

fn tag<T: Serialize>(modified: Timestamp, body: &T) -> String {
    let bytes = serde_json::to_vec(body).expect("a body is made of texts, numbers and lists of them");
    let mut sum = digest(&[&bytes]);
    sum.truncate(DIGITS);
    format!("{}-{sum}", version(modified))
}

impl Conditions {
    /// Those of a change that starts from that version.
    pub fn of_version(version: &str) -> Self {
        Self { if_match: Some(version.to_owned()), if_none_match: None }
    }

    /// The response to a read of a thing that was last changed at `modified`.
    pub fn read<T: Serialize>(&self, modified: Timestamp, body: T) -> Response {
        let tag = tag(modified, &body);
        let is_known = |list: &String| tags(list).any(|known| known == "*" || known == tag);
        let mut response = if self.if_none_match.as_ref().is_some_and(is_known) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Json(body).into_response()
        };
        put(&mut response, &tag);
        response
    }

    /// 412 if the request names tags and none of them is the tag of the thing, last changed at `modified`.
    pub fn check(&self, modified: Timestamp) -> Result<(), ApiError> {
        let version = version(modified);
        let is_meant = |tag: &str| tag == "*" || tag.split('-').next() == Some(version.as_str());
        match &self.if_match {
            Some(list) if !tags(list).any(is_meant) => {
                let detail = "It was changed since the version that If-Match names.";
                Err(ApiError::detail(StatusCode::PRECONDITION_FAILED, detail))
            }
            _ => Ok(()),
        }
    }
}

/// The response to a change, with the tag of the new state.
pub fn changed<T: Serialize>(status: StatusCode, modified: Timestamp, body: T) -> Response {
    let tag = tag(modified, &body);
    let mut response = (status, Json(body)).into_response();
    put(&mut response, &tag);
    response
}

fn put(response: &mut Response, tag: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_timestamp_micros(1_795_430_768_000_000 + micros).expect("a moment")
    }

    fn none_match(list: &str) -> Conditions {
        Conditions { if_none_match: Some(list.to_owned()), ..Conditions::default() }
    }

    #[test]
    fn a_read_gets_the_whole_response_if_anything_has_changed() {
        let first = none_match("\"x\"").read(at(0), json!({ "n": 1 }));
        let tag = first.headers()[header::ETAG].to_str().expect("a tag").to_owned();
        let status = |list: &str, micros, n| none_match(list).read(at(micros), json!({ "n": n })).status().as_u16();
        assert_eq!(first.status().as_u16(), 200);
        assert_eq!(status(&tag, 0, 1), 304);
        assert_eq!(status(&format!("\"y\", W/{tag}"), 0, 1), 304);
        assert_eq!(status("*", 0, 1), 304);
        assert_eq!((status(&tag, 0, 2), status(&tag, 1, 1)), (200, 200));
    }

    #[test]
    fn a_change_is_refused_only_if_the_thing_itself_has_changed() {
        let seen = changed(StatusCode::OK, at(0), json!({ "unassigned": 7 }));
        let seen = seen.headers()[header::ETAG].to_str().expect("a tag").to_owned();
        let check = |list: Option<&str>, micros| {
            let conditions = Conditions { if_match: list.map(str::to_owned), ..Conditions::default() };
            conditions.check(at(micros)).map_err(|error| error.status().as_u16())
        };
        assert_eq!(check(None, 5), Ok(()));
        assert_eq!(check(Some("*"), 5), Ok(()));
        assert_eq!(check(Some(&seen), 0), Ok(()));
        assert_eq!(check(Some(&format!("\"junk\", {seen}")), 0), Ok(()));
        assert_eq!((check(Some(&seen), 5), check(Some("junk"), 0)), (Err(412), Err(412)));
    }
}
