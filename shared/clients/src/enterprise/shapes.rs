//! What is sent to the enterprise service and read of its answers.

use std::fmt;

use license_domain::{EmailAddress, EnterpriseId, LicenseId};
use serde::{Deserialize, Deserializer, Serialize};

/// A customer, as the enterprise service describes it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct EnterpriseCustomer {
    /// Its name in links.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Where its people get help.
    pub contact_email: Option<String>,
    /// In whose name mails are sent.
    pub sender_alias: Option<String>,
    /// Whereto its people's answers go.
    pub reply_to: Option<String>,
    /// How its people sign in.
    pub identity_provider: Option<String>,
    /// Whether its learners can search for courses in the portal.
    #[serde(default, deserialize_with = "or_default")]
    pub enable_integrated_customer_learner_portal_search: bool,
}

// Addresses are among it.
impl fmt::Debug for EnterpriseCustomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterpriseCustomer").field("slug", &self.slug).finish_non_exhaustive()
    }
}

/// A learner who is to be enrolled in a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnrollmentRequest {
    /// The learner's address.
    pub email: EmailAddress,
    /// The course run.
    pub course_run_key: String,
    /// The license that pays for it.
    pub license_uuid: LicenseId,
    /// Where a learner who has not activated the license does that: their mail leads there in place of the course.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_link: Option<String>,
}

/// What came of one wish.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Enrolled {
    /// The learner's address.
    pub email: EmailAddress,
    /// The course run.
    pub course_run_key: String,
    /// Whether it was not so before.
    #[serde(default, deserialize_with = "or_default")]
    pub created: bool,
}

/// What came of all wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EnrollOutcome {
    /// Who is enrolled.
    #[serde(default)]
    pub successes: Vec<Enrolled>,
    /// Who will be as soon as they have an account.
    #[serde(default)]
    pub pending: Vec<Enrolled>,
    /// Who is not.
    #[serde(default)]
    pub failures: Vec<Enrolled>,
}

/// A learner-to-be.
#[derive(Serialize)]
pub(super) struct PendingLearner<'a> {
    pub enterprise_customer: EnterpriseId,
    pub user_email: &'a EmailAddress,
}

/// One page of learners.
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
    /// The addresses of the page. Whoever has none is left out.
    pub fn emails(&mut self) -> impl Iterator<Item = EmailAddress> {
        let emails = self.results.drain(..).filter_map(|learner| learner.user?.email);
        emails.filter(|email| !email.trim().is_empty()).map(EmailAddress::on_record)
    }
}

/// Null is the same as nothing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
