//! The sums of a segment of the table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use license_domain::{
    CustomerAgreement, Job, License, LicenseStatus, PlanId, SeatPrefix, SubscriptionPlan, SubscriptionPlanRenewal,
    Timestamp,
    number::{to_i64, to_u64},
};
use license_storage::{CheckReport, Problem, ProblemKind};
use serde::de::DeserializeOwned;

use super::{marks::Marks, problem};
use crate::{
    keys::{self, AgreementKeys, AgreementPart, BucketKeys, FREE_PREFIX, Item, JobKeys, Key},
    rows::{self, Bucket, Home, attributes},
};

/// A unique name and its target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pointer {
    pub(super) key: Key,
    pub(super) target: String,
}

/// The licenses of one plan that are items.
#[derive(Clone, Copy, Debug, Default)]
struct Licenses {
    assigned: u64,
    activated: u64,
    revoked: u64,
    revoked_without_person: u64,
}

/// What one bucket contains.
#[derive(Clone, Copy, Debug, Default)]
struct InBucket {
    counters: Option<Bucket>,
    returned: u64,
}

/// The sums of a segment.
#[derive(Debug)]
pub(super) struct Tally {
    limit: usize,
    items: u64,
    licenses: u64,
    plans: BTreeMap<PlanId, SubscriptionPlan>,
    /// Plans that a run is building, or of which an internal run has reserved seats.
    under_way: BTreeSet<PlanId>,
    counts: HashMap<PlanId, Licenses>,
    buckets: HashMap<(PlanId, u16), InBucket>,
    /// The highest seat of each bucket that has an item, by the prefix of its id.
    touched: HashMap<(SeatPrefix, u16), u64>,
    wanted: BTreeSet<Pointer>,
    found: BTreeMap<Key, String>,
    pub(super) marks: Marks,
    problems: Vec<Problem>,
    more: u64,
    busy: u64,
}

