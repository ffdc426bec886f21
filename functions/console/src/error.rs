//! Errors, as pages. A person sees what they can do; an operator finds the cause in the log by the request's id.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use license_api::ApiError;
use license_clients::ClientError;
use license_storage::StoreError;
use license_work::WorkError;

use crate::render::{Frame, page};

/// A refusal or a failure.
#[derive(Debug)]
pub struct PageError {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// The cause of a failure, for the log.
    cause: Option<ApiError>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    text: &'a str,
}

impl PageError {
    /// A refusal with a text.
    pub fn refused(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self { status, title, text: text.into(), cause: None }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, "Not found", "There is no such page, or what it was about is gone.")
    }

    /// A refusal of the API, with its text.
    pub fn refusal(error: ApiError) -> Self {
        let ApiError::Refused(status, body) = &error else { return error.into() };
        let Some(text) = body.get("detail").unwrap_or(body).as_str() else { return error.into() };
        let title = if status.is_success() { "Not finished yet" } else { "Not done" };
        Self::refused(*status, title, text)
    }

    /// 403: the person lacks the right.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::refused(StatusCode::FORBIDDEN, "Not allowed", text)
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        let status = error.status();
        let (title, text) = match status {
            StatusCode::SERVICE_UNAVAILABLE => ("Busy", "The service is busy. Please try again."),
            StatusCode::NOT_FOUND => return Self::not_found(),
            status if status.is_server_error() => ("Failed", "The service failed. The request id names what happened."),
            _ => ("Refused", "The request was refused."),
        };
        Self { status, title, text: text.to_owned(), cause: Some(error) }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ClientError> for PageError {
    fn from(error: ClientError) -> Self {
        let retryable = error.is_retryable();
        let cause = ApiError::Upstream { service: "LMS", cause: error.to_string(), retryable };
        let text = match error {
            ClientError::NotConfigured(_) => {
                "Signing in is not set up: the settings of the LMS's application are missing."
            }
            _ if retryable => "The LMS did not respond. Please try again.",
            _ => "The LMS refused to sign you in. Please start again.",
        };
        Self { status: cause.status(), title: "Sign-in failed", text: text.to_owned(), cause: Some(cause) }
    }
}

/// Why a run was not begun.
pub fn work_failed(error: WorkError) -> ApiError {
    match error {
        WorkError::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "a change of the console failed");
            ApiError::Defect("a run of the console failed for another reason than its store")
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if let Some(cause) = self.cause {
            // Making the API's response logs and counts the failure.
            let _ = cause.into_response();
        }
        let frame = Frame::signed_out(self.title);
        let mut response = page(&ErrorPage { frame, status: self.status.as_u16(), text: &self.text });
        *response.status_mut() = self.status;
        response
    }
}
