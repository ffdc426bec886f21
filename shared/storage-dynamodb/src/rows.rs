//! Items as they are stored: an entity's own fields, its keys, and who wrote it last.

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

/// The version of the items' shape.
pub const SCHEMA: u32 = 1;

/// How long events stay in the table: 7 days.
pub const EVENT_LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Names of attributes that expressions use.
pub mod attributes {
    /// How many times the item was written.
    pub const VERSION: &str = "version";
    /// An entity's id.
    pub const UUID: &str = "uuid";
    /// A license's status.
    pub const STATUS: &str = "status";
    /// A bucket's next sequence number.
    pub const NEXT: &str = "next";
    /// A bucket's end of sequence numbers.
    pub const END: &str = "end";
    /// A bucket's number of returned seats.
    pub const FREE: &str = "free";
    /// A bucket's share of revoked licenses that name nobody.
    pub const REVOKED_WITHOUT_PERSON: &str = "revoked_without_person";
    /// Who wrote an entity last.
    pub const CHANGED_BY: &str = "changed_by";
    /// A sequence's last number.
    pub const LAST: &str = "last";
    /// Where a pointer leads.
    pub const TARGET: &str = "target";
    /// The run that builds a plan, which is not shown until that has ended.
    pub const HIDDEN_BY: &str = "hidden_by";
    /// The run that processes a renewal.
    pub const RUN: &str = "run";
}

/// Something in DynamoDB's own form.
pub fn to_item<T: Serialize>(value: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value)
        .map_err(|error| StoreError::Corrupt { key: std::any::type_name::<T>().to_owned(), cause: error.to_string() })
}

/// Something out of DynamoDB's own form.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let key = Key::of(&item);
    serde_dynamo::from_item(item).map_err(|error| {
        let key = match key {
            Some(key) if key.is_personal() => "(a learner's item)".to_owned(),
            Some(key) => format!("{} / {}", key.pk, key.sk),
            None => "(an item without a key)".to_owned(),
        };
        StoreError::Corrupt { key, cause: scrub(&error.to_string()) }
    })
}

/// A whole number as an attribute.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have at hand")]
pub fn number(n: impl ToString) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// A text as an attribute.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have at hand")]
pub fn text(s: impl ToString) -> AttributeValue {
    AttributeValue::S(s.to_string())
}

/// Yes or no as an attribute.
pub const fn flag(b: bool) -> AttributeValue {
    AttributeValue::Bool(b)
}

/// Adds primary key, index keys and the last writer to an entity's fields.
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

/// The version that an item has (0: none was written).
pub fn version_of(item: &Item) -> u64 {
    item.get(attributes::VERSION).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// An agreement's item.
pub fn agreement(agreement: &CustomerAgreement, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    let keys = AgreementKeys(agreement.uuid);
    Ok(finish(to_item(agreement)?, &keys.agreement(), &[keys.listing()], version, stamp))
}

/// A plan's item.
pub fn plan(plan: &SubscriptionPlan, version: u64, stamp: &Stamp) -> Result<Item, StoreError> {
    let key = AgreementKeys(plan.customer_agreement).plan(plan.uuid);
    Ok(finish(to_item(plan)?, &key, &[keys::plan_listing(plan.uuid, plan.start_date)], version, stamp))
}

/// The item of a plan that a run builds: it is in no list, and readers leave it out.
pub fn hidden_plan(plan: &SubscriptionPlan, version: u64, by: JobId, stamp: &Stamp) -> Result<Item, StoreError> {
    let mut item = self::plan(plan, version, stamp)?;
    for name in keys::key_names(keys::GSI2) {
        item.remove(&name);
    }
    item.insert(attributes::HIDDEN_BY.to_owned(), text(by));
    Ok(item)
}

/// The run that an item names there.
pub fn run_in(item: &Item, attribute: &str) -> Option<JobId> {
    item.get(attribute)?.as_s().ok()?.parse().ok()
}

/// A renewal's item.
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

/// Where a pointer leads.
pub fn target<T: std::str::FromStr>(item: &Item) -> Option<T> {
    item.get(attributes::TARGET)?.as_s().ok()?.parse().ok()
}

/// The products and plan types.
pub fn product_catalog(catalog: &ProductCatalog, stamp: &Stamp) -> Result<Item, StoreError> {
    Ok(finish(to_item(catalog)?, &keys::catalog(), &[], 1, stamp))
}

/// The record of a file that was imported.
pub fn import(digest: &str, name: &str, at: Timestamp) -> Item {
    let mut item = keys::import(digest).attributes();
    item.insert("name".to_owned(), text(name));
    item.insert("imported".to_owned(), text(keys::time(at)));
    item
}

/// An event's item.
pub fn event(event: &Event) -> Result<Item, StoreError> {
    let mut item = to_item(event)?;
    item.extend(keys::event(event.id).attributes());
    item.insert(TTL.to_owned(), number(event.stamp.at.timestamp() + EVENT_LIFETIME_SECONDS));
    Ok(item)
}

/// Where a license's item lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The learner's slot in the plan.
    Slot,
    /// Beside the slot, to make room for a new license.
    Archive,
}

/// Where a license's item lives: with its learner; one that names nobody lives alone.
pub fn license_key(license: &License, home: Home) -> Key {
    let plan = license.subscription_plan;
    match (license.user_email.as_ref().map(license_domain::EmailAddress::key), home) {
        (Some(email), Home::Slot) => LearnerKeys(&email).slot(plan),
        (Some(email), Home::Archive) => LearnerKeys(&email).archived(plan, license.uuid),
        (None, _) => keys::impersonal_license(license.uuid),
    }
}

/// A license's item. It lives with its learner; one that names nobody (revoked and anonymous) lives alone.
/// Free seats have items of their own: [`free_seat`].
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

/// The agreement that a license's item names.
pub fn agreement_of_license(item: &Item) -> Option<AgreementId> {
    item.get("customer_agreement")?.as_s().ok()?.parse().ok()
}

/// A free seat that is a row because it came back, or was imported.
pub fn free_seat(license: &License, bucket: BucketKeys) -> Result<Item, StoreError> {
    let mut item = to_item(license)?;
    item.extend(bucket.free(license.uuid).attributes());
    keys::license_by_id(license.uuid).put(&mut item);
    Ok(item)
}

/// A pool bucket: which seats of it were never touched, how many came back, and its share of the plan's counts.
/// Only the sums over a plan's buckets mean something; any one share may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bucket {
    /// The first sequence number that nobody has drawn.
    pub next: u64,
    /// The first sequence number that does not exist.
    pub end: u64,
    /// The number of rows of free seats in the bucket's partition.
    pub free: u64,
    /// Raised when the plan is frozen, so that a draw that read the old numbers fails.
    pub epoch: u64,
    /// Share of assigned licenses.
    pub assigned: i64,
    /// Share of activated licenses.
    pub activated: i64,
    /// Share of revoked licenses.
    pub revoked: i64,
    /// Share of revoked licenses that name nobody.
    pub revoked_without_person: i64,
}

impl Bucket {
    /// Seats that can be drawn from it.
    pub const fn available(&self) -> u64 {
        (self.end - self.next) + self.free
    }

    /// The bucket's item.
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
