//! How a command ends.

use std::{io, process::ExitCode};

use license_clients::ClientError;
use license_importer::ImportError;
use license_local::StartError;
use license_messaging::MessagingError;
use license_storage::StoreError;

/// The exit status of a command that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// Something failed; the command may be repeated.
    Failed = 1,
    /// The arguments are invalid, or a question was not answered.
    Usage = 2,
    /// `check` found problems.
    Problems = 3,
    /// The named thing does not exist, or its state does not allow the command.
    Refused = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments are invalid.
    #[error("{0}")]
    Usage(String),
    /// The named thing does not exist, or its state does not allow the command.
    #[error("{0}")]
    Refused(String),
    #[error("the table: {0}")]
    Store(#[from] StoreError),
    /// The embedded engine did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Another service did not respond, or a setting for it is missing.
    #[error(transparent)]
    Service(#[from] ClientError),
    #[error("the queues: {0}")]
    Queues(#[from] MessagingError),
    /// A file could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The table could not be exported.
    #[error(transparent)]
    Export(#[from] license_local::export::Error),
    /// The output could not be written.
    #[error("the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// The exit status of the error.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            _ => Exit::Failed,
        }
    }
}
