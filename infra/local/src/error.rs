//! Why the runner does not start: each reason is one line.

use std::{net::SocketAddr, path::PathBuf};

use license_storage::StoreError;

use license_importer::ImportError;

/// Why the runner does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The folder for data cannot be used.
    #[error("cannot keep data in {}: {cause}", path.display())]
    Data {
        /// The folder, or the file in it.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Another runner uses the folder.
    #[error("cannot keep data in {}: another runner uses it", .0.display())]
    InUse(PathBuf),
    /// The embedded engine failed.
    #[error("the embedded DynamoDB does not start: {0}")]
    Engine(String),
    /// The template is not understood.
    #[error(transparent)]
    Template(#[from] license_template::TemplateError),
    /// A schedule of the template is not understood.
    #[error("the template: the schedule {0:?} is not understood")]
    Schedule(String),
    /// A setting that must be a URL is none.
    #[error("the setting {0}")]
    Setting(#[from] license_settings::NotAUrl),
    /// A function cannot be put together from its settings.
    #[error("{0}")]
    Compose(license_runtime::Error),
    /// A secret was not kept.
    #[error("the stand-in for secrets: {0}")]
    Secret(String),
    /// No keys were made.
    #[error("the signing keys: {0}")]
    Keys(String),
    /// The table cannot be used.
    #[error("the table: {0}")]
    Store(#[from] StoreError),
    /// A file was not imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The demo data was not made.
    #[error("the demo data: {0}")]
    Demo(String),
}
