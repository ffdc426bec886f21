//! The caches of a process: pointers, whose targets are checked whenever they are used, and the products, which change
//! rarely.

use chrono::TimeDelta;
use license_cache::{Cache, ExpiringCache};
use license_domain::{AgreementId, EnterpriseId, PlanId, ProductCatalog, Timestamp};

use crate::{ahead::Layouts, retired::RetiredCache};

/// How long the products are cached.
const PRODUCTS_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// The caches of one process.
#[derive(Debug, Default)]
pub struct Cached {
    pub plans: Cache<PlanId, AgreementId>,
    /// From customer to agreement.
    pub enterprises: Cache<EnterpriseId, AgreementId>,
    /// The number of a plan's buckets, which never decreases: from these a bucket is chosen to prefetch.
    pub buckets: Cache<PlanId, u16>,
    /// The same for all plans of an agreement.
    pub(crate) layouts: Cache<AgreementId, Layouts>,
    /// Plans whose last allocation needed returned seats: the next one prefetches some.
    pub returned_seats: Cache<PlanId, ()>,
    /// The secret for making person ids.
    pub person_secret: Cache<(), String>,
    pub(crate) retired: RetiredCache,
    /// Objects of rosters.
    pub rosters: crate::roster::RosterCache,
    products: ExpiringCache<(), ProductCatalog>,
}

impl Cached {
    /// The products, if they are cached.
    pub fn products(&self, now: Timestamp) -> Option<ProductCatalog> {
        self.products.get(&(), now)
    }

    pub fn remember_products(&self, now: Timestamp, catalog: &ProductCatalog) {
        self.products.put((), catalog.clone(), now, now + PRODUCTS_LIFETIME);
    }
}
