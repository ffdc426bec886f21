//! Writes the data of another system: licenses by plain puts, and what makes them visible in transactions.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{
    CustomerAgreement, EmailAddress, License, LicenseId, ProductCatalog, RenewalId, Stamp, SubscriptionPlan,
    SubscriptionPlanRenewal, Timestamp,
    importing::{Placement, bucket_of},
};
use license_storage::{BucketCounts, BulkWrite, Claim, ImportedLicense, StoreError, StoredUser};

use crate::{
    Store,
    activate::alias_item,
    keys::{self, AgreementKeys, BucketKeys, Item, Key, UserKeys},
    license_events,
    rows::{self, Bucket, Home, attributes},
    table::{Canceled, Expression, Write},
};

/// The most items of one call.
const CALL: usize = 25;

/// How many calls one `put` makes at the same time.
const PARALLEL: usize = 8;

/// The most attempts at a call while the table throttles: about ten minutes.
const ATTEMPTS: u32 = 70;

/// The first upper bound of the wait between two attempts; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LAST_WAIT: Duration = Duration::from_secs(16);

/// The version of everything that is imported.
const VERSION: u64 = 1;

/// Puts items in DynamoDB's own form, in any order. Existing items are replaced.
#[async_trait]
pub trait PutItems: Send + Sync {
    /// Puts all of them; no two have the same key.
    async fn put(&self, items: Vec<Item>) -> Result<(), StoreError>;
}

/// Uses DynamoDB's API. A new table throttles at first and accepts more the longer it is used, so calls are made in
/// parallel and retried for minutes.
#[async_trait]
impl PutItems for Store {
    async fn put(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let calls: Vec<_> = items.chunks(CALL).map(|part| self.put_call(part.to_vec())).collect();
        stream::iter(calls).buffer_unordered(PARALLEL).try_collect().await
    }
}

impl Store {
    async fn put_call(&self, items: Vec<Item>) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            match self.table.write_all(items.clone()).await {
                Err(error) if error.is_retryable() => {
                    tracing::warn!(attempt, %error, "the table did not take some items, will retry");
                    let bound = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt)).min(LAST_WAIT);
                    let bound = u64::try_from(bound.as_millis()).expect("at most LAST_WAIT");
                    tokio::time::sleep(Duration::from_millis(self.random.below(bound))).await;
                }
                written => return written,
            }
        }
        Err(StoreError::Contention { operation: "import", attempts: ATTEMPTS })
    }
}

pub struct BulkWriter {
    store: Arc<Store>,
    items: Arc<dyn PutItems>,
}

impl BulkWriter {
    /// A writer to that table by DynamoDB's API.
    pub fn new(store: Arc<Store>) -> Self {
        Self { items: store.clone(), store }
    }

    /// A writer to that table with another way to put many items.
    pub fn through(store: Arc<Store>, items: Arc<dyn PutItems>) -> Self {
        Self { store, items }
    }

    /// Writes all of these items or none. A condition can only fail because of another import at the same time.
    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.store.table.transact(writes, self.store.token()).await.map_err(|canceled| match canceled {
            Canceled::Store(error) => error,
            Canceled::Conflict | Canceled::Conditions(_) | Canceled::Unsure(_) => {
                StoreError::Contention { operation: "import", attempts: 1 }
            }
        })
    }
}

#[async_trait]
impl BulkWrite for BulkWriter {
    async fn is_imported(&self, digest: &str) -> Result<bool, StoreError> {
        Ok(self.store.table.get(&keys::import(digest)).await?.is_some())
    }

    async fn refused(&self, claims: &[Claim]) -> Result<HashSet<Claim>, StoreError> {
        let pointers: Vec<(Key, String)> = claims.iter().map(pointer).collect();
        let distinct: HashSet<Key> = pointers.iter().map(|(key, _)| key.clone()).collect();
        let found = self.store.table.batch_get(&distinct.into_iter().collect::<Vec<_>>()).await?;
        let is_refused = |(key, target): &(Key, String)| {
            found.get(key).is_some_and(|item| rows::target::<String>(item).ok().as_ref() != Some(target))
        };
        let refused = claims.iter().zip(&pointers).filter(|(_, pointer)| is_refused(pointer));
        Ok(refused.map(|(claim, _)| claim.clone()).collect())
    }

