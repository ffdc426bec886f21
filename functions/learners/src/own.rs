//! The caller's own licences of one plan, by the token's address: those that are not revoked.

use license_domain::{License, LicenseStatus, PlanId};
use license_store::StoreError;
use license_web::Caller;

use crate::Context;

/// The licences, ordered by id.
pub async fn of_plan(context: &Context, caller: &Caller, plan: PlanId) -> Result<Vec<License>, StoreError> {
    let Some(email) = &caller.principal.email else {
        return Ok(Vec::new());
    };
    let mut held = context.learners.licenses_of(&email.key()).await?;
    held.retain(|license| license.subscription_plan == plan && license.status != LicenseStatus::Revoked);
    held.sort_by_key(|license| license.uuid);
    Ok(held)
}
