//! What can go wrong between functions.

/// A message or an event was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// The service did not answer, or throttled.
    #[error("{operation}: {cause}")]
    Unavailable {
        /// The call.
        operation: &'static str,
        /// What it said.
        cause: String,
    },
    /// Some of what was sent was not accepted.
    #[error("{operation}: {refused} of {sent} were not accepted: {cause}")]
    Partly {
        /// The call.
        operation: &'static str,
        /// How many were not accepted.
        refused: usize,
        /// Of how many.
        sent: usize,
        /// Why the first of them was not.
        cause: String,
    },
    /// A setting that the call needs is not there.
    #[error("the setting {0} is missing")]
    NotConfigured(&'static str),
}

impl MessagingError {
    /// Whether the same call may succeed in a moment.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::NotConfigured(_))
    }

    /// The name under which it is counted.
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "MessagingUnavailable",
            Self::Partly { .. } => "MessagingPartly",
            Self::NotConfigured(_) => "MessagingNotConfigured",
        }
    }
}
