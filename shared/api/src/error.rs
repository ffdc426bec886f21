//! Refusals and failures, and the responses that they become. A client gets the contract's message and never an
//! internal one; the cause is in the log, beside the request id.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use license_storage::StoreError;
use license_telemetry::metrics;
use serde_json::{Value, json};

use crate::idempotency::AlreadyApplied;

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

#[derive(Debug)]
pub enum ApiError {
    /// The request has no valid credentials: 401.
    Unauthenticated(&'static str),
    /// The request is refused; the body says why.
    Refused(StatusCode, Value),
    /// The store failed: 503 if a retry may work, else 500.
    Store(StoreError),
    /// A defect of this program: 500. The text is for the log.
    Defect(&'static str),
    /// Another service failed: 503 if a retry may work, else 502.
    Upstream {
        /// The name of the service.
        service: &'static str,
        /// The cause, for the log.
        cause: String,
        /// Whether a retry may work.
        retryable: bool,
    },
}

impl ApiError {
    /// 401: the request has no credentials.
    pub const fn no_credentials() -> Self {
        Self::Unauthenticated("Authentication credentials were not provided.")
    }

    /// 401: the token is invalid or has expired.
    pub const fn invalid_token() -> Self {
        Self::Unauthenticated("Invalid token.")
    }

    /// 403 for lists and staff views.
    pub fn forbidden() -> Self {
        Self::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
    }

    /// 404: no thing of that kind has the id.
    pub fn not_found(model: &'static str) -> Self {
        Self::detail(StatusCode::NOT_FOUND, format!("No {model} matches the given query."))
    }

    /// 404: the path has no valid id.
    pub fn malformed() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Not found.")
    }

    /// 404: the list has no such page.
    pub fn invalid_page() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Invalid page.")
    }

    pub fn detail(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::Refused(status, json!({ "detail": detail.into() }))
    }

    /// A response whose body is a JSON string.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::Refused(status, Value::from(body.into()))
    }

    pub fn error(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Refused(status, json!({ "error": message.into() }))
    }

    pub const fn json(status: StatusCode, body: Value) -> Self {
        Self::Refused(status, body)
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Refused(status, _) => *status,
            Self::Store(error) if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Defect(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream { retryable: true, .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// Logs and counts failures of this service. Refusals are caused by clients and are not logged here.
    fn report(&self) {
        match self {
            Self::Unauthenticated(_) | Self::Refused(..) => {}
            Self::Store(error) => {
                metrics::count(error.metric(), &[]);
                if error.is_retryable() {
                    tracing::warn!(cause = %error, "the store failed");
                } else {
                    tracing::error!(cause = %error, "the store failed");
                }
            }
            Self::Defect(what) => {
                metrics::count("Defect", &[]);
                tracing::error!(what, "the request met a defect");
            }
            Self::Upstream { service, cause, retryable } => {
                metrics::count("UpstreamFailure", &[("Service", service)]);
                tracing::error!(service, cause, retryable, "another service failed");
            }
        }
    }

    fn body(self) -> Value {
        match self {
            Self::Unauthenticated(detail) => json!({ "detail": detail }),
            Self::Refused(_, body) => body,
            Self::Store(error) if error.is_retryable() => {
                json!({ "detail": "The service is busy. Please try again." })
            }
            Self::Store(_) | Self::Defect(_) => {
                json!({ "detail": "The service failed. The request id names what happened." })
            }
            Self::Upstream { service, .. } => json!({ "detail": format!("The {service} did not answer as expected.") }),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.report();
        let status = self.status();
        let is_applied = matches!(self, Self::Store(StoreError::AlreadyApplied));
        let mut response = (status, Json(self.body())).into_response();
        if is_applied {
            response.extensions_mut().insert(AlreadyApplied);
        }
        let (name, value) = match status {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "JWT realm=\"api\""),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => (header::RETRY_AFTER, RETRY_AFTER_SECONDS),
            _ => return response,
        };
        response.headers_mut().insert(name, HeaderValue::from_static(value));
        response
    }
}
