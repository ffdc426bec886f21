//! `GET /health/`: whether the service works; for load balancers and monitors.
//!
//! ```json
//! {"overall_status": "OK", "detailed_status": {"database_status": "OK"}}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    Doc, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/health/",
    access: RouteAccess::Anyone { is_counted: false },
    doc: &Doc {
        summary: "Whether the service can do its work",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "It can.", Shape::Of(doc::schema::<Status>)),
            ResponseDoc::new(503, "It cannot.", Shape::Of(doc::schema::<Status>)),
        ],
    },
};

/// The response.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub struct Status {
    overall_status: &'static str,
    detailed_status: Detail,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HealthDetail")]
struct Detail {
    database_status: &'static str,
}

pub async fn handle(State(context): State<Context>) -> (StatusCode, Json<Status>) {
    let (code, word) = match context.health.check().await {
        Ok(()) => (StatusCode::OK, "OK"),
        Err(error) => {
            tracing::error!(cause = %error, "the table does not respond");
            (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
    };
    (code, Json(Status { overall_status: word, detailed_status: Detail { database_status: word } }))
}
