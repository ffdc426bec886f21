//! The other services that the product calls: the LMS, the catalog service, a bucket for downloads. Handlers know the traits;
//! behind them is one HTTP client with a service token, time-outs and a few retries.
//!
//! Nothing here writes an address, a token or a secret into a log or an error.

mod catalogs;
mod error;
mod exports;
mod lms_users;
mod service;
mod settings;
mod token;

pub use catalogs::{CatalogClient, Catalogs};
pub use error::{ClientError, Service};
pub use exports::{ExportClient, ExportSettings, Exports};
pub use lms_users::{LmsUserClient, LmsUsers};
pub use service::ServiceClient;
pub use settings::{ClientSettings, Credentials, Missing};

#[cfg(test)]
mod tests;
