//! What goes wrong with mails.

use license_clients::ClientError;
use license_storage::StoreError;

/// Why a mail was not sent. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another service, before the mail itself, or certainly without effect.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl MailError {
    /// The name under which it is counted.
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Store(error) => error.metric(),
            Self::Client(error) => error.metric(),
        }
    }
}
