//! Parts that several transactions share: the event, changes of a slot, changes of a bucket.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use license_domain::{
    AgreementId, Changes, Consequence, CustomerAgreement, EmailKey, Event, EventKind, License, LicenseChange,
    LicenseStatus, PlanId, Portfolio, SeatLayout, Stamp, change::changes,
};

use crate::{
    Store,
    keys::{self, BucketKeys, Item, Key, LearnerKeys},
    rows::{self, Bucket, Home, attributes, number, text},
    table::{Expression, Write},
};
use license_domain::number::{to_i64, to_u64};
use license_storage::StoreError;

/// How many items of a transaction are kept free for other things than slots: buckets, the event, a chunk or plan.
pub(crate) const ROOM_FOR_OTHERS: usize = 10;

/// A learner's slot in a plan, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub license: License,
    /// The version of its item.
    pub version: u64,
}

impl Store {
    /// The existing slots of these learners in that plan.
    pub(crate) async fn slots(&self, plan: PlanId, emails: &[EmailKey]) -> Result<HashMap<EmailKey, Slot>, StoreError> {
        let keys: Vec<Key> = emails.iter().map(|email| LearnerKeys(email).slot(plan)).collect();
        let items = self.table.batch_get(&keys).await?;
        slots_in(plan, emails, items)
    }

    /// An event about licenses of a plan. What changes after the plan's renewal was processed is to be carried over.
    pub(crate) fn license_event(
        &self,
        kind: EventKind,
        portfolio: &Portfolio,
        plan: PlanId,
        licenses: Vec<LicenseChange>,
        mut consequences: Vec<Consequence>,
        stamp: &Stamp,
    ) -> Event {
        if kind.changes_holders() && portfolio.renewal_ahead(plan, stamp.at).is_some() {
            consequences.push(Consequence::CarryOver);
        }
        Event { plan: Some(plan), licenses, consequences, ..self.new_event(kind, &portfolio.agreement, stamp) }
    }

    /// An event about an agreement, with all other fields empty.
    pub(crate) fn new_event(&self, kind: EventKind, agreement: &CustomerAgreement, stamp: &Stamp) -> Event {
        Event::new(self.random.event_id(stamp.at), kind, agreement, stamp)
    }

    /// A token that makes the repetition of one transaction harmless.
    pub(crate) fn token(&self) -> String {
        self.random.uuid().to_string()
    }

    /// One of the plan's buckets, at random.
    pub(crate) fn any_bucket(&self, plan: PlanId, layout: &SeatLayout) -> BucketKeys {
        let bucket = self.random.below(u64::from(layout.buckets.max(1)));
        BucketKeys { plan, bucket: u16::try_from(bucket).expect("a number below one of 16 bits") }
    }
}

/// The slots among items that were read together.
pub(crate) fn slots_in(
    plan: PlanId,
    emails: &[EmailKey],
    mut items: HashMap<Key, Item>,
) -> Result<HashMap<EmailKey, Slot>, StoreError> {
    let mut slots = HashMap::with_capacity(items.len());
    for email in emails {
        if let Some(item) = items.remove(&LearnerKeys(email).slot(plan)) {
            let version = rows::version_of(&item)?;
            slots.insert(email.clone(), Slot { license: rows::from_item(item)?, version });
        }
    }
    Ok(slots)
}

/// The writes that put a new license into a learner's slot: one item if the slot is empty, two if a revoked license is
/// archived to make room. The first of them is the slot itself.
pub(crate) fn occupy(
    license: &License,
    before: Option<&Slot>,
    agreement: AgreementId,
    layout: &SeatLayout,
    stamp: &Stamp,
) -> Result<Vec<Write>, StoreError> {
    let Some(before) = before else {
        return Ok(vec![Write::create(rows::license(license, Home::Slot, agreement, layout, 1, stamp)?)]);
    };
    let old = &before.license;
    let condition = Expression::new("#uuid = :old AND #status = :revoked")
        .name(attributes::UUID)
        .name(attributes::STATUS)
        .value("old", text(old.uuid))
        .value("revoked", text(LicenseStatus::Revoked));
    let slot = rows::license(license, Home::Slot, agreement, layout, before.version + 1, stamp)?;
    let archived = rows::license(old, Home::Archive, agreement, layout, before.version + 1, stamp)?;
    Ok(vec![Write::Put { item: slot, condition: Some(condition) }, Write::create(archived)])
}

