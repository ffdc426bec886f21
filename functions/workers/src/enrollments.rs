//! After a license that was in use is revoked: the learner's enrollments that it paid for become audits.

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Event, LicenseStatus, LmsUserId};

use crate::{BulkError, Context};

/// How many calls are under way at once at most.
const PARALLEL: usize = 5;

/// Calls the enterprise service for each learner. A second call changes nothing: an audit stays an audit.
pub(crate) async fn revoke(context: &Context, event: &Event) -> Result<(), BulkError> {
    let users: Vec<LmsUserId> = event
        .licenses
        .iter()
        .filter(|change| change.from == LicenseStatus::Activated && change.to == LicenseStatus::Revoked)
        .filter_map(|change| change.lms_user_id)
        .collect();
    let calls: Vec<_> =
        users.into_iter().map(|user| context.enterprises.revoke_enrollments(event.enterprise, user)).collect();
    stream::iter(calls).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
    Ok(())
}
