//! Errors of requests about many learners.

use axum::http::StatusCode;
use license_api::ApiError;
use license_work::{InlineError, WorkError};

/// The error of a request whose run was worked on inline. A worker finishes the run.
pub fn inline_error(error: InlineError) -> ApiError {
    match error {
        InlineError::Work(WorkError::Store(error)) => error.into(),
        InlineError::Unfinished => {
            let detail = "The request is not finished yet, and continues. Please try again later.";
            ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
        InlineError::Work(error) => {
            tracing::error!(%error, "run failed inline");
            ApiError::Defect("a run of this function failed for another reason than its store")
        }
        InlineError::NotEnough { .. } => ApiError::Defect("only an assignment is refused for want of seats"),
    }
}
