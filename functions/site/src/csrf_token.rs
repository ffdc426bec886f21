//! `GET /csrf/api/v1/token`: the token that a browser's page sends as `X-CSRFToken` with requests that change
//! something. The cookie has the same token; a browser with a valid token keeps it.
//!
//! ```json
//! {"csrfToken": "…"}
//! ```

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header, request::Parts},
};
use license_api::{
    ApiError, Doc, Route, RouteAccess, csrf,
    doc::{self, Shape},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/csrf/api/v1/token/",
    access: RouteAccess::Anyone { is_counted: true },
    doc: &Doc {
        summary: "The token of a browser's requests that change something",
        query: &[],
        body: &[],
        answers: &[doc::ResponseDoc::new(
            200,
            "The token; the same comes as a cookie.",
            Shape::Of(doc::schema::<CsrfTokenResponse>),
        )],
    },
};

/// The response.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CsrfToken")]
pub struct CsrfTokenResponse {
    #[serde(rename = "csrfToken")]
    csrf_token: String,
}

type Headers = [(HeaderName, HeaderValue); 3];

pub async fn handle(
    State(context): State<Context>,
    parts: Parts,
) -> Result<(Headers, Json<CsrfTokenResponse>), ApiError> {
    let known = csrf::token_of_cookie(&parts.headers).map(str::to_owned);
    let token = known.unwrap_or_else(|| csrf::new_token(context.app.random().as_ref()));
    let cookie = HeaderValue::from_str(&csrf::set_cookie(&parts, &token))
        .expect("the token is of hexadecimal digits, or was the value of a header");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("cookie")),
    ];
    Ok((headers, Json(CsrfTokenResponse { csrf_token: token })))
}
