//! Reads the state of a real license-manager.

use std::{fmt, path::PathBuf};

use license_store::Store;
use serde::Serialize;

/// What was imported.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {}

impl fmt::Display for Report {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// To come.
    #[error("imports are not built yet")]
    NotBuilt,
}

/// Imports.
pub async fn import(_: &Store, _: &[PathBuf], _: &(dyn Fn(&str) + Send + Sync)) -> Result<Report, ImportError> {
    Err(ImportError::NotBuilt)
}
