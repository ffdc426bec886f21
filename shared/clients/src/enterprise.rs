//! The enterprise service: customers, their learners and admins, and the learners' enrollments.

mod shapes;

use std::{collections::HashMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use license_domain::{EmailAddress, EnterpriseId, LicenseId, LmsUserId, Timestamp};
use reqwest::{StatusCode, Url};
use serde_json::json;

pub use self::shapes::{EnrollOutcome, Enrolled, EnrollmentRequest, EnterpriseCustomer};
use self::shapes::{LearnerPage, PendingLearner};
use crate::{
    caller::Safety,
    error::{ClientError, Service},
    service::ServiceClient,
    settings::MissingSetting,
};

/// The enterprise service's API, as far as the product uses it.
#[async_trait]
pub trait Enterprises: Send + Sync {
    /// The customer; `None` if it does not exist. The result is cached for ten minutes.
    async fn customer(&self, enterprise: EnterpriseId) -> Result<Option<EnterpriseCustomer>, ClientError>;

    /// The customer as it is now, read past the cache.
    async fn customer_now(&self, enterprise: EnterpriseId) -> Result<Option<EnterpriseCustomer>, ClientError> {
        self.customer(enterprise).await
    }

    /// Links these people to the customer as learners. Those without an account are linked as soon as they have one.
    async fn link_learners(&self, enterprise: EnterpriseId, emails: &[EmailAddress]) -> Result<(), ClientError>;

    /// The addresses of the customer's admins, sorted and without duplicates; a thousand at most.
    async fn admins(&self, enterprise: EnterpriseId) -> Result<Vec<EmailAddress>, ClientError>;

    /// Ends the learner's enrollments that a license of the customer paid for.
    async fn revoke_enrollments(&self, enterprise: EnterpriseId, learner: LmsUserId) -> Result<(), ClientError>;

    /// Ends the enrollments of expired licenses, except those that changed after that time.
    async fn expire_enrollments(
        &self,
        licenses: &[LicenseId],
        ignore_enrollments_modified_after: Option<Timestamp>,
    ) -> Result<(), ClientError>;

    /// Enrolls learners in courses, in one call, which may take minutes.
    async fn enroll(
        &self,
        enterprise: EnterpriseId,
        enrollments: &[EnrollmentRequest],
        notify: bool,
    ) -> Result<EnrollOutcome, ClientError>;

    /// Unlinks these learners from the customer. `is_relinkable`: they may be linked again.
    async fn unlink(
        &self,
        enterprise: EnterpriseId,
        emails: &[EmailAddress],
        is_relinkable: bool,
    ) -> Result<(), ClientError>;
}

/// How long a customer is cached, in seconds.
const CUSTOMER_LIFETIME_SECONDS: i64 = 10 * 60;
/// How many customers are cached. A process that needs more empties the cache.
const CAPACITY: usize = 1_000;
/// The most learners that one call links.
const LINKED_AT_ONCE: usize = 50;
/// The most learners that one call unlinks, and the most licenses that one call expires.
const ENDED_AT_ONCE: usize = 100;
/// The most admins that are read,
const MAX_ADMINS: usize = 1_000;
/// and the most pages: the service's pages have ten or more admins.
const MAX_PAGES: usize = 100;
/// The timeout of a call that enrolls.
const ENROLL_TIMEOUT: Duration = Duration::from_mins(3);

/// The client of the enterprise service.
#[derive(Debug)]
pub struct EnterpriseClient {
    client: ServiceClient,
    customers: Mutex<HashMap<EnterpriseId, (Timestamp, EnterpriseCustomer)>>,
}

impl EnterpriseClient {
    /// A client that sends its requests by `client`.
    pub fn new(client: ServiceClient) -> Self {
        Self { client, customers: Mutex::default() }
    }

    fn url(&self, path: &str) -> Result<String, ClientError> {
        Ok(format!("{}/enterprise/api/v1/{path}", self.client.settings().lms()?))
    }

    /// Posts a body that may arrive twice.
    async fn post(&self, path: &str, body: &serde_json::Value) -> Result<(), ClientError> {
        self.client.post(Service::Enterprise, &self.url(path)?, body, Safety::Repeatable).await
    }

    fn recall(&self, enterprise: EnterpriseId, now: Timestamp) -> Option<EnterpriseCustomer> {
        let customers = self.customers.lock().ok()?;
        let (read, customer) = customers.get(&enterprise)?;
        (0..CUSTOMER_LIFETIME_SECONDS).contains(&(now - *read).num_seconds()).then(|| customer.clone())
    }

    fn remember(&self, enterprise: EnterpriseId, now: Timestamp, customer: EnterpriseCustomer) {
        if let Ok(mut customers) = self.customers.lock() {
            if customers.len() >= CAPACITY {
                customers.clear();
            }
            customers.insert(enterprise, (now, customer));
        }
    }
}

#[async_trait]
impl Enterprises for EnterpriseClient {
    async fn customer(&self, enterprise: EnterpriseId) -> Result<Option<EnterpriseCustomer>, ClientError> {
        let now = self.client.now();
        if let Some(customer) = self.recall(enterprise, now) {
            return Ok(Some(customer));
        }
        self.customer_now(enterprise).await
    }

    async fn customer_now(&self, enterprise: EnterpriseId) -> Result<Option<EnterpriseCustomer>, ClientError> {
        let now = self.client.now();
        let url = self.url(&format!("enterprise-customer/{enterprise}/"))?;
        let found: Option<EnterpriseCustomer> = self.client.get(Service::Enterprise, &url, &[]).await?;
        if let Some(customer) = &found {
            self.remember(enterprise, now, customer.clone());
        }
        Ok(found)
    }

    async fn link_learners(&self, enterprise: EnterpriseId, emails: &[EmailAddress]) -> Result<(), ClientError> {
        for emails in emails.chunks(LINKED_AT_ONCE) {
            let learners =
                emails.iter().map(|email| PendingLearner { enterprise_customer: enterprise, user_email: email });
            let body = json!(learners.collect::<Vec<_>>());
            self.post("pending-enterprise-learner/", &body).await?;
        }
        Ok(())
    }

    async fn admins(&self, enterprise: EnterpriseId) -> Result<Vec<EmailAddress>, ClientError> {
        let customer = enterprise.to_string();
        let first = self.url("enterprise-learner/")?;
        let unreadable = ClientError::Unreadable { service: Service::Enterprise };
        let base = Url::parse(&first).map_err(|_| MissingSetting("LMS_URL"))?;
        let query = [("role", "enterprise_admin"), ("enterprise_customer_uuid", customer.as_str())];
        let page: Option<LearnerPage> = self.client.get(Service::Enterprise, &first, &query).await?;
        let mut page = page.ok_or(ClientError::Refused { service: Service::Enterprise, status: 404 })?;
        let mut emails: Vec<EmailAddress> = Vec::new();
        for pages in 1..=MAX_PAGES {
            emails.extend(page.emails());
            let may_go_on = emails.len() < MAX_ADMINS && pages < MAX_PAGES;
            let Some(next) = page.next.take().filter(|_| may_go_on) else { break };
            // Our token must not be sent to another origin that the response names.
            let next = base.join(&next).ok().filter(|next| next.origin() == base.origin());
            let Some(next) = next else { return Err(unreadable) };
            match self.client.get(Service::Enterprise, next.as_str(), &[]).await? {
                Some(found) => page = found,
                // The number of admins has decreased since the page before.
                None => break,
            }
        }
        emails.sort_by_key(EmailAddress::key);
        emails.dedup();
        emails.truncate(MAX_ADMINS);
        Ok(emails)
    }

    async fn revoke_enrollments(&self, enterprise: EnterpriseId, learner: LmsUserId) -> Result<(), ClientError> {
        let body = json!({"user_id": learner.to_string(), "enterprise_id": enterprise});
        self.post("licensed-enterprise-course-enrollment/license_revoke/", &body).await
    }

    async fn expire_enrollments(
        &self,
        licenses: &[LicenseId],
        ignore_enrollments_modified_after: Option<Timestamp>,
    ) -> Result<(), ClientError> {
        for licenses in licenses.chunks(ENDED_AT_ONCE) {
            let body = json!({
                "expired_license_uuids": licenses,
                "ignore_enrollments_modified_after": ignore_enrollments_modified_after,
            });
            self.post("licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/", &body).await?;
        }
        Ok(())
    }

    async fn enroll(
        &self,
        enterprise: EnterpriseId,
        enrollments: &[EnrollmentRequest],
        notify: bool,
    ) -> Result<EnrollOutcome, ClientError> {
        let url = self.url(&format!("enterprise-customer/{enterprise}/enroll_learners_in_courses/"))?;
        let body = json!({"licenses_info": enrollments, "notify": notify});
        // The status 409 is a response, too: some learners were not enrolled.
        let (safety, also) = (Safety::Repeatable, StatusCode::CONFLICT);
        self.client.post_for(Service::Enterprise, &url, &body, safety, ENROLL_TIMEOUT, also).await
    }

    async fn unlink(
        &self,
        enterprise: EnterpriseId,
        emails: &[EmailAddress],
        is_relinkable: bool,
    ) -> Result<(), ClientError> {
        for emails in emails.chunks(ENDED_AT_ONCE) {
            let body = json!({"user_emails": emails, "is_relinkable": is_relinkable});
            self.post(&format!("enterprise-customer/{enterprise}/unlink_users/"), &body).await?;
        }
        Ok(())
    }
}
