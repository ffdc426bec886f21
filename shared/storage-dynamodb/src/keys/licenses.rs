//! Keys of licenses in the lists of their plans, and by id.

use license_domain::{EmailAddress, EmailKey, License, LicenseId, LicenseStatus, PlanId};

use super::{GSI1, GSI3, IndexKey, Key};

/// A license that names no person.
pub fn impersonal_license(license: LicenseId) -> Key {
    Key::head(format!("LICENSE#{license}"))
}

/// A license in its plan's list.
pub fn license_listing(
    plan: PlanId,
    shard: u16,
    status: LicenseStatus,
    email: Option<&EmailKey>,
    license: LicenseId,
) -> IndexKey {
    // The space sorts before every character of a sort key. So a shorter address comes before a longer one that begins
    // with it, and no address before all others.
    let email = email.map(EmailKey::sort_key).unwrap_or_default();
    IndexKey { index: GSI1, pk: list_partition(plan, shard), sk: format!("{status} {email} {license}") }
}

/// A license's key in its plan's list.
pub fn list_key(license: &License) -> String {
    let email = license.user_email.as_ref().map(EmailAddress::key);
    license_listing(license.subscription_plan, 0, license.status, email.as_ref(), license.uuid).sk
}

/// One partition of a plan's list.
pub fn list_partition(plan: PlanId, shard: u16) -> String {
    format!("PLAN#{plan}#{shard}")
}

/// The prefix of all sort keys of that status in a plan's list.
pub fn list_prefix(status: LicenseStatus) -> String {
    format!("{status} ")
}

/// The key of a license in the index of licenses by id.
pub fn license_by_id(license: LicenseId) -> IndexKey {
    IndexKey { index: GSI3, pk: license_partition(license), sk: license.to_string() }
}

/// The partition of the index of licenses by id.
pub fn license_partition(license: LicenseId) -> String {
    format!("LICENSE#{license}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_list_sorts_licenses_without_learner_first_and_shorter_addresses_before_longer_ones() {
        let key = |email: Option<&str>, id: u128| {
            let email = email.map(EmailKey::of);
            let license = LicenseId(Uuid::from_u128(id));
            let [_, (_, sk)] =
                license_listing(PlanId(Uuid::nil()), 0, LicenseStatus::Revoked, email.as_ref(), license).pairs();
            sk
        };
        let sorted = [key(None, 9), key(Some("a@b.co"), 8), key(Some("a@b.com"), 1), key(Some("ab@b.com"), 0)];
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert!(sorted.iter().all(|sk| sk.starts_with(&list_prefix(LicenseStatus::Revoked))));
    }
}
