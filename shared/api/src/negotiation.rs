//! Content negotiation: responses are JSON, unless the route declares other formats.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{ApiError, Field, Params, doc::FORMAT};

/// Refuses formats that the path does not have: 404 if the query names one, 406 if the header does. `formats` is the
/// parameter `format`, if a route of the path declares it.
pub(crate) async fn negotiate(State(formats): State<Option<Field>>, request: Request, next: Next) -> Response {
    let format = Params::parse(request.uri().query().unwrap_or_default());
    let has = |format: &str| formats.is_some_and(|formats| formats.format.parse(&format.into()).is_ok());
    let is_known = |format: &str| matches!(format, "json" | "api") || has(format);
    if format.get(&FORMAT).is_some_and(|format| !is_known(format)) {
        return ApiError::malformed().into_response();
    }
    if !accepts_json(request.headers()) {
        return ApiError::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")
            .into_response();
    }
    next.run(request).await
}

/// A request without `Accept` accepts JSON. Browsers, which prefer HTML, get JSON too.
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if given.peek().is_none() {
        return true;
    }
    given.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(
            kind.as_str(),
            "" | "*/*"
                | "application/*"
                | "application/json"
                | "text/html"
                | "text/*"
                | "text/csv"
                | "application/vnd.oai.openapi+json"
                | "application/vnd.oai.openapi"
        )
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_accepted_unless_only_other_forms_are() {
        let accepts = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(value.map(|value| (header::ACCEPT, HeaderValue::from_static(value))));
            accepts_json(&headers)
        };
        for good in [None, Some("*/*"), Some("application/xml, application/json;q=0.5"), Some("text/html")] {
            assert!(accepts(good), "{good:?}");
        }
        assert!(!accepts(Some("application/xml")));
    }
}
