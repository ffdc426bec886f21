//! Items as they are stored: an entity's own fields, its keys, and its last change.

use aws_sdk_dynamodb::types::AttributeValue;
use license_domain::{
    AgreementId, CustomerAgreement, Event, JobId, License, LicenseStatus, PlanId, ProductCatalog, SeatLayout, Stamp,
    SubscriptionPlan, SubscriptionPlanRenewal, Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failures::scrub,
    keys::{self, AgreementKeys, BucketKeys, IndexKey, Item, Key, LearnerKeys, TTL},
};
use license_storage::StoreError;

/// The version of the items' format.
pub const SCHEMA: u32 = 1;

/// How long events stay in the table: 7 days.
pub const EVENT_LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Names of attributes that expressions use.
pub mod attributes {
    /// How many times the item was written.
    pub const VERSION: &str = "version";
    pub const UUID: &str = "uuid";
    pub const STATUS: &str = "status";
    /// A bucket's next sequence number.
    pub const NEXT: &str = "next";
    /// A bucket's end of sequence numbers.
    pub const END: &str = "end";
    /// A bucket's number of returned seats.
    pub const FREE: &str = "free";
    /// A bucket's count of revoked licenses that name no person.
    pub const REVOKED_WITHOUT_PERSON: &str = "revoked_without_person";
    /// Who wrote an entity last.
    pub const CHANGED_BY: &str = "changed_by";
    /// The last number of a sequence.
    pub const LAST: &str = "last";
    /// The target of a pointer.
    pub const TARGET: &str = "target";
    /// The run that builds a hidden plan. The plan is hidden until the run has ended.
    pub const HIDDEN_BY: &str = "hidden_by";
    /// The run that processes a renewal.
    pub const RUN: &str = "run";
}

/// Converts a value to an item.
pub fn to_item<T: Serialize>(value: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value)
        .map_err(|error| StoreError::Corrupt { key: std::any::type_name::<T>().to_owned(), cause: error.to_string() })
}

/// Converts an item to a value.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let key = Key::of(&item);
    serde_dynamo::from_item(item).map_err(|error| corrupt(key, &error))
}

/// An item that is not what its key says.
pub(crate) fn corrupt(key: Option<Key>, error: &dyn std::fmt::Display) -> StoreError {
    let key = match key {
        Some(key) if key.is_personal() => "(a learner's item)".to_owned(),
        Some(key) => format!("{} / {}", key.pk, key.sk),
        None => "(an item without a key)".to_owned(),
    };
    StoreError::Corrupt { key, cause: scrub(&error.to_string()) }
}

/// A whole number as an attribute.
#[expect(clippy::needless_pass_by_value, reason = "callers pass values of many types")]
pub fn number(n: impl ToString) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// A text as an attribute.
#[expect(clippy::needless_pass_by_value, reason = "callers pass values of many types")]
pub fn text(s: impl ToString) -> AttributeValue {
    AttributeValue::S(s.to_string())
}

/// A boolean as an attribute.
pub const fn flag(b: bool) -> AttributeValue {
    AttributeValue::Bool(b)
}

/// Adds the primary key, index keys and the last change to an entity's fields.
fn finish(mut item: Item, key: &Key, indexes: &[IndexKey], version: u64, stamp: &Stamp) -> Item {
    item.extend(key.attributes());
    for index in indexes {
        index.put(&mut item);
    }
    item.insert(attributes::VERSION.to_owned(), number(version));
    item.insert("schema".to_owned(), number(SCHEMA));
    item.insert(attributes::CHANGED_BY.to_owned(), text(&stamp.actor));
    item.insert("changed_for".to_owned(), text(&stamp.reason));
    item.insert("request_id".to_owned(), text(&stamp.request_id));
    item
}

/// The version of an entity's item. An item without one is damaged: no condition on it would ever hold.
pub fn version_of(item: &Item) -> Result<u64, StoreError> {
    parsed(item, attributes::VERSION, |value| value.as_n().ok()?.parse().ok())
}

/// An attribute that every item of this form has.
fn parsed<T>(item: &Item, name: &str, parse: impl FnOnce(&AttributeValue) -> Option<T>) -> Result<T, StoreError> {
    item.get(name).and_then(parse).ok_or_else(|| corrupt(Key::of(item), &format!("{name} is missing or unreadable")))
}

pub fn agreement(agreement: &CustomerAgreement, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    let keys = AgreementKeys(agreement.uuid);
    Ok(finish(to_item(agreement)?, &keys.agreement(), &[keys.listing()], version, stamp))
}

pub fn plan(plan: &SubscriptionPlan, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    let key = AgreementKeys(plan.customer_agreement).plan(plan.uuid);
    // A plan that was changed is looked at soon; that look says when the next one is.
    let indexes = [keys::plan_listing(plan.uuid, plan.start_date), keys::due_plan(plan.modified, 0)];
    Ok(finish(to_item(plan)?, &key, &indexes, version, stamp))
}

/// The item of a plan that a run builds: it is in no list and not looked at, and readers skip it.
pub fn hidden_plan(plan: &SubscriptionPlan, version: u64, by: JobId, stamp: &Stamp) -> Result<Item, StoreError> {
    let mut item = self::plan(plan, version, stamp)?;
    for name in [keys::GSI2, keys::GSI3].into_iter().flat_map(keys::key_names) {
        item.remove(&name);
    }
    item.insert(attributes::HIDDEN_BY.to_owned(), text(by));
    Ok(item)
}

