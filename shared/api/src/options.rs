//! The responses to OPTIONS, and to methods that a path does not have.

use axum::{
    Json,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::ApiError;

const DESCRIPTION: &str = "A resource of the License Manager.";

/// The name of a path's resource: its declared name, or the words of the path's last segment.
pub(crate) fn name(given: Option<&str>, path: &str) -> String {
    if let Some(given) = given {
        return given.to_owned();
    }
    let last = path.trim_matches('/').rsplit('/').next().unwrap_or(path);
    let capitalized = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    last.split(['-', '_']).map(capitalized).collect::<Vec<_>>().join(" ")
}

/// The response to OPTIONS, for authenticated requesters.
pub(crate) fn describe(name: &str) -> Response {
    Json(json!({
        "name": name,
        "description": DESCRIPTION,
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    }))
    .into_response()
}

/// The response to a method that the path does not have, for authenticated requesters.
pub(crate) fn not_allowed(method: &Method) -> ApiError {
    ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{method}\" not allowed."))
}
