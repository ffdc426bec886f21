//! What can go wrong in a call of another service, classified for whoever has to answer or to look into it.

use std::fmt;

use strum::{Display, IntoStaticStr};

use crate::settings::MissingSetting;

/// A service that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Service {
    /// The learning management system.
    Lms,
    /// The enterprise service, which the LMS serves.
    Enterprise,
    /// The enterprise catalog service.
    Catalog,
    /// S3, for files.
    Files,
    /// Braze, for mails that are made of campaigns.
    Braze,
    /// SES, for plain mails.
    Ses,
    /// Secrets Manager.
    Secrets,
    /// SSM's parameters.
    Parameters,
    /// A customer's address for our events.
    Webhook,
}

impl Service {
    /// The name under which it is counted and logged.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was nobody to send the request to.
    NoConnection,
    /// The request was sent, and its answer did not come in time.
    TimedOut,
    /// The request was sent, at least in part, and the connection broke.
    BrokenOff,
    /// We did not get a token, so that the request itself was not sent.
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

/// A call of another service failed. No variant can hold an e-mail address, a token or a secret: URLs and
/// bodies are left out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service was not reached, or did not answer in time.
    #[error("{service} does not answer: {cause}")]
    Unreachable {
        /// Which service.
        service: Service,
        /// What happened.
        cause: Cause,
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
    /// The service does not let us: a permission or a name is missing in our own configuration.
    #[error("{service} denied us access")]
    Denied {
        /// Which service.
        service: Service,
    },
    /// The service answered with something else than was agreed.
    #[error("{service} answered with a body of another shape")]
    Unreadable {
        /// Which service.
        service: Service,
    },
    /// The call is for none, or for more than the service takes at once; nothing was sent.
    #[error("{service} takes 1 to {limit} at once, not {size}")]
    WrongSize {
        /// Which service.
        service: Service,
        /// How many there are.
        size: usize,
        /// How many it takes.
        limit: usize,
    },
    /// We do not send anything to such an address.
    #[error("{service} is at an address that is not allowed: {reason}")]
    Forbidden {
        /// Which service.
        service: Service,
        /// Why not, in fixed words.
        reason: &'static str,
    },
    /// The call could not be signed, because its address cannot be.
    #[error("the call of {service} could not be signed")]
    Unsigned {
        /// Which service.
        service: Service,
    },
    /// The service's address or our credentials are not configured.
    #[error(transparent)]
    NotConfigured(#[from] MissingSetting),
    /// No HTTP client could be made, which does not depend on the call.
    #[error("no HTTP client: {0}")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// Whether the same call may succeed in a moment.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }

    /// Whether the service may have done what it was asked for, although the call failed.
    pub const fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => matches!(cause, Cause::TimedOut | Cause::BrokenOff),
            // Time-outs, and what a proxy says when the service behind it broke off.
            Self::Failed { status, .. } => matches!(status, 408 | 502 | 504),
            // It accepted the call; what came of it cannot be told.
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

    /// The name under which it is counted.
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

    /// The failure of a request that got no answer. The SDK's own words name the URL, so they are not kept.
    pub(crate) fn transport(service: Service, error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Setup(error.without_url());
        }
        let cause = match error {
            // A connection that was not made in time counts as a time-out as well.
            error if error.is_connect() => Cause::NoConnection,
            error if error.is_timeout() => Cause::TimedOut,
            _ => Cause::BrokenOff,
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

    /// The failure to get what has to be there before the request itself can be sent: whatever came of that, the
    /// request had no effect.
    pub(crate) fn before_sending(self) -> Self {
        match self {
            Self::Unreachable { service, cause: Cause::TimedOut | Cause::BrokenOff }
            | Self::Failed { service, status: 408 | 502 | 504 }
            | Self::Unreadable { service } => Self::Unreachable { service, cause: Cause::NoToken },
            error => error,
        }
    }
}

/// A mail was not sent, or perhaps it was: what whoever wanted it sent has to know before trying again.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was certainly not sent; trying again is safe.
    #[error("not sent: {0}")]
    NotSent(#[source] ClientError),
    /// It was not sent, and the same mail never will be.
    #[error("refused: {0}")]
    Refused(#[source] ClientError),
    /// It may have been sent.
    #[error("perhaps sent: {0}")]
    Unknown(#[source] ClientError),
}

impl SendError {
    /// Whether the same mail may be sent in a moment, and certainly was not yet.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// The name under which it is counted.
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
