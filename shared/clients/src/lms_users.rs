//! The LMS's users.

use async_trait::async_trait;
use license_domain::{EmailAddress, LmsUserId};
use serde::Deserialize;

use crate::{
    error::{ClientError, Service},
    service::ServiceClient,
};

/// Users, as the LMS numbers them.
#[async_trait]
pub trait LmsUsers: Send + Sync {
    /// The number of the user with that address, if there is one.
    async fn lms_user_id(&self, email: &EmailAddress) -> Result<Option<LmsUserId>, ClientError>;
}

/// The LMS's accounts over HTTP.
#[derive(Clone, Debug)]
pub struct LmsUserClient(ServiceClient);

impl LmsUserClient {
    /// Asks by way of that client.
    pub const fn new(client: ServiceClient) -> Self {
        Self(client)
    }
}

/// What is read of an account.
#[derive(Deserialize)]
struct Account {
    id: LmsUserId,
}

/// A list when asked for by address, one object when asked for by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Accounts {
    Many(Vec<Account>),
    One(Account),
}

#[async_trait]
impl LmsUsers for LmsUserClient {
    async fn lms_user_id(&self, email: &EmailAddress) -> Result<Option<LmsUserId>, ClientError> {
        let url = format!("{}/api/user/v1/accounts", self.0.settings().lms()?);
        let found: Option<Accounts> = self.0.get(Service::Lms, &url, &[("email", email.as_given())]).await?;
        Ok(found.and_then(|accounts| match accounts {
            Accounts::Many(accounts) => accounts.first().map(|account| account.id),
            Accounts::One(account) => Some(account.id),
        }))
    }
}
