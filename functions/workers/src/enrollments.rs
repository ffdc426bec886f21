//! After an activated license was revoked: changes the enrollments that it paid for to audit enrollments.

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Event, LicenseStatus, LmsUserId};

use crate::{BulkError, Context};

/// The most calls at the same time.
const PARALLEL: usize = 5;

/// Calls the enterprise service for each learner. A second call changes nothing.
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
