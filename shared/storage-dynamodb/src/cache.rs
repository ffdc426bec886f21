//! What a process remembers between requests: pointers, which never change what they mean without being checked against
//! what they lead to, and the products, which change rarely.

use chrono::TimeDelta;
use license_cache::{Cache, ExpiringCache};
use license_domain::{AgreementId, EnterpriseId, PlanId, ProductCatalog, Timestamp};

use crate::retired::RetiredCache;

/// How long the products are trusted.
const PRODUCTS_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// The memory of one process.
#[derive(Debug, Default)]
pub struct Cached {
    /// From plan to agreement.
    pub plans: Cache<PlanId, AgreementId>,
    /// From customer to agreement.
    pub enterprises: Cache<EnterpriseId, AgreementId>,
    /// The number of a plan's buckets, which never shrinks: which of them to read ahead.
    pub buckets: Cache<PlanId, u16>,
    /// Plans whose last allocation had to take returned seats: the next one looks for them at once.
    pub returned_seats: Cache<PlanId, ()>,
    /// The secret that makes person ids.
    pub person_secret: Cache<(), String>,
    /// Who has retired lately.
    pub(crate) retired: RetiredCache,
    /// What was read of rosters.
    pub rosters: crate::roster::RosterCache,
    products: ExpiringCache<(), ProductCatalog>,
}

impl Cached {
    /// The products, if they were read lately.
    pub fn products(&self, now: Timestamp) -> Option<ProductCatalog> {
        self.products.get(&(), now)
    }

    /// Remembers the products.
    pub fn remember_products(&self, now: Timestamp, catalog: &ProductCatalog) {
        self.products.put((), catalog.clone(), now, now + PRODUCTS_LIFETIME);
    }
}
