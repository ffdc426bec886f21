//! Errors of the ports, classified for handlers (is a retry useful?) and for operators (what is wrong?).

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Other transactions changed the same items until the attempts ran out. Nothing was written.
    #[error("gave up after {attempts} attempts because of concurrent changes in {operation}")]
    Contention {
        /// The operation that failed.
        operation: &'static str,
        /// How many attempts were made.
        attempts: u32,
    },
    /// Another attempt at the same request has committed the change. This one wrote nothing.
    #[error("another attempt at the same request committed first")]
    AlreadyApplied,
    /// The table did not respond, or responded that it is temporarily unavailable. It may or may not have written.
    #[error("the table is unavailable in {operation}: {cause}")]
    Unavailable {
        /// The operation that failed.
        operation: &'static str,
        /// The SDK's message.
        cause: String,
    },
    /// The table refused the call: a missing permission, a missing table, a malformed expression.
    #[error("the table refused {operation}: {cause}")]
    Refused {
        /// The operation that failed.
        operation: &'static str,
        /// The SDK's message.
        cause: String,
    },
    /// A use case built a transaction that exceeds the table's limits: a defect.
    #[error("{operation} is too large for one transaction: {items} items, {bytes} bytes")]
    TooLarge {
        /// The operation that failed.
        operation: &'static str,
        /// How many items.
        items: usize,
        /// About how many bytes.
        bytes: usize,
    },
    /// An item does not have the attributes that this version writes.
    #[error("the item {key} is not readable: {cause}")]
    Corrupt {
        /// The item's key, without e-mail addresses.
        key: String,
        /// What is wrong with the item.
        cause: String,
    },
}

impl StoreError {
    /// Whether a retry of the call may succeed soon.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Contention { .. } | Self::Unavailable { .. } | Self::AlreadyApplied)
    }

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
