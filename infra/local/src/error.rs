//! Why the runner does not start. Each message is one line.

use std::{net::SocketAddr, path::PathBuf};

use license_storage::StoreError;

use license_importer::ImportError;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: std::io::Error },
    /// The folder for data cannot be used.
    #[error("cannot keep data in {}: {cause}", path.display())]
    Data {
        /// The folder, or the file in it.
        path: PathBuf,
        cause: String,
    },
    /// Another runner uses the folder.
    #[error("cannot keep data in {}: another runner uses it", .0.display())]
    InUse(PathBuf),
    /// The embedded engine failed.
    #[error("the embedded DynamoDB does not start: {0}")]
    Engine(String),
    /// The template cannot be parsed.
    #[error(transparent)]
    Template(#[from] license_template::TemplateError),
    /// A schedule of the template cannot be parsed.
    #[error("the template: the schedule {0:?} cannot be parsed")]
    Schedule(String),
    /// A setting that must be a URL has another value.
    #[error("the setting {0}")]
    Setting(#[from] license_settings::NotAUrl),
    /// A function could not be built from its settings.
    #[error("{0}")]
    Compose(license_runtime::Error),
    /// A secret was not kept.
    #[error("the stand-in for secrets: {0}")]
    Secret(String),
    /// No keys could be made.
    #[error("the signing keys: {0}")]
    Keys(String),
    /// The table cannot be used.
    #[error("the table: {0}")]
    Store(#[from] StoreError),
    /// A file could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The demo customer could not be created.
    #[error("the demo data: {0}")]
    Demo(String),
}
