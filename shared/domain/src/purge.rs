//! Personal data of licenses is kept as long as the customer's agreement says, then it is purged.

use chrono::TimeDelta;

use crate::{
    agreement::CustomerAgreement,
    clock::Timestamp,
    license::{License, LicenseStatus},
    plan::SubscriptionPlan,
};

/// For how long personal data is kept; none where the agreement's duration makes no sense, so that nothing is purged.
pub fn kept_for(agreement: &CustomerAgreement) -> Option<TimeDelta> {
    let seconds = agreement.license_duration_before_purge_seconds;
    TimeDelta::try_seconds(seconds).filter(|kept| *kept >= TimeDelta::zero())
}

/// When all licenses of the plan are purged.
pub fn plan_is_purged_from(agreement: &CustomerAgreement, plan: &SubscriptionPlan) -> Option<Timestamp> {
    plan.expiration_date.checked_add_signed(kept_for(agreement)?)
}

/// The license as it is once its personal data is purged, if it is time for that.
///
/// - The plan ended so long ago: whatever the status was, it is revoked and names no person. No seat takes its place.
/// - It was revoked so long ago: it names no person.
/// - It was assigned so long ago and never activated: it is a free seat again.
///
/// The last two do not touch plans for internal use.
pub fn purged(
    agreement: &CustomerAgreement,
    plan: &SubscriptionPlan,
    license: &License,
    now: Timestamp,
) -> Option<License> {
    let kept = kept_for(agreement)?;
    let is_past = |at: Timestamp| at.checked_add_signed(kept).is_some_and(|until| until < now);
    license.user_email.as_ref()?;
    let anonymous = || License { source: None, ..license.anonymous(now) };
    if is_past(plan.expiration_date) {
        let revoked_date = license.revoked_date.or(Some(now));
        return Some(License { status: LicenseStatus::Revoked, revoked_date, ..anonymous() });
    }
    if plan.for_internal_use_only {
        return None;
    }
    match license.status {
        LicenseStatus::Revoked if license.revoked_date.is_some_and(is_past) => Some(anonymous()),
        LicenseStatus::Assigned if license.assigned_date.is_some_and(is_past) => license.reset(now).ok(),
        _ => None,
    }
}