    async fn stored(&self, licenses: &[ImportedLicense]) -> Result<HashMap<LicenseId, License>, StoreError> {
        let places: Vec<(LicenseId, Key)> =
            licenses.iter().map(|license| (license.placed.license.uuid, place(license))).collect();
        let distinct: HashSet<Key> = places.iter().map(|(_, key)| key.clone()).collect();
        let found = self.store.table.batch_get(&distinct.into_iter().collect::<Vec<_>>()).await?;
        let stored = places.into_iter().filter_map(|(license, key)| Some((license, found.get(&key)?.clone())));
        stored.map(|(license, item)| Ok((license, rows::from_item(item)?))).collect()
    }

    async fn stored_products(&self) -> Result<Option<ProductCatalog>, StoreError> {
        self.store.table.get(&keys::catalog()).await?.map(rows::from_item).transpose()
    }

    /// Puts without conditions: writing twice has the same result. A learner's alias is the same for all plans, and one
    /// call must not put an item twice.
    async fn put_licenses(&self, licenses: &[ImportedLicense], stamp: &Stamp) -> Result<(), StoreError> {
        let mut items = HashMap::with_capacity(licenses.len());
        for license in licenses {
            items.insert(place(license), item(license, stamp)?);
            items.extend(license_events::items(license, stamp)?);
            if let Some((key, alias)) = alias(&license.placed.license, stamp) {
                items.insert(key, alias);
            }
        }
        self.items.put(items.into_values().collect()).await
    }

    async fn put_products(&self, catalog: &ProductCatalog, stamp: &Stamp) -> Result<(), StoreError> {
        self.transact(vec![Write::put(rows::product_catalog(catalog, 1, stamp)?)]).await
    }

    async fn put_users(&self, users: &BTreeMap<String, StoredUser>) -> Result<(), StoreError> {
        // The map removes duplicates, because a role may be listed twice.
        let mut items = HashMap::new();
        for (name, user) in users {
            for grant in &user.grants {
                let key = UserKeys(name).role(*grant);
                let mut item = rows::to_item(grant)?;
                item.extend(key.attributes());
                UserKeys(name).role_listing(*grant).put(&mut item);
                items.insert(key, item);
            }
            if user.is_superuser {
                let key = UserKeys(name).user();
                let mut item = key.attributes();
                item.insert("is_superuser".to_owned(), rows::flag(true));
                items.insert(key, item);
            }
        }
        self.store.put(items.into_values().collect()).await
    }

    /// One transaction: the agreement and the pointers from its customer and its slug, all absent before.
    async fn import_agreement(&self, agreement: &CustomerAgreement, stamp: &Stamp) -> Result<(), StoreError> {
        let id = agreement.uuid;
        let mut writes = vec![
            Write::create(rows::agreement(agreement, VERSION, stamp)?),
            claim(&Claim::Customer(agreement.enterprise_customer_uuid, id)),
        ];
        let slug = agreement.enterprise_customer_slug.clone();
        writes.extend(slug.map(|slug| claim(&Claim::Slug(slug, id))));
        self.transact(writes).await
    }

    /// One transaction, all on condition that nothing exists yet: the plan, the pointers from its id, its seats' prefix
    /// and its title, its buckets with their exact counts.
    async fn import_plan(
        &self,
        plan: &SubscriptionPlan,
        counts: &[BucketCounts],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let (id, agreement) = (plan.uuid, plan.customer_agreement);
        let mut writes = vec![
            Write::create(rows::plan(plan, VERSION, stamp)?),
            claim(&Claim::Plan(id, agreement)),
            claim(&Claim::Seats(plan.seats.prefix, id)),
            claim(&Claim::Title(agreement, plan.title.clone(), id)),
        ];
        for (at, counts) in rows::buckets_of(id, &plan.seats).zip(counts) {
            writes.push(Write::create(bucket(counts).item(at)?));
        }
        if plan.seats.buckets >= crate::changes::MIN_BUCKETS {
            let item = crate::roster::of_import(id, agreement, self.store.clock.now());
            writes.push(Write::put(item));
        }
        self.transact(writes).await
    }

    /// One transaction: the renewal, the pointer from its number, and those from its plans, all absent before.
    async fn import_renewal(&self, renewal: &SubscriptionPlanRenewal, stamp: &Stamp) -> Result<(), StoreError> {
        let (id, agreement) = (renewal.id, renewal.customer_agreement);
        let mut writes = vec![
            Write::create(rows::renewal(renewal, VERSION, stamp)?),
            claim(&Claim::Renewal(id, agreement)),
            claim(&Claim::PriorPlan(agreement, renewal.prior_subscription_plan, id)),
        ];
        let future = renewal.renewed_subscription_plan;
        writes.extend(future.map(|plan| claim(&Claim::FuturePlan(agreement, plan, id))));
        self.transact(writes).await
    }

