//! The first pass: every row is checked, and what the second pass must know of all rows together is kept.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU64,
};

use license_domain::{
    AgreementId, CustomerAgreement, License, LicenseId, LicenseSource, LicenseStatus, PlanId, PlanType, Product,
    RenewalId, RoleGrant, RoleName, Scope, SeatLayout, SeatPrefix, SubscriptionPlan, SubscriptionPlanRenewal,
    Timestamp, agreement::ExpirationMessaging,
};
use license_storage_dynamodb::rows::Home;

use super::{
    Progress,
    dump::{Dump, Row},
    fields::{self, Reading},
    report::{BadRow, ImportError},
};

/// After how many rows something is said.
pub const STEP: u64 = 25_000;

/// What the files hold, but for the licenses themselves.
#[derive(Debug, Default)]
pub struct Survey {
    pub agreements: BTreeMap<AgreementId, CustomerAgreement>,
    pub plans: BTreeMap<PlanId, SubscriptionPlan>,
    pub renewals: BTreeMap<RenewalId, SubscriptionPlanRenewal>,
    pub products: BTreeMap<i64, Product>,
    pub plan_types: BTreeMap<i64, PlanType>,
    pub superusers: Vec<String>,
    pub grants: Vec<(String, RoleGrant)>,
    pub sources: HashMap<LicenseId, LicenseSource>,
    pub skipped: BTreeMap<String, u64>,
    pub warnings: Vec<String>,
    pub bad: Vec<BadRow>,
    /// Where each agreement, plan and so on was found, to complain about later.
    places: HashMap<String, BadRow>,
    holders: HashMap<Holder, Winner>,
    duplicates: Vec<(LicenseId, Holder)>,
    licenses: HashSet<LicenseId>,
    tallies: HashMap<PlanId, Tally>,
    waiting: Waiting,
}

/// Rows that name others, which may come later.
#[derive(Debug, Default)]
struct Waiting {
    renewals: Vec<(Row, Dump)>,
    messaging: Vec<(AgreementId, ExpirationMessaging, BadRow)>,
    sources: Vec<(fields::SourceOf, BadRow)>,
    source_types: HashMap<i64, String>,
    users: HashMap<i64, String>,
    roles: HashMap<i64, String>,
    assignments: Vec<(fields::AssignedRole, BadRow)>,
}

/// How many licenses of a plan there are.
#[derive(Debug)]
struct Tally {
    /// Those that are not revoked.
    total: u64,
    all: u64,
    first: BadRow,
}

/// A learner in a plan: a digest, as addresses take more room.
type Holder = (u64, Option<NonZeroU64>);

/// The license that has the learner's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Winner {
    license: LicenseId,
    is_live: bool,
    rank: Rank,
}

/// Activated before assigned before revoked; then the newest.
type Rank = (u8, Option<Timestamp>);

fn holder(license: &License) -> Option<Holder> {
    let email = license.user_email.as_ref()?.key();
    let digest = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, license.subscription_plan, email.as_str()).hash(&mut hasher);
        hasher.finish()
    };
    Some((digest(0), NonZeroU64::new(digest(1))))
}

fn rank(license: &License) -> Rank {
    match license.status {
        LicenseStatus::Activated => (2, license.assigned_date),
        LicenseStatus::Assigned => (1, license.assigned_date),
        LicenseStatus::Revoked | LicenseStatus::Unassigned => (0, license.revoked_date),
    }
}

impl Survey {
    /// Reads a whole file.
    pub async fn read(&mut self, dump: &Dump, progress: Progress<'_>) -> Result<(), ImportError> {
        let mut heaps = dump.rows();
        while let Some(heap) = heaps.recv().await {
            for row in heap? {
                if row.number.is_multiple_of(STEP) {
                    progress(&format!("{}: {} rows checked", dump.name(), row.number));
                }
                self.row(dump, row);
            }
        }
        Ok(())
    }

