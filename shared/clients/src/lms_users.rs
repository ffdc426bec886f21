//! The LMS's users.

use async_trait::async_trait;
use license_domain::{EmailAddress, LmsUserId};
use serde::Deserialize;

use crate::{
    error::{ClientError, Service},
    service::ServiceClient,
};

#[async_trait]
pub trait LmsUsers: Send + Sync {
    /// The id of the user with that address, if there is one.
    async fn lms_user_id(&self, email: &EmailAddress) -> Result<Option<LmsUserId>, ClientError>;
}

/// The client of the LMS's accounts.
#[derive(Clone, Debug)]
pub struct LmsUserClient(ServiceClient);

impl LmsUserClient {
    /// A client that sends its requests by `client`.
    pub const fn new(client: ServiceClient) -> Self {
        Self(client)
    }
}

/// The fields of an account that are read.
#[derive(Deserialize)]
struct Account {
    id: LmsUserId,
}

/// A search by address gives a list, a search by name one object.
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