/// The run that the item's attribute names, if it has that attribute.
pub fn run_in(item: &Item, attribute: &str) -> Result<Option<JobId>, StoreError> {
    let run = |value: &AttributeValue| value.as_s().ok()?.parse().ok();
    item.contains_key(attribute).then(|| parsed(item, attribute, run)).transpose()
}

pub fn renewal(renewal: &SubscriptionPlanRenewal, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    let key = AgreementKeys(renewal.customer_agreement).renewal(renewal.id);
    Ok(finish(to_item(renewal)?, &key, &[keys::renewal_listing(renewal.id)], version, stamp))
}

/// A pointer: a unique name that leads to an id.
pub fn pointer(key: &Key, target: impl ToString) -> Item {
    let mut item = key.attributes();
    item.insert(attributes::TARGET.to_owned(), text(target));
    item
}

/// The target of a pointer.
pub fn target<T: std::str::FromStr>(item: &Item) -> Result<T, StoreError> {
    parsed(item, attributes::TARGET, |value| value.as_s().ok()?.parse().ok())
}

/// The products and plan types.
pub fn product_catalog(catalog: &ProductCatalog, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    Ok(finish(to_item(catalog)?, &keys::catalog(), &[], version, stamp))
}

/// The record of an imported file.
pub fn import(digest: &str, name: &str, at: Timestamp) -> Item {
    let mut item = keys::import(digest).attributes();
    item.insert("name".to_owned(), text(name));
    item.insert("imported".to_owned(), text(keys::time(at)));
    item
}

pub fn event(event: &Event) -> Result<Item, StoreError> {
    let mut item = to_item(event)?;
    item.extend(keys::event(event.id).attributes());
    item.insert(TTL.to_owned(), number(event.stamp.at.timestamp() + EVENT_LIFETIME_SECONDS));
    Ok(item)
}

/// Where a license's item is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The learner's slot in the plan.
    Slot,
    /// Archived beside the slot, to make room for a new license.
    Archive,
}

/// The key of a license's item: in its learner's partition, or in one of its own if it names no person.
pub fn license_key(license: &License, home: Home) -> Key {
    let plan = license.subscription_plan;
    match (license.user_email.as_ref().map(license_domain::EmailAddress::key), home) {
        (Some(email), Home::Slot) => LearnerKeys(&email).slot(plan),
        (Some(email), Home::Archive) => LearnerKeys(&email).archived(plan, license.uuid),
        (None, _) => keys::impersonal_license(license.uuid),
    }
}

/// A license's item. It is in its learner's partition; one that names no person (revoked and anonymized) is in a
/// partition of its own. Free seats have other items: [`free_seat`].
pub fn license(
    license: &License,
    home: Home,
    agreement: AgreementId,
    layout: &SeatLayout,
    version: u64,
    stamp: &Stamp,
) -> Result<Item, StoreError> {
    let email = license.user_email.as_ref().map(license_domain::EmailAddress::key);
    let plan = license.subscription_plan;
    let key = license_key(license, home);
    let shard = layout.list_shard(license.uuid);
    let indexes = [
        keys::license_listing(plan, shard, license.status, email.as_ref(), license.uuid),
        keys::license_by_id(license.uuid),
    ];
    let mut item = finish(to_item(license)?, &key, &indexes, version, stamp);
    item.insert("customer_agreement".to_owned(), text(agreement));
    Ok(item)
}

/// The agreement in a license's item.
pub fn agreement_of_license(item: &Item) -> Result<AgreementId, StoreError> {
    parsed(item, "customer_agreement", |value| value.as_s().ok()?.parse().ok())
}

/// The item of a free seat that was returned or imported.
pub fn free_seat(license: &License, bucket: BucketKeys) -> Result<Item, StoreError> {
    let mut item = to_item(license)?;
    item.extend(bucket.free(license.uuid).attributes());
    keys::license_by_id(license.uuid).put(&mut item);
    Ok(item)
}

/// A bucket: its untouched seats, the number of its returned seats, and its part of the plan's counts. Only the sums
/// over a plan's buckets are meaningful; a single counter may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bucket {
    /// The first sequence number that was not allocated.
    pub next: u64,
    /// The first sequence number that does not exist.
    pub end: u64,
    /// The number of items of free seats in the bucket's partition.
    pub free: u64,
    /// Raised when the plan is frozen, so that an allocation that read the old numbers fails.
    pub epoch: u64,
    /// Assigned licenses.
    pub assigned: i64,
    /// Activated licenses.
    pub activated: i64,
    /// Revoked licenses.
    pub revoked: i64,
    /// Revoked licenses that name no person.
    pub revoked_without_person: i64,
}

impl Bucket {
    /// How many seats can be allocated from it.
    pub const fn available(&self) -> u64 {
        (self.end - self.next) + self.free
    }

    pub fn item(&self, at: BucketKeys) -> Result<Item, StoreError> {
        let mut item = to_item(self)?;
        item.extend(at.bucket().attributes());
        Ok(item)
    }

    /// The attribute that counts licenses of that status.
    pub const fn counter(status: LicenseStatus) -> Option<&'static str> {
        match status {
            LicenseStatus::Activated => Some("activated"),
            LicenseStatus::Assigned => Some("assigned"),
            LicenseStatus::Revoked => Some("revoked"),
            LicenseStatus::Unassigned => None,
        }
    }
}

/// The keys of all buckets of a plan.
pub fn buckets_of(plan: PlanId, layout: &SeatLayout) -> impl Iterator<Item = BucketKeys> {
    (0..layout.buckets).map(move |bucket| BucketKeys { plan, bucket })
}
