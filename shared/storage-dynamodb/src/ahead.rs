//! Plans' buckets, read before the plans are known: their numbers are those of an earlier request.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use license_domain::{EnterpriseId, PlanId, Portfolio};

use crate::{
    Store,
    keys::{self, BucketKeys, Item, Key},
};

/// Items that were read ahead for one request. They are used once: what is read again must be new.
#[derive(Clone, Debug)]
pub(crate) struct Ahead(Arc<Mutex<Option<ReadItems>>>);

#[derive(Debug)]
struct ReadItems {
    /// The keys that were read, also of items that are not there.
    keys: HashSet<Key>,
    items: HashMap<Key, Item>,
}

/// The plans of an agreement, with the numbers of their buckets.
pub(crate) type Layouts = Arc<[(PlanId, u16)]>;

/// The most items of one call.
const MAX_READ: usize = 100;

fn bucket_keys(plan: PlanId, buckets: u16) -> impl Iterator<Item = Key> {
    (0..buckets.max(1)).map(move |bucket| BucketKeys { plan, bucket }.bucket())
}

impl Store {
    /// A copy that has read the plan's buckets, and for its rows the head of its roster if this process knows it.
    pub(crate) async fn with_plan_ahead(&self, plan: PlanId, with_rows: bool) -> Self {
        let mut keys: Vec<Key> =
            self.cached.buckets.get(&plan).into_iter().flat_map(|n| bucket_keys(plan, n)).collect();
        if with_rows && !keys.is_empty() && self.objects.is_some() && self.cached.rosters.is_known(plan) {
            keys.push(keys::roster(plan));
        }
        self.with_ahead(keys).await
    }

    /// A copy that has read the buckets of the customer's plans.
    pub(crate) async fn with_plans_ahead(&self, enterprise: EnterpriseId) -> Self {
        let agreement = self.cached.enterprises.get(&enterprise);
        let layouts = agreement.and_then(|agreement| self.cached.layouts.get(&agreement)).unwrap_or_default();
        self.with_ahead(layouts.iter().flat_map(|(plan, buckets)| bucket_keys(*plan, *buckets)).collect()).await
    }

    /// Keeps how many buckets each plan of an agreement has, if one call can read all of them.
    pub(crate) fn remember_layouts(&self, portfolio: &Portfolio) {
        let layouts = portfolio.plans.iter().map(|plan| (plan.uuid, plan.seats.buckets));
        let known = self.cached.layouts.get(&portfolio.agreement.uuid);
        if known.is_some_and(|known| known.iter().copied().eq(layouts.clone())) {
            return;
        }
        let layouts: Layouts = layouts.collect();
        if layouts.iter().map(|(_, buckets)| usize::from(*buckets)).sum::<usize>() <= MAX_READ {
            self.cached.layouts.put(portfolio.agreement.uuid, layouts);
        } else {
            self.cached.layouts.forget(&portfolio.agreement.uuid);
        }
    }

    /// Without keys, or if the read fails, nothing is read ahead.
    async fn with_ahead(&self, keys: Vec<Key>) -> Self {
        if keys.is_empty() {
            return self.clone();
        }
        match self.table.batch_get(&keys).await {
            Ok(items) => {
                let read = ReadItems { keys: keys.into_iter().collect(), items };
                Self { ahead: Some(Ahead(Arc::new(Mutex::new(Some(read))))), ..self.clone() }
            }
            Err(error) => {
                tracing::warn!(%error, "buckets of plans were not read ahead");
                self.clone()
            }
        }
    }

    /// The items with these keys, if all of them were read ahead.
    pub(crate) fn take_ahead(&self, keys: &[Key]) -> Option<HashMap<Key, Item>> {
        let mut held = self.ahead.as_ref()?.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = held.take_if(|read| keys.iter().all(|key| read.keys.contains(key)))?;
        Some(read.items)
    }
}
