//! `GET /api/schema/`: the OpenAPI 3.1 document in the repository: `infra/openapi.json`.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use license_api::{
    Doc, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/schema/",
    access: RouteAccess::Anyone { is_counted: true },
    doc: &Doc {
        summary: "This document",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The document.", Shape::OpenApi)],
    },
};

/// It is the same for everyone until the next deployment, so caches may keep it for a while.
pub const CACHED_FOR_MINUTES: &str = "public, max-age=300";

/// The document's text.
pub const TEXT: &str = include_str!("../../../infra/openapi.json");

pub async fn handle() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/vnd.oai.openapi+json"), (header::CACHE_CONTROL, CACHED_FOR_MINUTES)];
    (headers, TEXT).into_response()
}