    async fn raise_renewal_number(&self, last: RenewalId) -> Result<(), StoreError> {
        let terms = Expression::default().name(attributes::LAST).value("last", rows::number(last.0));
        let raise = Write::Update {
            key: keys::renewal_sequence(),
            update: "SET #last = :last".to_owned(),
            condition: Some("attribute_not_exists(#last) OR #last < :last".to_owned()),
            terms,
        };
        match self.store.table.transact(vec![raise], self.store.token()).await {
            // The number is higher already.
            Ok(()) | Err(Canceled::Conditions(_)) => Ok(()),
            Err(Canceled::Conflict | Canceled::Unsure(_)) => {
                Err(StoreError::Contention { operation: "import", attempts: 1 })
            }
            Err(Canceled::Store(error)) => Err(error),
        }
    }

    async fn record_import(&self, digest: &str, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.transact(vec![Write::put(rows::import(digest, name, at))]).await
    }
}

/// The pointer of a name, and its target.
fn pointer(claim: &Claim) -> (Key, String) {
    match claim {
        Claim::Customer(customer, agreement) => (keys::enterprise(*customer), agreement.to_string()),
        Claim::Slug(slug, agreement) => (keys::slug(slug), agreement.to_string()),
        Claim::Plan(plan, agreement) => (keys::plan(*plan), agreement.to_string()),
        Claim::Title(agreement, title, plan) => (AgreementKeys(*agreement).title(title), plan.to_string()),
        Claim::Seats(prefix, plan) => (keys::seats(*prefix), plan.to_string()),
        Claim::Renewal(renewal, agreement) => (keys::renewal(*renewal), agreement.to_string()),
        Claim::PriorPlan(agreement, plan, renewal) => (AgreementKeys(*agreement).leaving(*plan), renewal.0.to_string()),
        Claim::FuturePlan(agreement, plan, renewal) => {
            (AgreementKeys(*agreement).entering(*plan), renewal.0.to_string())
        }
    }
}

/// The write of a claim, on condition that it does not exist.
fn claim(claim: &Claim) -> Write {
    let (key, target) = pointer(claim);
    Write::create(rows::pointer(&key, target))
}

fn bucket_keys(license: &ImportedLicense) -> BucketKeys {
    let ImportedLicense { placed, layout, .. } = license;
    BucketKeys { plan: placed.license.subscription_plan, bucket: bucket_of(placed.license.uuid, layout) }
}

fn place(imported: &ImportedLicense) -> Key {
    let license = &imported.placed.license;
    match imported.placed.placement {
        Placement::FreeSeat => bucket_keys(imported).free(license.uuid),
        Placement::Slot => rows::license_key(license, Home::Slot),
        Placement::Archive => rows::license_key(license, Home::Archive),
    }
}

fn item(imported: &ImportedLicense, stamp: &Stamp) -> Result<Item, StoreError> {
    let ImportedLicense { placed, agreement, layout, .. } = imported;
    let home = match placed.placement {
        Placement::FreeSeat => return rows::free_seat(&placed.license, bucket_keys(imported)),
        Placement::Slot => Home::Slot,
        Placement::Archive => Home::Archive,
    };
    rows::license(&placed.license, home, *agreement, layout, VERSION, stamp)
}

/// The alias from the learner's LMS id to the address, as activation writes it.
fn alias(license: &License, stamp: &Stamp) -> Option<(Key, Item)> {
    let license = license.status.is_live().then_some(license)?;
    let (user, email): (_, &EmailAddress) = (license.lms_user_id?, license.user_email.as_ref()?);
    Some((keys::alias(user, &email.key()), alias_item(user, email, stamp.at)))
}

fn bucket(counts: &BucketCounts) -> Bucket {
    let share = |count: u64| i64::try_from(count).expect("fewer licenses than an import can count");
    Bucket {
        free: counts.free,
        assigned: share(counts.assigned),
        activated: share(counts.activated),
        revoked: share(counts.revoked),
        revoked_without_person: share(counts.revoked_without_person),
        ..Bucket::default()
    }
}
