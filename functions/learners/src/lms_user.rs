//! The learner's number in the LMS: the token's, or what the LMS says.

use license_api::Requester;
use license_domain::LmsUserId;
use license_telemetry::metrics;

use crate::Context;

/// The number. An LMS that does not answer does not keep a learner from studying; the number follows with the next
/// token that has it.
pub async fn number(context: &Context, requester: &Requester) -> Option<LmsUserId> {
    if requester.principal.lms_user_id.is_some() {
        return requester.principal.lms_user_id;
    }
    match context.lms_users.lms_user_id(requester.principal.email.as_ref()?).await {
        Ok(user) => user,
        Err(error) => {
            tracing::warn!(request_id = requester.request_id, %error, "the LMS did not say who the learner is");
            metrics::count(error.metric(), &[]);
            None
        }
    }
}
