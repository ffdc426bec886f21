//! What the stand-in for Secrets Manager and for SSM's parameters keeps.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::put,
};

use super::{Bad, Local};

pub(super) fn router() -> Router<Local> {
    Router::new().route("/_local/secrets/{*name}", put(put_secret))
}

/// Creates a secret, or rotates it: the body is its value. None is ever given out here.
async fn put_secret(State(local): State<Local>, Path(name): Path<String>, value: String) -> Result<StatusCode, Bad> {
    local.aws.put_secret(&name, &value)?;
    Ok(StatusCode::NO_CONTENT)
}
