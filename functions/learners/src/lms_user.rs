//! The learner's id in the LMS: from the token, or else from the LMS.

use license_api::Requester;
use license_domain::LmsUserId;
use license_telemetry::metrics;

use crate::Context;

/// The id. If the LMS does not respond, the learner can study nevertheless; the id is added with the next token that
/// has it.
pub async fn number(context: &Context, requester: &Requester) -> Option<LmsUserId> {
    if requester.principal.lms_user_id.is_some() {
        return requester.principal.lms_user_id;
    }
    match context.lms_users.lms_user_id(requester.principal.email.as_ref()?).await {
        Ok(user) => user,
        Err(error) => {
            tracing::warn!(request_id = requester.request_id, %error, "the LMS did not give the learner's id");
            metrics::count(error.metric(), &[]);
            None
        }
    }
}
