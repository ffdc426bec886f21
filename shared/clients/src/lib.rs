//! Clients of other services: the LMS with its enterprise service, the catalog service, Braze, SES, customers'
//! webhooks, the bucket for files, and the stores of secrets. Handlers use the traits; the HTTP clients that implement
//! them have timeouts and a few retries.
//!
//! No address, token or secret is written into a log or an error.

mod aws;
mod braze;
mod caller;
mod catalogs;
mod enterprise;
mod error;
mod exports;
mod lms_users;
mod objects;
mod secrets;
mod service;
mod ses;
mod settings;
mod sign_in;
mod token;
mod webhooks;

pub use braze::{Braze, BrazeCampaign, BrazeClient, BrazeSettings, Dispatch, Recipient};
pub use caller::Safety;
pub use catalogs::{CatalogClient, Catalogs, CatalogsByQuery};
pub use enterprise::{EnrollOutcome, Enrolled, EnrollmentRequest, EnterpriseClient, EnterpriseCustomer, Enterprises};
pub use error::{Cause, ClientError, SendError, Service};
pub use exports::{ExportClient, ExportSettings, Exports, FilePart, FileWriter, MAX_UPLOAD_BYTES, UploadForm, Written};
pub use lms_users::{LmsUserClient, LmsUsers};
pub use objects::ObjectClient;
pub use secrets::{SecretsClient, names_a_secret};
pub use service::ServiceClient;
pub use ses::{Email, EmailSender, SesClient, SesSettings};
pub use settings::{CatalogSettings, ClientSettings, Credentials, MissingSetting};
pub use sign_in::{SignIn, SignInClient, SignInRequest, SignInSettings};
pub use webhooks::{WebhookClient, WebhookSettings};

#[cfg(test)]
mod tests;
