//! Layers around every request: it gets an id, which is in the response and in every log line, and a panic becomes a
//! 500 instead of a broken connection.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use crate::{ApiError, AppState};

/// The header with the request's id, in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id that a client may choose.
const MAX_LENGTH: usize = 128;

#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives the request an id and a span (at the highest level, so that the id is in the log at every log level), and logs
/// its status and duration. Paths are logged as patterns, and query strings not at all: both can contain personal data.
pub(crate) async fn observe(State(web): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(|| web.random().uuid().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::error_span!("request", request_id = id);
    let began = web.now();
    async {
        let mut response = next.run(request).await;
        let millis = (web.now() - began).num_milliseconds();
        tracing::info!(%method, route, status = response.status().as_u16(), millis, "responded");
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }
    .instrument(span)
    .await
}

fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=+".contains(c);
    (!text.is_empty() && text.len() <= MAX_LENGTH && text.chars().all(plain)).then(|| text.to_owned())
}

/// The response after a handler's panic.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    use axum::response::IntoResponse;
    // The panic hook has logged the panic's message already.
    ApiError::Defect("a handler panicked").into_response()
}
