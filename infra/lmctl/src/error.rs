//! How a command ends.

use std::{io, process::ExitCode};

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
    /// The arguments make no sense, or a question was not answered.
    Usage = 2,
    /// `check` found problems.
    Problems = 3,
    /// What was named is not there, or is in no state for that.
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
    /// What was asked cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// What was named is not there, or is in no state for that.
    #[error("{0}")]
    Refused(String),
    /// The table.
    #[error("the table: {0}")]
    Store(#[from] StoreError),
    /// The embedded engine.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The queues.
    #[error("the queues: {0}")]
    Queues(#[from] MessagingError),
    /// A file was not imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The table was not exported.
    #[error(transparent)]
    Export(#[from] license_local::export::Error),
    /// The output.
    #[error("the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// The exit status that tells of it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            _ => Exit::Failed,
        }
    }
}