    fn row(&mut self, dump: &Dump, row: Row) {
        let read = match row.model.as_str() {
            "subscriptions.license" => self.license(dump, &row),
            "subscriptions.customeragreement" => self.agreement(dump, &row),
            "subscriptions.subscriptionplan" => self.plan(dump, &row),
            "subscriptions.subscriptionplanrenewal" => {
                self.waiting.renewals.push((row, dump.clone()));
                return;
            }
            "subscriptions.customsubscriptionexpirationmessaging" => {
                fields::messaging(&row).map(|(agreement, messaging)| {
                    self.waiting.messaging.push((agreement, messaging, dump.bad(&row, "")));
                })
            }
            "subscriptions.product" => fields::product(&row).and_then(|product| {
                self.found(dump, &row, "product", &product.id);
                once(&mut self.products, product.id.0, product)
            }),
            "subscriptions.plantype" => fields::plan_type(&row).and_then(|kind| {
                self.found(dump, &row, "plan type", &kind.id);
                once(&mut self.plan_types, kind.id, kind)
            }),
            "subscriptions.subscriptionlicensesource" => fields::source(&row).map(|source| {
                self.waiting.sources.push((source, dump.bad(&row, "")));
            }),
            "subscriptions.subscriptionlicensesourcetype" => fields::source_type(&row).map(|(key, slug)| {
                self.waiting.source_types.insert(key, slug);
            }),
            "core.user" | "auth.user" => fields::user(&row).map(|(key, user)| {
                if user.is_superuser {
                    self.superusers.push(user.username.clone());
                }
                self.waiting.users.insert(key, user.username);
            }),
            "subscriptions.subscriptionsfeaturerole" => fields::role(&row).map(|(key, name)| {
                self.waiting.roles.insert(key, name);
            }),
            "subscriptions.subscriptionsroleassignment" => fields::role_assignment(&row).map(|assignment| {
                self.waiting.assignments.push((assignment, dump.bad(&row, "")));
            }),
            model => {
                *self.skipped.entry(model.to_owned()).or_default() += 1;
                return;
            }
        };
        if let Err(reason) = read {
            self.bad.push(dump.bad(&row, reason));
        }
    }

    fn license(&mut self, dump: &Dump, row: &Row) -> Reading<()> {
        let license = fields::license(row)?;
        if !self.licenses.insert(license.uuid) {
            return Err("the license is there twice".to_owned());
        }
        if license.status == LicenseStatus::Unassigned && license.user_email.is_some() {
            self.warnings.push(format!("license {} is unassigned and loses its address", license.uuid));
        }
        let tally = self.tallies.entry(license.subscription_plan);
        let tally = tally.or_insert_with(|| Tally { total: 0, all: 0, first: dump.bad(row, "") });
        tally.all += 1;
        tally.total += u64::from(license.status != LicenseStatus::Revoked);
        if license.status != LicenseStatus::Unassigned
            && let Some(holder) = holder(&license)
        {
            let next = Winner { license: license.uuid, is_live: license.status.is_live(), rank: rank(&license) };
            match self.holders.get_mut(&holder) {
                None => drop(self.holders.insert(holder, next)),
                Some(winner) => {
                    // Of two that are equal the first one stays.
                    let loser = if next.rank > winner.rank { std::mem::replace(winner, next) } else { next };
                    if loser.is_live {
                        self.duplicates.push((loser.license, holder));
                    }
                }
            }
        }
        Ok(())
    }

    fn agreement(&mut self, dump: &Dump, row: &Row) -> Reading<()> {
        let agreement = fields::agreement(row)?;
        self.only(dump, row, &format!("customer {}", agreement.enterprise_customer_uuid))?;
        if let Some(slug) = &agreement.enterprise_customer_slug {
            self.only(dump, row, &format!("slug {}", slug.to_lowercase()))?;
        }
        self.found(dump, row, "agreement", &agreement.uuid);
        once(&mut self.agreements, agreement.uuid, agreement)
    }

