//! The requester's licenses of one plan, by the token's address, without revoked ones.

use license_api::Requester;
use license_domain::{License, LicenseStatus, PlanId};
use license_storage::StoreError;

use crate::Context;

/// The licenses, ordered by id.
pub async fn of_plan(context: &Context, requester: &Requester, plan: PlanId) -> Result<Vec<License>, StoreError> {
    let Some(email) = &requester.principal.email else {
        return Ok(Vec::new());
    };
    let mut held = context.learners.licenses_of(&email.key()).await?;
    held.retain(|license| license.subscription_plan == plan && license.status != LicenseStatus::Revoked);
    held.sort_by_key(|license| license.uuid);
    Ok(held)
}
