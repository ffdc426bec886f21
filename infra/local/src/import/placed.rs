//! A license that is imported, in its place.

use license_domain::{License, LicenseStatus, Stamp, SubscriptionPlan};
use license_storage::StoreError;
use license_storage_dynamodb::{
    alias_item,
    keys::{BucketKeys, Item, Key},
    rows::{self, Bucket, Home},
};

use super::{report::ImportError, survey::Survey};

/// The version of everything that is imported.
pub const VERSION: u64 = 1;

/// A license, and where it belongs.
#[derive(Debug)]
pub struct Placed {
    /// As it is kept.
    pub license: License,
    home: Home,
    /// In which it is counted.
    pub bucket: BucketKeys,
    plan: SubscriptionPlan,
}

/// Finds a license's place.
pub fn place(survey: &Survey, license: License) -> Result<Placed, ImportError> {
    let plan = survey.plans.get(&license.subscription_plan).cloned();
    // The first pass saw to it.
    let plan = plan.ok_or_else(|| StoreError::Corrupt { key: "an import".to_owned(), cause: "no plan".to_owned() })?;
    let (license, home) = survey.settle(license);
    let (_, low) = license.uuid.0.as_u64_pair();
    let bucket = u16::try_from(low % u64::from(plan.seats.buckets.max(1))).unwrap_or_default();
    Ok(Placed { license, home, bucket: BucketKeys { plan: plan.uuid, bucket }, plan })
}

impl Placed {
    /// What it is in the table.
    pub fn item(&self, stamp: &Stamp) -> Result<Item, StoreError> {
        if self.license.status == LicenseStatus::Unassigned {
            return rows::free_seat(&self.license, self.bucket);
        }
        let plan = &self.plan;
        rows::license(&self.license, self.home, plan.customer_agreement, &plan.seats, VERSION, stamp)
    }

    /// Its key.
    pub fn key(&self) -> Result<Key, StoreError> {
        let stamp = Stamp {
            actor: String::new(),
            actor_lms_user_id: None,
            reason: String::new(),
            request_id: String::new(),
            at: self.license.created,
            once: None,
        };
        let missing = || StoreError::Corrupt { key: "an import".to_owned(), cause: "no key".to_owned() };
        Key::of(&self.item(&stamp)?).ok_or_else(missing)
    }

    /// The learner's number leads to the address, as it does once somebody activates here.
    pub fn alias(&self, stamp: &Stamp) -> Option<Item> {
        let license = self.license.status.is_live().then_some(&self.license)?;
        Some(alias_item(license.lms_user_id?, license.user_email.as_ref()?, stamp.at))
    }

    /// Counts it.
    pub fn count(&self, bucket: &mut Bucket) {
        match self.license.status {
            LicenseStatus::Unassigned => bucket.free += 1,
            LicenseStatus::Assigned => bucket.assigned += 1,
            LicenseStatus::Activated => bucket.activated += 1,
            LicenseStatus::Revoked => {
                bucket.revoked += 1;
                bucket.revoked_without_person += i64::from(self.license.user_email.is_none());
            }
        }
    }
}
