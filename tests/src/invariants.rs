//! Counts the table's own items and compares them with its counters.

use std::collections::{BTreeMap, HashMap, HashSet};

use license_domain::{
    AuditEntry, Delivery, Event, EventKind, Job, JobId, License, LicenseId, LicenseStatus, PlanId, SubscriptionPlan,
    SubscriptionPlanRenewal,
};
use license_storage_dynamodb::{
    Store,
    testing::{
        keys::{BucketKeys, Item, Key},
        rows::{self, Bucket, attributes},
        table_of,
    },
};

/// Everything in the table, by kind.
#[derive(Debug, Default)]
pub struct Invariants {
    pub plans: BTreeMap<PlanId, SubscriptionPlan>,
    pub hidden: Vec<PlanId>,
    /// The runs of the renewals that hide them.
    pub hidden_by: Vec<JobId>,
    pub renewals: Vec<SubscriptionPlanRenewal>,
    /// Each plan's buckets.
    pub buckets: BTreeMap<PlanId, BTreeMap<u16, Bucket>>,
    /// Items of free seats, by their bucket's partition.
    pub free: HashMap<String, Vec<License>>,
    /// Slots: the license that a learner holds, or held last, in a plan.
    pub slots: Vec<License>,
    /// Archived licenses, and those without a person.
    pub others: Vec<License>,
    pub events: Vec<Event>,
    /// Open internal runs.
    pub internal_runs: usize,
    /// The audit trails, by their partitions.
    pub audit_trails: BTreeMap<String, Vec<AuditEntry>>,
    /// Records of mails.
    pub deliveries: Vec<Delivery>,
    /// How many items there are, except those that follow from changes later.
    pub items: usize,
    /// The size of the largest recorded outcome, in bytes.
    pub largest_outcome: usize,
}

