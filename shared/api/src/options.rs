//! What a route says of itself when it is asked with OPTIONS.

use axum::{
    Json,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::ApiError;

/// Where to read on.
const DESCRIPTION: &str = "A resource of the License Manager.";

/// The name that the contract gives to a route's resource.
fn name(path: &str) -> String {
    let last = path.trim_matches('/').rsplit('/').next().unwrap_or_default();
    let named = match path {
        "/api/v1/subscriptions/{plan}/licenses/" => "License Admin List",
        "/api/v1/subscriptions/{plan}/licenses/{license}/" => "License Admin Instance",
        "/api/v1/subscriptions/" => "Subscription List",
        "/api/v1/subscriptions/{plan}/" => "Subscription Instance",
        "/api/v1/customer-agreement/" => "Customer Agreement List",
        "/api/v1/customer-agreement/{agreement}/" => "Customer Agreement Instance",
        "/api/v1/subscriptions/{plan}/license/" => "Base License List",
        "/api/v1/subscriptions/{plan}/license/{license}/" => "Base License Instance",
        "/api/v1/learner-subscriptions/" => "Learner Subscription List",
        "/api/v1/learner-subscriptions/{plan}/" => "Learner Subscription Instance",
        "/api/v1/learner-licenses/" => "Learner Licenses List",
        _ => "",
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    let words = last.split(['-', '_']).map(|word| {
        let mut messages = word.chars();
        messages.next().map(|first| first.to_uppercase().chain(messages).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The answer to OPTIONS, for callers who are known.
pub(crate) fn describe(path: &str) -> Response {
    Json(json!({
        "name": name(path),
        "description": DESCRIPTION,
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    }))
    .into_response()
}

/// The answer to a method that the route does not have, for callers who are known.
pub(crate) fn not_allowed(method: &Method) -> ApiError {
    ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{method}\" not allowed."))
}
