//! The enterprise service: customers, their learners and admins, and the learners' places in courses.

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

/// The enterprise service, as the product needs it.
#[async_trait]
pub trait Enterprises: Send + Sync {
    /// The customer, if there is one. What was found within the last ten minutes is not asked again.
    async fn customer(&self, enterprise: EnterpriseId) -> Result<Option<EnterpriseCustomer>, ClientError>;

    /// Makes these people learners of the customer, as soon as they have an account.
    async fn link_learners(&self, enterprise: EnterpriseId, emails: &[EmailAddress]) -> Result<(), ClientError>;

    /// The customer's admins: sorted, each once, the first thousand.
    async fn admins(&self, enterprise: EnterpriseId) -> Result<Vec<EmailAddress>, ClientError>;

    /// Ends the learner's enrollments that a license of the customer paid for.
    async fn revoke_enrollments(&self, enterprise: EnterpriseId, learner: LmsUserId) -> Result<(), ClientError>;

    /// Ends the enrollments of licenses that expired, but for those that were changed after that moment.
    async fn expire_enrollments(
        &self,
        licenses: &[LicenseId],
        ignore_enrollments_modified_after: Option<Timestamp>,
    ) -> Result<(), ClientError>;

    /// Enrols learners in courses, in one call, which may take minutes.
    async fn enroll(
        &self,
        enterprise: EnterpriseId,
        wishes: &[EnrollmentRequest],
        notify: bool,
    ) -> Result<EnrollOutcome, ClientError>;

    /// These people are learners of the customer no more. `is_relinkable`: they may become so again.
    async fn unlink(
        &self,
        enterprise: EnterpriseId,
        emails: &[EmailAddress],
        is_relinkable: bool,
    ) -> Result<(), ClientError>;
}

/// How long a customer is remembered, in seconds.
const CUSTOMER_LIFETIME_SECONDS: i64 = 10 * 60;
/// How many customers are remembered; a process that asked for more starts over.
const CAPACITY: usize = 1_000;
/// How many learners one call links.
const LINKED_AT_ONCE: usize = 50;
/// How many learners one call unlinks, and how many licenses one call expires.
const ENDED_AT_ONCE: usize = 100;
/// How many admins are read,
const MAX_ADMINS: usize = 1_000;
/// on so many pages: the service's own have ten or more.
const MAX_PAGES: usize = 100;
/// How long enrolling may take.
const ENROLL_TIMEOUT: Duration = Duration::from_mins(3);

/// The enterprise service over HTTP.
#[derive(Debug)]
pub struct EnterpriseClient {
    client: ServiceClient,
    customers: Mutex<HashMap<EnterpriseId, (Timestamp, EnterpriseCustomer)>>,
}

impl EnterpriseClient {
    /// Asks by way of that client.
    pub fn new(client: ServiceClient) -> Self {
        Self { client, customers: Mutex::default() }
    }

    fn url(&self, path: &str) -> Result<String, ClientError> {
        Ok(format!("{}/enterprise/api/v1/{path}", self.client.settings().lms()?))
    }

    /// Posts what may arrive twice.
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
            // Our token goes nowhere else, whatever an answer says.
            let next = base.join(&next).ok().filter(|next| next.origin() == base.origin());
            let Some(next) = next else { return Err(unreadable) };
            match self.client.get(Service::Enterprise, next.as_str(), &[]).await? {
                Some(found) => page = found,
                // Admins have become fewer meanwhile.
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
        wishes: &[EnrollmentRequest],
        notify: bool,
    ) -> Result<EnrollOutcome, ClientError> {
        let url = self.url(&format!("enterprise-customer/{enterprise}/enroll_learners_in_courses/"))?;
        let body = json!({"licenses_info": wishes, "notify": notify});
        // A conflict is an answer as well: some learners were not enrolled.
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
