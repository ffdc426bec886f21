//! `/` in a browser: a small page with the product's name and links. Other clients get the response to an unknown path.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, Method, header},
    middleware::{self, Next},
    response::{Html, Response},
    routing::get,
};
use license_api::{AppState, around};
use tower::ServiceExt;

const PAGE: &str = include_str!("landing.html");

/// Nothing is loaded and no script runs; the style is part of the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Headers = [(HeaderName, &'static str); 1];

/// The router with this page in front.
pub fn before(router: Router, app: AppState) -> Router {
    let front = around(Router::new().route("/", get(page)), app);
    router.layer(middleware::from_fn(move |request: Request, next: Next| lead(front.clone(), request, next)))
}

async fn lead(front: Router, request: Request, next: Next) -> Response {
    if !is_browsers(&request) {
        return next.run(request).await;
    }
    match front.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Whether a person's browser requests the first page: browsers accept HTML explicitly, API clients do not.
fn is_browsers(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names_html = accepted.into_iter().any(|value| value.to_ascii_lowercase().contains("text/html"));
    request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD) && names_html
}

async fn page() -> (Headers, Html<&'static str>) {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}