impl Invariants {
    /// Reads the whole table.
    pub async fn take(store: &Store) -> Self {
        let table = table_of(store);
        let mut invariants = Self::default();
        let mut pages =
            table.client().scan().table_name(table.name()).consistent_read(true).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            invariants.add(item.expect("the engine responds"));
        }
        invariants
    }

    fn add(&mut self, item: Item) {
        let key = Key::of(&item).expect("every item has a key");
        let is_later = ["TRAIL#", "SENT#", "SECRET#"].iter().any(|later| key.pk.starts_with(later));
        // The first look at a plan on a day takes its counts.
        self.items += usize::from(!is_later && !key.sk.starts_with("DAY#"));
        let outcome = item.get("outcome").and_then(|outcome| outcome.as_s().ok());
        self.largest_outcome = self.largest_outcome.max(outcome.map_or(0, String::len));
        let kind = key.pk.split('#').next().unwrap_or_default().to_owned();
        match (kind.as_str(), key.sk.split('#').next().unwrap_or_default()) {
            ("AGREEMENT", "PLAN") => {
                let hidden_by = item.get(attributes::HIDDEN_BY).and_then(|run| run.as_s().ok()?.parse().ok());
                let plan: SubscriptionPlan = read(item);
                self.hidden.extend(hidden_by.map(|_: JobId| plan.uuid));
                self.hidden_by.extend(hidden_by);
                self.plans.insert(plan.uuid, plan);
            }
            ("AGREEMENT", "RENEWAL") => self.renewals.push(read(item)),
            ("POOL", "@") => {
                let mut parts = key.pk.split('#').skip(1);
                let plan: PlanId = parts.next().and_then(|plan| plan.parse().ok()).expect("a plan");
                let bucket = parts.next().and_then(|bucket| bucket.parse().ok()).expect("a number");
                self.buckets.entry(plan).or_default().insert(bucket, read(item));
            }
            ("POOL", "FREE") => self.free.entry(key.pk).or_default().push(read(item)),
            ("LEARNER", "LICENSE") if key.is_archived() => self.others.push(read(item)),
            ("LEARNER", "LICENSE") => {
                let license: License = read(item);
                let email = license.user_email.as_ref().expect("a slot names a learner");
                assert_eq!(key.pk, format!("LEARNER#{}", email.key().as_str()));
                assert_eq!(key.sk, format!("LICENSE#{}", license.subscription_plan));
                self.slots.push(license);
            }
            ("LICENSE", "@") => self.others.push(read(item)),
            ("TRAIL", _) => self.audit_trails.entry(key.pk).or_default().push(read(item)),
            ("SENT", _) => self.deliveries.push(read(item)),
            ("EVENT", _) => self.events.push(read(item)),
            ("JOB", "@") => {
                let run: Job = read(item);
                self.internal_runs += usize::from(run.is_internal && run.due().is_some());
            }
            _ => {}
        }
    }

    /// The live licenses of a plan.
    pub fn live(&self, plan: PlanId) -> impl Iterator<Item = &License> {
        self.slots.iter().filter(move |license| license.subscription_plan == plan && license.status.is_live())
    }

    /// How many licenses of the plan are in that status, counted one by one.
    pub fn rows_in(&self, plan: PlanId, status: LicenseStatus) -> u64 {
        let all = self.slots.iter().chain(&self.others);
        count(all.filter(|license| license.subscription_plan == plan && license.status == status))
    }

    /// Checks that every plan's counters agree with its items, no license exists twice, and every change of a license
    /// has its event. This holds whenever no internal run is open.
    #[track_caller]
    pub fn check(&self) {
        self.check_counts();
        self.check_renewals();
        self.check_events();
    }

    /// Checks that no plan is hidden, that processed renewals have a future plan, and that a renewed license names a
    /// copy of the same learner in the future plan; no two name the same copy.
    #[track_caller]
    pub fn check_renewals(&self) {
        assert_eq!(self.hidden, [], "hidden, though no run is under way");
        for renewal in self.renewals.iter().filter(|renewal| renewal.processed) {
            let plan = renewal.renewed_subscription_plan.expect("a plan follows");
            assert!(self.plans.contains_key(&plan) && renewal.processed_datetime.is_some(), "{renewal:?}");
        }
        let all = || self.slots.iter().chain(&self.others).chain(self.free.values().flatten());
        let by_id: HashMap<LicenseId, &License> = all().map(|license| (license.uuid, license)).collect();
        let mut copies = HashSet::new();
        for original in all().filter(|license| license.renewed_to.is_some()) {
            let copy = original.renewed_to.and_then(|copy| by_id.get(&copy)).expect("the copy is there");
            assert!(copies.insert(copy.uuid), "two licenses have the copy {}", copy.uuid);
            let key = |license: &License| license.user_email.as_ref().map(license_domain::EmailAddress::key);
            assert!(
                key(copy).is_none() || key(original).is_none() || key(copy) == key(original),
                "{original:?} is not {copy:?}"
            );
            let leaves = |renewal: &&SubscriptionPlanRenewal| {
                renewal.prior_subscription_plan == original.subscription_plan
                    && renewal.renewed_subscription_plan == Some(copy.subscription_plan)
            };
            assert_eq!(self.renewals.iter().filter(leaves).count(), 1, "no renewal made {copy:?} of {original:?}");
        }
    }

    /// Checks that every plan's counters agree with its items, and that no license exists twice.
    #[track_caller]
    pub fn check_counts(&self) {
        assert_eq!(self.internal_runs, 0, "an internal run is under way");
        for plan in self.plans.values() {
            self.check_plan(plan);
        }
    }

    #[track_caller]
    fn check_plan(&self, plan: &SubscriptionPlan) {
        let id = plan.uuid;
        let buckets = &self.buckets[&id];
        let sum = |share: fn(&Bucket) -> i64| u64::try_from(buckets.values().map(share).sum::<i64>()).expect("no debt");
        for (status, counted) in [
            (LicenseStatus::Assigned, sum(|bucket| bucket.assigned)),
            (LicenseStatus::Activated, sum(|bucket| bucket.activated)),
            (LicenseStatus::Revoked, sum(|bucket| bucket.revoked)),
        ] {
            assert_eq!(counted, self.rows_in(id, status), "{status} of {id}: counters and items differ");
        }
        let anonymous = count(self.others.iter().filter(|one| one.subscription_plan == id && one.user_email.is_none()));
        assert_eq!(sum(|bucket| bucket.revoked_without_person), anonymous);

        let untouched: u64 = buckets.values().map(|bucket| bucket.end - bucket.next).sum();
        let returned: u64 = buckets.values().map(|bucket| bucket.free).sum();
        let live = count(self.live(id));
        assert_eq!(untouched + returned + live, plan.seats.total, "{untouched} + {returned} + {live} seats of {id}");
        assert_eq!(buckets.len(), usize::from(plan.seats.buckets));

        let mut ids = HashSet::new();
        for (number, bucket) in buckets {
            let partition = BucketKeys { plan: id, bucket: *number }.partition();
            let rows = self.free.get(&partition).map_or(&[][..], Vec::as_slice);
            assert_eq!(bucket.free, count(rows.iter()), "free rows of bucket {number} of {id}");
            assert!(rows.iter().all(|row| row.status == LicenseStatus::Unassigned && row.user_email.is_none()));
            assert!(rows.iter().all(|row| ids.insert(row.uuid)), "a free seat twice in {id}");
        }
        for license in self.slots.iter().chain(&self.others).filter(|license| license.subscription_plan == id) {
            assert!(ids.insert(license.uuid), "{} twice in {id}", license.uuid);
        }
        for license in ids {
            if let Some(at) = plan.seats.prefix.ordinal(license) {
                let bucket = buckets[&at.bucket];
                assert!(at.sequence < bucket.next, "{license} is an item, but untouched for its bucket");
            }
        }
    }

    /// Checks that the changes which items show are those of the events, each once. A license that became a free seat
    /// again shows no earlier changes.
    #[track_caller]
    fn check_events(&self) {
        let mut recorded = HashSet::new();
        let changes = || self.events.iter().flat_map(|event| &event.licenses);
        // Licenses that may have a status twice.
        let reverted = self.events.iter().filter(|event| event.kind == EventKind::LicensesReverted);
        let reset: HashSet<LicenseId> = changes()
            .filter(|change| change.to == LicenseStatus::Unassigned)
            .chain(reverted.flat_map(|event| &event.licenses))
            .map(|change| change.license)
            .collect();
        for change in changes().filter(|change| !reset.contains(&change.license)) {
            if change.from != change.to {
                assert!(recorded.insert((change.license, change.to)), "two events of one change: {change:?}");
            }
        }
        // A copy gets its original's status without the changes before it.
        let copies = self.events.iter().flat_map(|event| &event.licenses).filter(|change| change.previous.is_some());
        let born_activated: HashSet<LicenseId> =
            copies.filter(|copy| copy.to == LicenseStatus::Activated).map(|copy| copy.license).collect();
        let mut happened = HashSet::new();
        for license in self.slots.iter().chain(&self.others).filter(|license| !reset.contains(&license.uuid)) {
            let was_invited = license.assigned_date.is_some() && license.auto_applied != Some(true);
            let was_invited = was_invited && !born_activated.contains(&license.uuid);
            let states = [
                (was_invited, LicenseStatus::Assigned),
                (license.activation_date.is_some(), LicenseStatus::Activated),
                (license.status == LicenseStatus::Revoked, LicenseStatus::Revoked),
            ];
            happened.extend(states.iter().filter(|(was, _)| *was).map(|(_, status)| (license.uuid, *status)));
        }
        let without_event: Vec<_> = happened.difference(&recorded).collect();
        let untrue: Vec<_> = recorded.difference(&happened).collect();
        assert!(
            without_event.is_empty() && untrue.is_empty(),
            "without an event: {without_event:?}; not so: {untrue:?}"
        );
    }
}

#[track_caller]
fn read<T: serde::de::DeserializeOwned>(item: Item) -> T {
    rows::from_item(item).expect("an item of this version")
}

fn count<'a>(licenses: impl Iterator<Item = &'a License>) -> u64 {
    licenses.fold(0, |n, _| n + 1)
}
