//! The other services that the product calls: the LMS and the catalog service. Handlers know the traits;
//! behind them is one HTTP client with a service token, time-outs and a few retries.
//!
//! Nothing here writes an address, a token or a secret into a log or an error.

mod catalogs;
mod error;
mod lms_users;
mod service;
mod settings;
mod token;

pub use catalogs::{CatalogClient, Catalogs};
pub use error::{ClientError, Service};
pub use lms_users::{LmsUserClient, LmsUsers};
pub use service::ServiceClient;
pub use settings::{ClientSettings, Credentials, Missing};

#[cfg(test)]
mod tests;
