//! The bodies of the enterprise service's requests and responses.

use std::fmt;

use license_domain::{CatalogId, EmailAddress, EnterpriseId, LicenseId};
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct EnterpriseCustomer {
    pub slug: Option<String>,
    pub name: Option<String>,
    /// Its catalogs.
    #[serde(default, deserialize_with = "or_default")]
    pub enterprise_customer_catalogs: Vec<CatalogId>,
    /// The contact for the customer's learners and admins.
    pub contact_email: Option<String>,
    /// The sender's name of mails.
    pub sender_alias: Option<String>,
    /// The address for replies to mails.
    pub reply_to: Option<String>,
    /// The slug of the identity provider with which the customer's learners sign in.
    pub identity_provider: Option<String>,
    /// Whether its learners can search for courses in the portal.
    #[serde(default, deserialize_with = "or_default")]
    pub enable_integrated_customer_learner_portal_search: bool,
}

// `Debug` does not show the addresses.
impl fmt::Debug for EnterpriseCustomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterpriseCustomer").field("slug", &self.slug).finish_non_exhaustive()
    }
}

/// A learner and the course run in which to enroll them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnrollmentRequest {
    pub email: EmailAddress,
    pub course_run_key: String,
    /// The license that pays for it.
    pub license_uuid: LicenseId,
    /// The activation URL of a learner who has not activated the license: their mail links to it instead of the course.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_link: Option<String>,
}

/// The outcome of one request to enroll.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Enrolled {
    pub email: EmailAddress,
    pub course_run_key: String,
    /// Whether the enrollment is new.
    #[serde(default, deserialize_with = "or_default")]
    pub created: bool,
}

/// The outcomes of a call that enrolls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EnrollOutcome {
    /// Learners who are enrolled.
    #[serde(default)]
    pub successes: Vec<Enrolled>,
    /// Learners who will be enrolled as soon as they have an account.
    #[serde(default)]
    pub pending: Vec<Enrolled>,
    /// Learners who could not be enrolled.
    #[serde(default)]
    pub failures: Vec<Enrolled>,
}

/// A learner who may not have an account yet.
#[derive(Serialize)]
pub(super) struct PendingLearner<'a> {
    pub enterprise_customer: EnterpriseId,
    pub user_email: &'a EmailAddress,
}

#[derive(Deserialize)]
pub(super) struct LearnerPage {
    pub next: Option<String>,
    results: Vec<Learner>,
}

#[derive(Deserialize)]
struct Learner {
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    email: Option<String>,
}

impl LearnerPage {
    /// The addresses of the page. Learners without one are left out.
    pub fn emails(&mut self) -> impl Iterator<Item = EmailAddress> {
        let emails = self.results.drain(..).filter_map(|learner| learner.user?.email);
        emails.filter(|email| !email.trim().is_empty()).map(EmailAddress::on_record)
    }
}

/// Reads null as the default.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
