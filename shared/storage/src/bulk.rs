//! Writing what another system kept, with its ids and dates: without events, and before it can be found.

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
    /// The license, and where it is kept.
    pub placed: PlacedLicense,
    /// The customer.
    pub enterprise: EnterpriseId,
    /// The agreement of its plan.
    pub agreement: AgreementId,
    /// The layout of its plan's seats.
    pub layout: SeatLayout,
    /// What was done for it once.
    pub events: Vec<LicenseEvent>,
}

/// What another system did once for a license, and must not be done again: unlinking its learner, or telling of its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseEvent {
    /// What was done.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// What the licenses of one bucket of a plan are counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketCounts {
    /// Free seats.
    pub free: u64,
    /// Assigned licenses.
    pub assigned: u64,
    /// Activated licenses.
    pub activated: u64,
    /// Revoked licenses.
    pub revoked: u64,
    /// Those of the revoked ones that name no person.
    pub revoked_without_person: u64,
}

impl BucketCounts {
    /// Counts a license.
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

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, more: Self) {
        self.free += more.free;
        self.assigned += more.assigned;
        self.activated += more.activated;
        self.revoked += more.revoked;
        self.revoked_without_person += more.revoked_without_person;
    }
}

/// A name that one thing only may have, and the thing that is to have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// A customer's agreement.
    Customer(EnterpriseId, AgreementId),
    /// An agreement's slug.
    Slug(String, AgreementId),
    /// The agreement of a plan.
    Plan(PlanId, AgreementId),
    /// A title of the agreement's plans.
    Title(AgreementId, String, PlanId),
    /// What the ids of a plan's untouched seats begin with.
    Seats(SeatPrefix, PlanId),
    /// The agreement of a renewal.
    Renewal(RenewalId, AgreementId),
    /// The renewal that leaves a plan.
    PriorPlan(AgreementId, PlanId, RenewalId),
    /// The renewal that leads to a plan.
    FuturePlan(AgreementId, PlanId, RenewalId),
}

/// Writing many things at once, and looking whether they are there already. A write may be repeated with the same
/// content; of two imports at the same time one may fail with [`StoreError::Contention`].
#[async_trait]
pub trait BulkWrite: Send + Sync {
    /// Whether a file with that digest was imported to its end.
    async fn is_imported(&self, digest: &str) -> Result<bool, StoreError>;

    /// Those of these claims whose name leads to something else.
    async fn refused(&self, claims: &[Claim]) -> Result<HashSet<Claim>, StoreError>;

    /// What is stored in the place of each of these licenses, by the id of the license that is to be there.
    async fn stored(&self, licenses: &[ImportedLicense]) -> Result<HashMap<LicenseId, License>, StoreError>;

    /// The stored products and plan types, if there are any.
    async fn stored_products(&self) -> Result<Option<ProductCatalog>, StoreError>;

    /// Puts licenses in their places with their license events, whatever was there. They cannot be found before their plan is there.
    async fn put_licenses(&self, licenses: &[ImportedLicense], stamp: &Stamp) -> Result<(), StoreError>;

    /// Puts the products and plan types in the place of those that are stored.
    async fn put_products(&self, catalog: &ProductCatalog, stamp: &Stamp) -> Result<(), StoreError>;

    /// Adds what is known of these users by their names.
    async fn put_users(&self, users: &BTreeMap<String, StoredUser>) -> Result<(), StoreError>;

    /// Creates an agreement, with its customer's and its slug's claims.
    async fn import_agreement(&self, agreement: &CustomerAgreement, stamp: &Stamp) -> Result<(), StoreError>;

    /// Creates a plan, with its claims and the counts of each of its buckets. From here on its licenses can be found.
    async fn import_plan(
        &self,
        plan: &SubscriptionPlan,
        counts: &[BucketCounts],
        stamp: &Stamp,
    ) -> Result<(), StoreError>;

    /// Creates a renewal, with its claims.
    async fn import_renewal(&self, renewal: &SubscriptionPlanRenewal, stamp: &Stamp) -> Result<(), StoreError>;

    /// Lets new renewals have numbers above that one.
    async fn raise_renewal_number(&self, last: RenewalId) -> Result<(), StoreError>;

    /// Records that a file was imported to its end.
    async fn record_import(&self, digest: &str, name: &str, at: Timestamp) -> Result<(), StoreError>;
}
