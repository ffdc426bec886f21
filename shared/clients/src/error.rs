//! What can go wrong in a call of another service, classified for whoever has to answer or to look into it.

use std::fmt;

use crate::settings::Missing;

/// Whom a call was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The learning management system.
    Lms,
    /// The enterprise catalog service.
    Catalog,
    /// S3, for files.
    Files,
}

impl Service {
    /// The name under which it is counted and logged.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lms => "lms",
            Self::Catalog => "catalog",
            Self::Files => "files",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call of another service failed. No variant can hold an e-mail address, a token or a secret: URLs and
/// bodies are left out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service was not reached, or did not answer in time.
    #[error("{service} does not answer: {cause}")]
    Unreachable {
        /// Which service.
        service: Service,
        /// What happened, in a fixed word.
        cause: &'static str,
    },
    /// The service answered that it failed, or that it is too busy.
    #[error("{service} failed with status {status}")]
    Failed {
        /// Which service.
        service: Service,
        /// The status that it answered with.
        status: u16,
    },
    /// The service refused the call.
    #[error("{service} refused the call with status {status}")]
    Refused {
        /// Which service.
        service: Service,
        /// The status that it answered with.
        status: u16,
    },
    /// The service answered with something else than was agreed.
    #[error("{service} answered with a body of another shape")]
    Unreadable {
        /// Which service.
        service: Service,
    },
    /// The service's address or our credentials are not configured.
    #[error(transparent)]
    NotConfigured(#[from] Missing),
    /// No HTTP client could be made, which does not depend on the call.
    #[error("no HTTP client: {0}")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// Whether the same call may succeed in a moment.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }

    /// The name under which it is counted.
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "ServiceUnreachable",
            Self::Failed { .. } => "ServiceFailed",
            Self::Refused { .. } => "ServiceRefused",
            Self::Unreadable { .. } => "ServiceUnreadable",
            Self::NotConfigured(_) | Self::Setup(_) => "ServiceNotConfigured",
        }
    }

    /// The failure of a request that got no answer. The SDK's own words name the URL, so they are not kept.
    pub(crate) fn transport(service: Service, error: &reqwest::Error) -> Self {
        let cause = match error {
            error if error.is_timeout() => "timed out",
            error if error.is_connect() => "no connection",
            error if error.is_decode() || error.is_body() => "broken off",
            _ => "request failed",
        };
        Self::Unreachable { service, cause }
    }

    /// What a status that is no success says.
    pub(crate) const fn status(service: Service, status: u16) -> Self {
        match status {
            408 | 429 | 500.. => Self::Failed { service, status },
            _ => Self::Refused { service, status },
        }
    }
}