    fn plan(&mut self, dump: &Dump, row: &Row) -> Reading<()> {
        // How many seats it has is known at the end.
        let plan = fields::plan(row, SeatLayout::for_total(0, SeatPrefix::from_bits(0)))?;
        let title = plan.title.trim().to_lowercase();
        self.only(dump, row, &format!("title {title:?} in agreement {}", plan.customer_agreement))?;
        self.found(dump, row, "plan", &plan.uuid);
        once(&mut self.plans, plan.uuid, plan)
    }

    /// Something that only one row may have.
    fn only(&mut self, dump: &Dump, row: &Row, what: &str) -> Reading<()> {
        let here = dump.bad(row, "");
        match self.places.insert(what.to_owned(), here) {
            Some(other) => Err(format!("the {what} is that of row {} of {} too", other.row, other.file)),
            None => Ok(()),
        }
    }

    /// Brings together what rows say of each other, once all are read.
    pub fn finish(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.lay_out_seats();
        self.check_plans();
        for (agreement, messaging, place) in waiting.messaging {
            match self.agreements.get_mut(&agreement) {
                Some(agreement) => agreement.messaging_v2 = Some(messaging),
                None => self.bad.push(because(place, format!("its agreement {agreement} is not in the files"))),
            }
        }
        let agreement_of = |plan: PlanId| self.plans.get(&plan).map(|plan| plan.customer_agreement);
        let (mut prior, mut renewed) = (HashSet::new(), HashSet::new());
        for (row, dump) in waiting.renewals {
            let read = fields::renewal(&row, agreement_of).and_then(|renewal| {
                if !prior.insert(renewal.prior_subscription_plan) {
                    return Err(format!("the plan {} has another renewal", renewal.prior_subscription_plan));
                }
                if renewal.renewed_subscription_plan.is_some_and(|plan| !renewed.insert(plan)) {
                    return Err("another renewal leads to its renewed plan".to_owned());
                }
                let id = renewal.id;
                once(&mut self.renewals, id, renewal).map(|()| id)
            });
            match read {
                Ok(id) => drop(self.places.insert(format!("renewal {}", id.0), dump.bad(&row, ""))),
                Err(reason) => self.bad.push(dump.bad(&row, reason)),
            }
        }
        for (source, place) in waiting.sources {
            let reason = match waiting.source_types.get(&source.source_type) {
                Some(slug) if self.licenses.contains(&source.license) => {
                    let source_type = slug.clone();
                    self.sources.insert(source.license, LicenseSource { source_id: source.source_id, source_type });
                    continue;
                }
                Some(_) => format!("its license {} is not in the files", source.license),
                None => format!("its source type {} is not in the files", source.source_type),
            };
            self.bad.push(because(place, reason));
        }
        for (assignment, place) in waiting.assignments {
            match grant(&assignment, &waiting.users, &waiting.roles) {
                Ok(grant) => self.grants.push(grant),
                Err(reason) => self.bad.push(because(place, reason)),
            }
        }
        for (loser, holder) in std::mem::take(&mut self.duplicates) {
            let Some(winner) = self.holders.get(&holder) else { continue };
            self.warnings.push(format!("license {loser} becomes a free seat: its learner has {} too", winner.license));
        }
    }

    fn lay_out_seats(&mut self) {
        let mut prefixes = HashSet::new();
        for plan in self.plans.values_mut() {
            let total = self.tallies.get(&plan.uuid).map_or(0, |tally| tally.total);
            let mut bits = mixed(plan.uuid.0.as_u64_pair());
            while !prefixes.insert(SeatPrefix::from_bits(bits)) {
                bits = bits.wrapping_add(1);
            }
            plan.seats = SeatLayout::for_total(total, SeatPrefix::from_bits(bits));
        }
    }