impl Tally {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            items: 0,
            licenses: 0,
            plans: BTreeMap::new(),
            under_way: BTreeSet::new(),
            counts: HashMap::new(),
            buckets: HashMap::new(),
            touched: HashMap::new(),
            wanted: BTreeSet::new(),
            found: BTreeMap::new(),
            marks: Marks::default(),
            problems: Vec::new(),
            more: 0,
            busy: 0,
        }
    }

    fn complain(&mut self, problem: Problem) {
        if self.problems.len() < self.limit {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn complain_all(&mut self, problems: impl Iterator<Item = Problem>) {
        for problem in problems {
            self.complain(problem);
        }
    }

    pub(super) fn into_report(mut self) -> CheckReport {
        self.problems.sort();
        CheckReport {
            items: self.items,
            plans: to_u64(self.plans.len()),
            licenses: self.licenses,
            busy_plans: self.busy,
            problems: self.problems,
            more_problems: self.more,
        }
    }

    /// Adds the sums of another segment.
    pub(super) fn merge(&mut self, other: Self) {
        self.items += other.items;
        self.licenses += other.licenses;
        self.more += other.more;
        self.plans.extend(other.plans);
        self.under_way.extend(other.under_way);
        self.wanted.extend(other.wanted);
        self.found.extend(other.found);
        self.marks.merge(other.marks);
        for (plan, more) in other.counts {
            let counts = self.counts.entry(plan).or_default();
            counts.assigned += more.assigned;
            counts.activated += more.activated;
            counts.revoked += more.revoked;
            counts.revoked_without_person += more.revoked_without_person;
        }
        for (at, more) in other.buckets {
            let bucket = self.buckets.entry(at).or_default();
            bucket.counters = bucket.counters.or(more.counters);
            bucket.returned += more.returned;
        }
        for (at, sequence) in other.touched {
            let highest = self.touched.entry(at).or_default();
            *highest = sequence.max(*highest);
        }
        self.complain_all(other.problems.into_iter());
    }

    pub(super) fn add(&mut self, item: Item) {
        self.items += 1;
        let Some(key) = Key::of(&item) else { return };
        let kind = key.pk.split('#').next().unwrap_or_default();
        match kind {
            "AGREEMENT" => self.add_portfolio_part(&key, item),
            "POOL" => self.add_seat(&key, item),
            "LEARNER" if key.sk.starts_with(keys::LICENSE_PREFIX) => self.add_license(&key, item),
            "LICENSE" => self.add_license(&key, item),
            "ENT" | "SLUG" | "PLAN" | "RENEWAL" | "SEATS" => self.add_pointer(key, &item),
            "TRAIL" => self.marks.add_trail(&key),
            "ROSTER" => self.marks.add_roster(&item),
            "JOB" if JobKeys::of_partition(&key.pk).is_some_and(|job| job.job() == key) => self.add_run(&key, item),
            _ => {}
        }
    }

    fn add_pointer(&mut self, key: Key, item: &Item) {
        if let Ok(target) = rows::target::<String>(item) {
            self.found.insert(key, target);
        }
    }

    fn want(&mut self, key: Key, target: &impl ToString) {
        self.wanted.insert(Pointer { key, target: target.to_string() });
    }

    fn read<T: DeserializeOwned>(&mut self, what: &impl ToString, item: Item) -> Option<T> {
        match rows::from_item(item) {
            Ok(value) => Some(value),
            Err(error) => {
                self.complain(problem(ProblemKind::Unreadable, what, error.to_string()));
                None
            }
        }
    }

    fn add_portfolio_part(&mut self, key: &Key, item: Item) {
        let what = format!("{} / {}", key.pk, key.sk);
        match AgreementPart::of(key) {
            AgreementPart::Agreement => {
                let Some(agreement) = self.read::<CustomerAgreement>(&what, item) else { return };
                self.want(keys::enterprise(agreement.enterprise_customer_uuid), &agreement.uuid);
                if let Some(slug) = &agreement.enterprise_customer_slug {
                    self.want(keys::slug(slug), &agreement.uuid);
                }
            }
            AgreementPart::Plan => {
                let is_hidden = item.contains_key(attributes::HIDDEN_BY);
                let changed_by = item.get(attributes::CHANGED_BY).and_then(|actor| actor.as_s().ok()).cloned();
                let Some(plan) = self.read::<SubscriptionPlan>(&what, item) else { return };
                self.want(keys::plan(plan.uuid), &plan.customer_agreement);
                self.want(keys::seats(plan.seats.prefix), &plan.uuid);
                self.want(AgreementKeys(plan.customer_agreement).title(&plan.title), &plan.uuid);
                self.marks.add_plan(plan.uuid, changed_by.as_deref());
                if is_hidden {
                    self.under_way.insert(plan.uuid);
                }
                self.plans.insert(plan.uuid, plan);
            }
            AgreementPart::Renewal => {
                let Some(renewal) = self.read::<SubscriptionPlanRenewal>(&what, item) else { return };
                let agreement = AgreementKeys(renewal.customer_agreement);
                self.want(keys::renewal(renewal.id), &renewal.customer_agreement);
                self.want(agreement.leaving(renewal.prior_subscription_plan), &renewal.id.0);
                if let Some(future) = renewal.renewed_subscription_plan {
                    self.want(agreement.entering(future), &renewal.id.0);
                }
            }
            AgreementPart::Other if key.sk.starts_with(keys::WEBHOOK_PREFIX) => {}
            AgreementPart::Other => self.add_pointer(key.clone(), &item),
        }
    }

    fn add_run(&mut self, key: &Key, item: Item) {
        let Some(run) = self.read::<Job>(&format!("{} / {}", key.pk, key.sk), item) else { return };
        if run.due().is_some() {
            self.under_way.extend(run.subscription_plan);
        }
    }

    fn add_seat(&mut self, key: &Key, item: Item) {
        let mut parts = key.pk.split('#').skip(1);
        let place = (|| Some((parts.next()?.parse::<PlanId>().ok()?, parts.next()?.parse::<u16>().ok()?)))();
        let Some(at) = place else { return };
        if key.sk.starts_with(FREE_PREFIX) {
            self.buckets.entry(at).or_default().returned += 1;
            let Some(license) = self.read::<License>(&key.sk, item) else { return };
            self.licenses += 1;
            self.marks.add_license(license.uuid);
            let is_free = license.status == LicenseStatus::Unassigned && license.user_email.is_none();
            let place = BucketKeys { plan: license.subscription_plan, bucket: at.1 }.free(license.uuid);
            if !is_free || place != *key {
                let detail = "a returned seat that is not free, or of another plan or bucket";
                self.complain(problem(ProblemKind::Misplaced, &license.uuid, detail));
            }
        } else if let Some(bucket) = self.read::<Bucket>(&key.pk, item) {
            self.buckets.entry(at).or_default().counters = Some(bucket);
        }
    }

    fn add_license(&mut self, key: &Key, item: Item) {
        let listed = keys::sort_key_in(&item, keys::GSI1).map(str::to_owned);
        let by_id = keys::sort_key_in(&item, keys::GSI3).map(str::to_owned);
        let Some(license) = self.read::<License>(&"(a learner's license)", item) else { return };
        self.licenses += 1;
        self.marks.add_license(license.uuid);
        let home = if key.is_archived() { Home::Archive } else { Home::Slot };
        if rows::license_key(&license, home) != *key {
            let detail = "it does not lie with its learner and plan";
            self.complain(problem(ProblemKind::Misplaced, &license.uuid, detail));
        }
        if key.is_archived() && license.status != LicenseStatus::Revoked {
            self.complain(problem(ProblemKind::Misplaced, &license.uuid, "it is archived and not revoked"));
        }
        let is_found = listed.as_deref() == Some(&keys::list_key(&license))
            && by_id.is_some_and(|id| id == license.uuid.to_string());
        if !is_found {
            let detail = "the indexes do not have it under its status, learner and id";
            self.complain(problem(ProblemKind::Misplaced, &license.uuid, detail));
        }
        let counts = self.counts.entry(license.subscription_plan).or_default();
        match license.status {
            LicenseStatus::Assigned => counts.assigned += 1,
            LicenseStatus::Activated => counts.activated += 1,
            LicenseStatus::Revoked => {
                counts.revoked += 1;
                counts.revoked_without_person += u64::from(license.user_email.is_none());
            }
            LicenseStatus::Unassigned => {
                self.complain(problem(ProblemKind::Misplaced, &license.uuid, "a free seat in a learner's slot"));
            }
        }
        self.touch(&license);
    }

    /// Records the seat, if its id may be that of a numbered seat: to which plan the prefix belongs is known when all
    /// plans are read.
    fn touch(&mut self, license: &License) {
        let Some(prefix) = SeatPrefix::of(license.uuid) else { return };
        let Some(at) = prefix.ordinal(license.uuid) else { return };
        // Other ids can look like those of numbered seats: their prefix belongs to no plan.
        let highest = self.touched.entry((prefix, at.bucket)).or_default();
        *highest = at.sequence.max(*highest);
    }

    /// Compares all sums; the pointers that are missing are returned, because they can be repaired.
    pub(super) fn compare(&mut self, is_busy: impl Fn(PlanId) -> bool, now: Timestamp) -> Vec<(Pointer, Problem)> {
        let plans = std::mem::take(&mut self.plans);
        let marks = self.marks.problems(&plans, now);
        self.complain_all(marks.into_iter());
        for plan in plans.values() {
            if self.under_way.contains(&plan.uuid) || is_busy(plan.uuid) {
                self.busy += 1;
            } else {
                self.compare_plan(plan);
            }
        }
        let orphans: BTreeSet<PlanId> = self
            .counts
            .keys()
            .chain(self.buckets.keys().map(|(plan, _)| plan))
            .filter(|plan| !plans.contains_key(*plan))
            .copied()
            .collect();
        for plan in orphans {
            self.complain(problem(ProblemKind::Orphan, &plan, "it has licenses or buckets, and is not there"));
        }
        self.plans = plans;
        self.compare_pointers()
    }

    fn compare_pointers(&mut self) -> Vec<(Pointer, Problem)> {
        let mut missing = Vec::new();
        let wanted = std::mem::take(&mut self.wanted);
        for pointer in &wanted {
            let what = format!("{} / {}", pointer.key.pk, pointer.key.sk);
            match self.found.get(&pointer.key) {
                Some(target) if *target == pointer.target => {}
                Some(target) => {
                    let detail = format!("it leads to {target}, and should lead to {}", pointer.target);
                    self.complain(problem(ProblemKind::WrongPointer, &what, detail));
                }
                None => {
                    let detail = format!("it should lead to {}", pointer.target);
                    missing.push((pointer.clone(), problem(ProblemKind::MissingPointer, &what, detail)));
                }
            }
        }
        let keys: BTreeSet<&Key> = wanted.iter().map(|pointer| &pointer.key).collect();
        let found = std::mem::take(&mut self.found);
        for (key, target) in found.iter().filter(|(key, _)| !keys.contains(key)) {
            let detail = format!("it leads to {target}, where nothing has that name");
            self.complain(problem(ProblemKind::WrongPointer, &format!("{} / {}", key.pk, key.sk), detail));
        }
        missing
    }

    fn compare_plan(&mut self, plan: &SubscriptionPlan) {
        let id = plan.uuid;
        let counts = self.counts.get(&id).copied().unwrap_or_default();
        let (mut sums, mut untouched, mut returned, mut problems) = (Bucket::default(), 0, 0, Vec::new());
        for number in 0..plan.seats.buckets {
            let bucket = self.buckets.get(&(id, number)).copied().unwrap_or_default();
            let Some(counters) = bucket.counters else {
                problems.push(problem(ProblemKind::Bucket, &id, format!("bucket {number} is not there")));
                continue;
            };
            sums.assigned += counters.assigned;
            sums.activated += counters.activated;
            sums.revoked += counters.revoked;
            sums.revoked_without_person += counters.revoked_without_person;
            untouched += counters.end.saturating_sub(counters.next);
            returned += counters.free;
            let touched = self.touched.get(&(plan.seats.prefix, number)).copied();
            if let Some(sequence) = touched.filter(|sequence| *sequence >= counters.next) {
                let detail = format!("seat {sequence} of bucket {number} is a license, and was never allocated");
                problems.push(problem(ProblemKind::UntouchedSeat, &id, detail));
            }
            if counters.free != bucket.returned {
                let detail =
                    format!("bucket {number} counts {} returned seats, {} are there", counters.free, bucket.returned);
                problems.push(problem(ProblemKind::ReturnedSeats, &id, detail));
            }
        }
        for (status, counted, found) in [
            ("assigned", sums.assigned, counts.assigned),
            ("activated", sums.activated, counts.activated),
            ("revoked", sums.revoked, counts.revoked),
            ("revoked and anonymous", sums.revoked_without_person, counts.revoked_without_person),
        ] {
            if counted != to_i64(found) {
                let detail = format!("{status}: its counters say {counted}, {found} are there");
                problems.push(problem(ProblemKind::Counter, &id, detail));
            }
        }
        let seats = untouched + returned + counts.assigned + counts.activated;
        if seats != plan.seats.total {
            let detail = format!("{seats} seats are there, its total is {}", plan.seats.total);
            problems.push(problem(ProblemKind::Total, &id, detail));
        }
        self.complain_all(problems.into_iter());
    }
}
