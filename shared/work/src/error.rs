//! Why a run did not continue.

use license_clients::ClientError;
use license_messaging::MessagingError;
use license_storage::{StoreError, UpdateError};

/// Why a run did not continue.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    /// Something that the job needs does not exist any more.
    #[error("the job's {0} does not exist")]
    Gone(&'static str),
    /// The uploaded file cannot be read.
    #[error("the rows cannot be read: {0}")]
    Unreadable(&'static str),
    /// The uploaded file was replaced while it was read.
    #[error("the rows were replaced while they were read")]
    Replaced,
    /// The function has no work of that kind: a defect.
    #[error("this function does not run work of that kind")]
    OtherKind,
    /// The plan's terms were changed at the same time.
    #[error("the plan was changed at the same time")]
    Changed,
}

impl WorkError {
    /// Whether a retry may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Client(error) => error.is_retryable(),
            Self::Messaging(error) => error.is_retryable(),
            Self::Changed | Self::Replaced => true,
            Self::Gone(_) | Self::Unreadable(_) | Self::OtherKind => false,
        }
    }

    /// Its name in metrics, which the job shows to its requester.
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Store(error) => error.metric(),
            Self::Client(error) => error.metric(),
            Self::Messaging(error) => error.metric(),
            Self::Gone(_) => "JobGone",
            Self::Unreadable(_) => "JobUnreadable",
            Self::Replaced => "JobReplaced",
            Self::OtherKind => "JobOfOtherKind",
            Self::Changed => "JobChanged",
        }
    }
}

impl From<UpdateError> for WorkError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Store(error) => Self::Store(error),
            UpdateError::Changed | UpdateError::Taken { .. } | UpdateError::TitleTaken => Self::Changed,
        }
    }
}