    fn check_plans(&mut self) {
        for plan in self.plans.values() {
            let place = || self.places.get(&format!("plan {}", plan.uuid)).cloned();
            let mut complaints = Vec::new();
            if !self.agreements.contains_key(&plan.customer_agreement) {
                complaints.push(format!("its agreement {} is not in the files", plan.customer_agreement));
            }
            if let Some(product) = plan.product.filter(|product| !self.products.contains_key(&product.0)) {
                complaints.push(format!("its product {product} is not in the files"));
            }
            self.bad.extend(complaints.into_iter().filter_map(|reason| Some(because(place()?, reason))));
        }
        let unknown = self.tallies.iter().filter(|(plan, _)| !self.plans.contains_key(plan));
        let complaint = |(plan, tally): (&PlanId, &Tally)| {
            let others = if tally.all > 1 { format!(" (and {} more)", tally.all - 1) } else { String::new() };
            because(tally.first.clone(), format!("its plan {plan} is not in the files{others}"))
        };
        let mut complaints: Vec<BadRow> = unknown.map(complaint).collect();
        complaints.sort_by_key(|bad| (bad.file.clone(), bad.row));
        self.bad.extend(complaints);
        for product in self.products.values() {
            if let Some(kind) = product.plan_type.filter(|kind| !self.plan_types.contains_key(kind)) {
                self.warnings.push(format!("product {} names plan type {kind}, which is not in the files", product.id));
            }
        }
    }

    /// What becomes of a license: as what it is kept, and where it lives.
    pub fn settle(&self, license: License) -> (License, Home) {
        let free = |license: &License| License {
            modified: license.modified,
            ..License::unassigned(license.uuid, license.subscription_plan, license.created)
        };
        if license.status == LicenseStatus::Unassigned {
            return (free(&license), Home::Slot);
        }
        let license = License { source: self.sources.get(&license.uuid).cloned(), ..license };
        let winner = holder(&license).and_then(|holder| self.holders.get(&holder));
        match winner {
            Some(winner) if winner.license != license.uuid && license.status.is_live() => (free(&license), Home::Slot),
            Some(winner) if winner.license != license.uuid => (license, Home::Archive),
            _ => (license, Home::Slot),
        }
    }

    /// Remembers where a row was, to complain about it once the table is known.
    fn found(&mut self, dump: &Dump, row: &Row, what: &str, id: &dyn std::fmt::Display) {
        self.places.insert(format!("{what} {id}"), dump.bad(row, ""));
    }

    /// A complaint about an agreement, plan or the like.
    pub fn complain(&mut self, id: &str, what: &str, reason: &str) {
        let place = self.places.get(&format!("{what} {id}")).cloned().unwrap_or_else(|| BadRow {
            file: "the files".to_owned(),
            row: 0,
            what: format!("{what} {id}"),
            reason: String::new(),
        });
        self.bad.push(because(place, reason.to_owned()));
    }
}

fn because(place: BadRow, reason: String) -> BadRow {
    BadRow { reason, ..place }
}

fn once<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Reading<()> {
    match map.insert(key, value) {
        Some(_) => Err("the row is there twice".to_owned()),
        None => Ok(()),
    }
}

fn grant(
    assignment: &fields::AssignedRole,
    users: &HashMap<i64, String>,
    roles: &HashMap<i64, String>,
) -> Reading<(String, RoleGrant)> {
    let user =
        users.get(&assignment.user).ok_or_else(|| format!("its user {} is not in the files", assignment.user))?;
    let name =
        roles.get(&assignment.role).ok_or_else(|| format!("its role {} is not in the files", assignment.role))?;
    let role = RoleName::from_assignment(name).ok_or_else(|| format!("the role {name:?} is not known"))?;
    let scope = assignment.enterprise_customer_uuid.map_or(Scope::All, Scope::Enterprise);
    Ok((user.clone(), RoleGrant { role, scope }))
}

/// Bits that differ between any two plans, as good as certainly, and are the same at every import
/// (the finaliser of `SplitMix64`).
fn mixed((high, low): (u64, u64)) -> u64 {
    let mut bits = high ^ low.rotate_left(32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
