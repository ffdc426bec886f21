//! Keys of a learner's licenses and addresses.

use license_domain::{EmailKey, LicenseId, LmsUserId, PlanId};

use super::Key;

/// A learner's items.
#[derive(Clone, Debug)]
pub struct LearnerKeys<'a>(pub &'a EmailKey);

/// The prefix of the sort keys of a learner's licenses.
pub const LICENSE_PREFIX: &str = "LICENSE#";

/// The separator between plan and license in the sort key of an archived license; a slot's key ends with the plan.
pub(super) const ARCHIVED: &str = "#OLD#";

impl LearnerKeys<'_> {
    /// The partition with all licenses of the learner.
    pub fn partition(&self) -> String {
        format!("LEARNER#{}", self.0.as_str())
    }

    /// The learner's one slot in the plan.
    pub fn slot(&self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("{LICENSE_PREFIX}{plan}"))
    }

    /// A revoked license that made room in its slot for a new one.
    pub fn archived(&self, plan: PlanId, license: LicenseId) -> Key {
        Key::new(self.partition(), format!("{LICENSE_PREFIX}{plan}{ARCHIVED}{license}"))
    }
}

/// The prefix of the sort keys of an LMS user's addresses.
pub const ALIAS_PREFIX: &str = "EMAIL#";

/// The alias from an LMS user to an address.
pub fn alias(user: LmsUserId, email: &EmailKey) -> Key {
    Key::new(alias_partition(user), format!("{ALIAS_PREFIX}{}", email.as_str()))
}

/// The prefix of the sort keys of an LMS user's former addresses.
pub const FORMER_PREFIX: &str = "FORMER#";

/// A former address of an LMS user, as its digest.
pub fn former_address(user: LmsUserId, digest: uuid::Uuid) -> Key {
    Key::new(alias_partition(user), format!("{FORMER_PREFIX}{digest}"))
}

/// The addresses of an LMS user.
pub fn alias_partition(user: LmsUserId) -> String {
    format!("LMS#{user}")
}
