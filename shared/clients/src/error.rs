//! Errors of calls of other services, classified for handlers (is a retry useful?) and for operators (what is wrong?).

use std::fmt;

use strum::{Display, IntoStaticStr};

use crate::settings::MissingSetting;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Service {
    Lms,
    /// The enterprise service, which the LMS serves.
    Enterprise,
    /// The enterprise catalog service.
    Catalog,
    /// S3, which stores files.
    Files,
    /// Braze, which sends mails made from campaigns.
    Braze,
    /// SES, which sends mails with our own text.
    Ses,
    /// Secrets Manager.
    Secrets,
    /// SSM Parameter Store.
    Parameters,
    /// A customer's webhook.
    Webhook,
}

impl Service {
    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

/// Why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No connection could be made.
    NoConnection,
    /// The request was sent, and the response did not arrive in time.
    TimedOut,
    /// The request was sent, at least in part, and the connection broke.
    BrokenOff,
    /// The LMS gave no token, so the request itself was not sent.
    NoToken,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoConnection => "no connection",
            Self::TimedOut => "timed out",
            Self::BrokenOff => "broken off",
            Self::NoToken => "no token",
        })
    }
}

/// A call of another service failed. No variant can contain an e-mail address, a token or a secret: URLs and bodies are
/// left out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service was not reached, or did not respond in time.
    #[error("{service} does not respond: {cause}")]
    Unreachable { service: Service, cause: Cause },
    /// The service responded that it failed, or that it is too busy.
    #[error("{service} failed with status {status}")]
    Failed { service: Service, status: u16 },
    /// The service refused the call.
    #[error("{service} refused the call with status {status}")]
    Refused { service: Service, status: u16 },
    /// The service denied access: our own configuration lacks a permission or a name.
    #[error("{service} denied us access")]
    Denied { service: Service },
    /// The response does not have the expected form.
    #[error("{service} responded with a body of another shape")]
    Unreadable { service: Service },
    /// The call has no recipients, or more than the service accepts; nothing was sent.
    #[error("{service} takes 1 to {limit} at once, not {size}")]
    WrongSize {
        service: Service,
        /// How many the call has.
        size: usize,
        /// How many the service accepts.
        limit: usize,
    },
    /// The webhook's URL is not permitted.
    #[error("{service} is at an address that is not allowed: {reason}")]
    Forbidden {
        service: Service,
        /// The reason, as a fixed text.
        reason: &'static str,
    },
    /// The call could not be signed, because its URL is invalid.
    #[error("the call of {service} could not be signed")]
    Unsigned { service: Service },
    /// The service's URL or our credentials are not configured.
    #[error(transparent)]
    NotConfigured(#[from] MissingSetting),
    /// The HTTP client could not be built. The cause does not lie in the call.
    #[error("no HTTP client: {0}")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// Whether a retry of the call may succeed soon.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }

    /// Whether the service may have carried out the request, although the call failed.
    pub const fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => matches!(cause, Cause::TimedOut | Cause::BrokenOff),
            // Timeouts, and a proxy's response if the service behind it broke the connection.
            Self::Failed { status, .. } => matches!(status, 408 | 502 | 504),
            // The service accepted the call; the outcome is unknown.
            Self::Unreadable { .. } => true,
            Self::Refused { .. }
            | Self::Denied { .. }
            | Self::WrongSize { .. }
            | Self::Forbidden { .. }
            | Self::Unsigned { .. }
            | Self::NotConfigured(_)
            | Self::Setup(_) => false,
        }
    }

    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "ServiceUnreachable",
            Self::Failed { .. } => "ServiceFailed",
            Self::Refused { .. } | Self::WrongSize { .. } => "ServiceRefused",
            Self::Denied { .. } => "ServiceDenied",
            Self::Unreadable { .. } => "ServiceUnreadable",
            Self::Forbidden { .. } => "ServiceForbidden",
            Self::Unsigned { .. } | Self::NotConfigured(_) | Self::Setup(_) => "ServiceNotConfigured",
        }
    }

    /// The error of a request without a response. The SDK's message is not kept, because it contains the URL.
    pub(crate) fn transport(service: Service, error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Setup(error.without_url());
        }
        let cause = match error {
            // A connection that was not made in time counts as a timeout.
            error if error.is_connect() => Cause::NoConnection,
            error if error.is_timeout() => Cause::TimedOut,
            _ => Cause::BrokenOff,
        };
        Self::Unreachable { service, cause }
    }

    /// The error for a status that is not a success.
    pub(crate) const fn status(service: Service, status: u16) -> Self {
        match status {
            408 | 429 | 500.. => Self::Failed { service, status },
            _ => Self::Refused { service, status },
        }
    }

    /// The error if something that the request needs could not be obtained. The request itself had no effect.
    pub(crate) fn before_sending(self) -> Self {
        match self {
            Self::Unreachable { service, cause: Cause::TimedOut | Cause::BrokenOff }
            | Self::Failed { service, status: 408 | 502 | 504 }
            | Self::Unreadable { service } => Self::Unreachable { service, cause: Cause::NoToken },
            error => error,
        }
    }
}

/// Why a mail was not sent, and whether it may have been sent after all. A sender must know that before a retry.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was certainly not sent; a retry is safe.
    #[error("not sent: {0}")]
    NotSent(#[source] ClientError),
    /// It was refused; the same mail will always be refused.
    #[error("refused: {0}")]
    Refused(#[source] ClientError),
    /// It may have been sent.
    #[error("perhaps sent: {0}")]
    Unknown(#[source] ClientError),
}

impl SendError {
    /// Whether a retry may succeed soon and cannot send the mail twice.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    pub const fn metric(&self) -> &'static str {
        match self {
            Self::NotSent(error) | Self::Refused(error) | Self::Unknown(error) => error.metric(),
        }
    }
}

impl From<ClientError> for SendError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { .. } | ClientError::WrongSize { .. } => Self::Refused(error),
            error if error.is_outcome_unknown() => Self::Unknown(error),
            error => Self::NotSent(error),
        }
    }
}
