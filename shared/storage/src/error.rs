//! What can go wrong below the ports, classified for whoever has to answer or to look into it.

/// An error of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Others kept changing the same items until the retries were used up. Nothing was written.
    #[error("gave up after {attempts} attempts because of concurrent changes in {operation}")]
    Contention {
        /// What was attempted.
        operation: &'static str,
        /// How often.
        attempts: u32,
    },
    /// Another attempt at the same request has committed the change. This one wrote nothing.
    #[error("another attempt at the same request was faster")]
    AlreadyApplied,
    /// The table did not answer, or answered that it can't just now. It may or may not have written.
    #[error("the table is unavailable in {operation}: {cause}")]
    Unavailable {
        /// What was attempted.
        operation: &'static str,
        /// The SDK's words.
        cause: String,
    },
    /// The table refused the call: a missing permission, a missing table, a malformed expression.
    #[error("the table refused {operation}: {cause}")]
    Refused {
        /// What was attempted.
        operation: &'static str,
        /// The SDK's words.
        cause: String,
    },
    /// A use case built a transaction that the table would refuse: a defect.
    #[error("{operation} is too large for one transaction: {items} items, {bytes} bytes")]
    TooLarge {
        /// What was attempted.
        operation: &'static str,
        /// How many items.
        items: usize,
        /// About how many bytes.
        bytes: usize,
    },
    /// An item does not have the shape that this version writes.
    #[error("the item {key} is not readable: {cause}")]
    Corrupt {
        /// Which item; never with an e-mail address.
        key: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed in a moment.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Contention { .. } | Self::Unavailable { .. } | Self::AlreadyApplied)
    }

    /// The name under which it is counted.
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Contention { .. } => "StoreContention",
            Self::AlreadyApplied => "StoreAlreadyApplied",
            Self::Unavailable { .. } => "StoreUnavailable",
            Self::Refused { .. } => "StoreRefused",
            Self::TooLarge { .. } => "StoreTooLarge",
            Self::Corrupt { .. } => "StoreCorrupt",
        }
    }
}
