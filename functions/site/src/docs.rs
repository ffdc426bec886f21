//! `GET /api-docs/`: the API's reference, with search and a form to try each operation: Swagger UI over the API's document. What
//! the page fetches comes from here ([`crate::docs_files`]), and no script stands in the page itself.

use axum::{
    http::{HeaderName, header},
    response::Html,
};
use license_api::{
    Doc, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
};

use crate::schema::CACHED_FOR_MINUTES;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api-docs/",
    access: RouteAccess::Anyone { is_counted: true },
    doc: &Doc {
        summary: "This document as a page",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The page.", Shape::Html)],
    },
};

const PAGE: &str = include_str!("docs/page.html");

/// Scripts, styles and requests of our own origin, and the icons that are part of the style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Headers = [(HeaderName, &'static str); 2];

pub async fn handle() -> (Headers, Html<&'static str>) {
    ([(header::CACHE_CONTROL, CACHED_FOR_MINUTES), (header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}
