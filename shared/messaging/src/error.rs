//! Errors of queues and bus.

/// A message or an event was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// The service did not respond, or throttled.
    #[error("{operation}: {cause}")]
    Unavailable { operation: &'static str, cause: String },
    /// A part of what was sent was not accepted.
    #[error("{operation}: {refused} of {sent} were not accepted: {cause}")]
    Partly {
        operation: &'static str,
        /// How many were not accepted.
        refused: usize,
        /// How many were sent.
        sent: usize,
        /// The reason for the first of them.
        cause: String,
    },
    /// A setting is not set that the call needs.
    #[error("the setting {0} is missing")]
    NotConfigured(&'static str),
}

impl MessagingError {
    /// Whether a retry of the call may succeed soon.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::NotConfigured(_))
    }

    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "MessagingUnavailable",
            Self::Partly { .. } => "MessagingPartly",
            Self::NotConfigured(_) => "MessagingNotConfigured",
        }
    }
}
