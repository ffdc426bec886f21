//! Keys of what was done once for a license.

use license_domain::{LicenseId, PlanId};

use super::{Key, plan};

/// The peer's name of the event that a license's learner was unlinked from the customer.
const UNLINKED_EVENT: &str = "edx.server.license-manager.expired.license.unlinked";

const UNLINKED_PREFIX: &str = "UNLINKED#";
pub const LICENSE_EVENT_PREFIX: &str = "LICENSE-EVENT#";

/// What was done once for a license of that plan.
pub fn license_event(of: PlanId, license: LicenseId, name: &str) -> Key {
    match name {
        UNLINKED_EVENT => unlinked(of, license),
        _ => Key::new(plan(of).pk, format!("{LICENSE_EVENT_PREFIX}{license}#{name}")),
    }
}

/// That the learner of an expired license was unlinked from the customer.
pub fn unlinked(of: PlanId, license: LicenseId) -> Key {
    Key::new(plan(of).pk, format!("{UNLINKED_PREFIX}{license}"))
}

/// The license and the name of such a key.
pub fn license_event_in(key: &Key) -> Option<(LicenseId, &str)> {
    if let Some(license) = key.sk.strip_prefix(UNLINKED_PREFIX) {
        return Some((license.parse().ok()?, UNLINKED_EVENT));
    }
    let (license, name) = key.sk.strip_prefix(LICENSE_EVENT_PREFIX)?.split_once('#')?;
    Some((license.parse().ok()?, name))
}
