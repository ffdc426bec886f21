//! Errors of mails.

use license_clients::ClientError;
use license_storage::StoreError;

/// Why a mail was not sent. It will be retried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another service failed, before the mail itself, or certainly without effect.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl MailError {
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Store(error) => error.metric(),
            Self::Client(error) => error.metric(),
        }
    }
}
