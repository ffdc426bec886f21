//! Writing data of another system, with its ids and dates. No events are written, and a plan's data cannot be found
//! before its plan exists.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use license_domain::{
    AgreementId, CustomerAgreement, EnterpriseId, License, LicenseId, LicenseStatus, PlanId, ProductCatalog, RenewalId,
    SeatLayout, SeatPrefix, Stamp, SubscriptionPlan, SubscriptionPlanRenewal, Timestamp, importing::PlacedLicense,
};

use crate::{StoreError, StoredUser};

/// A license of an imported plan.
#[derive(Clone, Debug)]
pub struct ImportedLicense {
    /// The license, and its placement.
    pub placed: PlacedLicense,
    pub enterprise: EnterpriseId,
    /// The agreement of its plan.
    pub agreement: AgreementId,
    /// The layout of its plan's seats.
    pub layout: SeatLayout,
    /// What was done for it once.
    pub events: Vec<LicenseEvent>,
}

/// What another system did once for a license, and must not be done again: unlinking its learner, or announcing its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseEvent {
    pub name: String,
    pub at: Timestamp,
}

/// The counts of one bucket's licenses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketCounts {
    pub free: u64,
    pub assigned: u64,
    pub activated: u64,
    pub revoked: u64,
    /// Revoked licenses that name no person.
    pub revoked_without_person: u64,
}

impl BucketCounts {
    pub fn count(&mut self, license: &License) {
        match license.status {
            LicenseStatus::Unassigned => self.free += 1,
            LicenseStatus::Assigned => self.assigned += 1,
            LicenseStatus::Activated => self.activated += 1,
            LicenseStatus::Revoked => {
                self.revoked += 1;
                self.revoked_without_person += u64::from(license.user_email.is_none());
            }
        }
    }

    /// Adds other counts.
    pub fn add(&mut self, more: Self) {
        self.free += more.free;
        self.assigned += more.assigned;
        self.activated += more.activated;
        self.revoked += more.revoked;
        self.revoked_without_person += more.revoked_without_person;
    }
}

/// A name that only one thing may have, and the thing that claims it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    Customer(EnterpriseId, AgreementId),
    Slug(String, AgreementId),
    /// The agreement of a plan.
    Plan(PlanId, AgreementId),
    /// A title of the agreement's plans.
    Title(AgreementId, String, PlanId),
    /// The prefix of the ids of a plan's untouched seats.
    Seats(SeatPrefix, PlanId),
    /// The agreement of a renewal.
    Renewal(RenewalId, AgreementId),
    /// The renewal of which a plan is the prior plan.
    PriorPlan(AgreementId, PlanId, RenewalId),
    /// The renewal of which a plan is the future plan.
    FuturePlan(AgreementId, PlanId, RenewalId),
}

/// Bulk writes, and the comparison with what is stored. A write may be repeated with the same content; of two imports
/// at the same time one may fail with [`StoreError::Contention`].
#[async_trait]
pub trait BulkWrite: Send + Sync {
    /// Whether a file with that digest was imported completely.
    async fn is_imported(&self, digest: &str) -> Result<bool, StoreError>;

    /// The claims whose name another thing has.
    async fn refused(&self, claims: &[Claim]) -> Result<HashSet<Claim>, StoreError>;

    /// The licenses that are stored in the place of each of these, by the id of the one to be written.
    async fn stored(&self, licenses: &[ImportedLicense]) -> Result<HashMap<LicenseId, License>, StoreError>;

    /// The stored products and plan types; none if there are none.
    async fn stored_products(&self) -> Result<Option<ProductCatalog>, StoreError>;

    /// Puts licenses in their places with their license events, whatever was there. They cannot be found before their plan is there.
    async fn put_licenses(&self, licenses: &[ImportedLicense], stamp: &Stamp) -> Result<(), StoreError>;

    /// Replaces the stored products and plan types.
    async fn put_products(&self, catalog: &ProductCatalog, stamp: &Stamp) -> Result<(), StoreError>;

    /// Adds these users' data, by user name.
    async fn put_users(&self, users: &BTreeMap<String, StoredUser>) -> Result<(), StoreError>;

    /// Creates an agreement, with the claims of its customer and its slug.
    async fn import_agreement(&self, agreement: &CustomerAgreement, stamp: &Stamp) -> Result<(), StoreError>;

    /// Creates a plan, with its claims and the counts of each of its buckets. After that its licenses can be found.
    async fn import_plan(
        &self,
        plan: &SubscriptionPlan,
        counts: &[BucketCounts],
        stamp: &Stamp,
    ) -> Result<(), StoreError>;

    /// Creates a renewal, with its claims.
    async fn import_renewal(&self, renewal: &SubscriptionPlanRenewal, stamp: &Stamp) -> Result<(), StoreError>;

    /// Makes new renewals have numbers above that one.
    async fn raise_renewal_number(&self, last: RenewalId) -> Result<(), StoreError>;

    /// Records that a file was imported completely.
    async fn record_import(&self, digest: &str, name: &str, at: Timestamp) -> Result<(), StoreError>;
}
