//! A job: learners who are to be enrolled in courses, many at once.

use serde::{Deserialize, Serialize};

use crate::{
    ambient::Timestamp,
    email::EmailAddress,
    ids::{EnterpriseId, JobId, LmsUserId, PlanId},
};

/// The most enrolments (learners × courses) of one job, where the operator does not say otherwise.
pub const DEFAULT_LIMIT: usize = 500;

/// What is to be done, and where its results are once it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollmentJob {
    /// Its id.
    pub uuid: JobId,
    /// The customer.
    pub enterprise_customer_uuid: EnterpriseId,
    /// Only licences of this plan count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_plan: Option<PlanId>,
    /// Who asked for it.
    pub requested_by: String,
    /// Where they hear of the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_email: Option<EmailAddress>,
    /// The same in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The learners, each once.
    pub emails: Vec<EmailAddress>,
    /// The courses, each once.
    pub course_run_keys: Vec<String>,
    /// Whether the learners are told.
    pub notify: bool,
    /// Whether every learner of the plan is meant, beside those named.
    pub enroll_all: bool,
    /// Where the results are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    /// When it was asked for.
    pub created: Timestamp,
}