/// The attributes that a change of a license sets, if its key stays the same.
pub(crate) fn change_in_place(
    key: Key,
    seen: &License,
    after: &License,
    layout: &SeatLayout,
    stamp: &Stamp,
) -> Result<Write, StoreError> {
    let before = rows::to_item(seen)?;
    let mut set: Vec<(String, AttributeValue)> =
        rows::to_item(after)?.into_iter().filter(|(name, value)| before.get(name) != Some(value)).collect();
    let email = after.user_email.as_ref().map(license_domain::EmailAddress::key);
    let shard = layout.list_shard(after.uuid);
    let listing = keys::license_listing(after.subscription_plan, shard, after.status, email.as_ref(), after.uuid);
    set.extend(listing.pairs().map(|(name, value)| (name, AttributeValue::S(value))));
    set.push(("changed_by".to_owned(), text(&stamp.actor)));
    set.push(("changed_for".to_owned(), text(&stamp.reason)));
    set.push(("request_id".to_owned(), text(&stamp.request_id)));
    set.sort_by(|a, b| a.0.cmp(&b.0));

    let mut terms = Expression::default()
        .name(attributes::VERSION)
        .name(attributes::UUID)
        .name(attributes::STATUS)
        .value("one", number(1))
        .value("seen", text(seen.uuid))
        .value("from", text(seen.status));
    let mut update = "SET #version = #version + :one".to_owned();
    for (n, (name, value)) in set.into_iter().enumerate() {
        update.extend([", ", &format!("#a{n}"), " = ", &format!(":a{n}")]);
        terms.names.insert(format!("#a{n}"), name);
        terms.values.insert(format!(":a{n}"), value);
    }
    let condition = Some("#uuid = :seen AND #status = :from".to_owned());
    Ok(Write::Update { key, update, condition, terms })
}

/// A change of one bucket: what is added to its counters, and which seats are taken from it or returned to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BucketChange {
    /// Change of assigned licenses.
    pub assigned: i64,
    /// Change of activated licenses.
    pub activated: i64,
    /// Change of revoked licenses.
    pub revoked: i64,
    /// Change of revoked licenses that name no person.
    pub revoked_without_person: i64,
    /// New seats at the end.
    pub grown: u64,
    /// Returned seats as items (negative: items that were taken).
    pub free: i64,
    /// Untouched seats that are allocated: the first number seen, and how many.
    pub untouched_taken: Option<(u64, u64)>,
    /// The epoch that was seen, if items are taken.
    pub epoch: Option<u64>,
}

impl BucketChange {
    /// Counts so many licenses of that status more; unassigned ones are returned seats.
    pub(crate) const fn count(&mut self, status: LicenseStatus, licenses: i64) {
        match status {
            LicenseStatus::Assigned => self.assigned += licenses,
            LicenseStatus::Activated => self.activated += licenses,
            LicenseStatus::Revoked => self.revoked += licenses,
            LicenseStatus::Unassigned => self.free += licenses,
        }
    }

    /// The write of the change. Only allocations have conditions.
    pub(crate) fn write(self, at: BucketKeys) -> Write {
        let mut sets: Vec<&str> = Vec::new();
        let mut adds: Vec<String> = Vec::new();
        let mut conditions: Vec<&str> = Vec::new();
        let mut terms = Expression::default();
        let shares = [
            (LicenseStatus::Assigned, self.assigned),
            (LicenseStatus::Activated, self.activated),
            (LicenseStatus::Revoked, self.revoked),
        ];
        for (status, change) in shares {
            if let (Some(counter), true) = (Bucket::counter(status), change != 0) {
                adds.push(format!("#{counter} :{counter}"));
                terms = terms.name(counter).value(counter, number(change));
            }
        }
        if self.revoked_without_person != 0 {
            adds.push("#anonymous :anonymous".to_owned());
            terms.names.insert("#anonymous".to_owned(), attributes::REVOKED_WITHOUT_PERSON.to_owned());
            terms = terms.value("anonymous", number(self.revoked_without_person));
        }
        if self.grown > 0 {
            adds.push("#end :grown".to_owned());
            terms = terms.name(attributes::END).value("grown", number(self.grown));
        }
        if self.free != 0 {
            adds.push("#free :free".to_owned());
            terms = terms.name(attributes::FREE).value("free", number(self.free));
        }
        if self.free < 0 {
            conditions.push("#free >= :taken");
            terms = terms.value("taken", number(-self.free));
        }
        if let Some((from, n)) = self.untouched_taken {
            sets.push("#next = :upto");
            conditions.push("#next = :from AND #end >= :upto");
            terms = terms
                .name(attributes::NEXT)
                .name(attributes::END)
                .value("from", number(from))
                .value("upto", number(from + n));
        }
        if let Some(epoch) = self.epoch {
            conditions.push("#epoch = :epoch");
            terms = terms.name("epoch").value("epoch", number(epoch));
        }
        let mut update = String::new();
        if !sets.is_empty() {
            update.extend(["SET ", &sets.join(", "), " "]);
        }
        if !adds.is_empty() {
            update.extend(["ADD ", &adds.join(", ")]);
        }
        let condition = (!conditions.is_empty()).then(|| conditions.join(" AND "));
        Write::Update { key: at.bucket(), update, condition, terms }
    }
}

/// The changed fields of an agreement, plan or renewal, without those that every change sets.
pub(crate) fn record_changes<T: serde::Serialize>(before: Option<&T>, after: Option<&T>) -> Changes {
    changes(before, after, &["modified"])
}

/// Signed, for counters.
pub(crate) fn signed(n: usize) -> i64 {
    to_i64(to_u64(n))
}
