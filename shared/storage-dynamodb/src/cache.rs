//! What a process remembers between requests: pointers, which never change what they mean without being
//! checked against what they lead to, and the products, which change rarely.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

use license_domain::{AgreementId, EnterpriseId, PlanId, ProductCatalog, Timestamp};

/// How many pointers of a kind are remembered; a process that saw more starts over.
const CAPACITY: usize = 10_000;

/// How long the products are trusted, in seconds.
const PRODUCTS_LIFETIME_SECONDS: i64 = 60;

/// The memory of one process.
#[derive(Debug, Default)]
pub struct Cached {
    /// From plan to agreement.
    pub plans: Pointers<PlanId, AgreementId>,
    /// From customer to agreement.
    pub enterprises: Pointers<EnterpriseId, AgreementId>,
    /// The number of a plan's buckets, which never shrinks: which of them to read ahead.
    pub buckets: Pointers<PlanId, u16>,
    /// Plans whose last draw had to take returned seats: the next one looks for them at once.
    pub returned_seats: Pointers<PlanId, ()>,
    /// The secret that makes person ids.
    pub person_secret: Pointers<(), String>,
    products: Mutex<Option<(Timestamp, ProductCatalog)>>,
}

impl Cached {
    /// The products, if they were read lately.
    pub fn products(&self, now: Timestamp) -> Option<ProductCatalog> {
        let guard = self.products.lock().ok()?;
        let (read, catalog) = guard.as_ref()?;
        let age = (now - *read).num_seconds();
        (0..PRODUCTS_LIFETIME_SECONDS).contains(&age).then(|| catalog.clone())
    }

    /// Remembers the products.
    pub fn remember_products(&self, now: Timestamp, catalog: &ProductCatalog) {
        if let Ok(mut guard) = self.products.lock() {
            *guard = Some((now, catalog.clone()));
        }
    }
}

/// Pointers of one kind.
#[derive(Debug)]
pub struct Pointers<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Pointers<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Pointers<K, V> {
    /// Where `key` leads, as far as is remembered.
    pub fn get(&self, key: &K) -> Option<V> {
        self.0.lock().ok()?.get(key).cloned()
    }

    /// Remembers where `key` leads.
    pub fn put(&self, key: K, value: V) {
        if let Ok(mut pointers) = self.0.lock() {
            if pointers.len() >= CAPACITY {
                pointers.clear();
            }
            pointers.insert(key, value);
        }
    }

    /// Forgets it.
    pub fn forget(&self, key: &K) {
        if let Ok(mut pointers) = self.0.lock() {
            pointers.remove(key);
        }
    }
}
