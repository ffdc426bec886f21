//! The first pass: checks every row, and collects what the second pass must know of all rows together.

use std::collections::{BTreeMap, HashMap, HashSet};

use license_domain::{
    AgreementId, CustomerAgreement, License, LicenseId, LicenseSource, LicenseStatus, PlanId, PlanType, Product,
    RenewalId, RoleGrant, RoleName, Scope, SeatLayout, SeatPrefix, SubscriptionPlan, SubscriptionPlanRenewal,
    agreement::ExpirationMessaging,
    importing::{self, Holders},
};
use license_storage::ImportedLicense;

use crate::{
    Progress,
    dump::{Dump, Row},
    fields::{self, Reading, UserReference, model},
    report::{BadRow, ImportError},
};

/// The number of rows after which the progress is reported.
pub const STEP: u64 = 25_000;

/// The contents of the files, without the licenses themselves.
#[derive(Debug, Default)]
pub struct Survey {
    pub agreements: BTreeMap<AgreementId, CustomerAgreement>,
    pub plans: BTreeMap<PlanId, SubscriptionPlan>,
    pub renewals: BTreeMap<RenewalId, SubscriptionPlanRenewal>,
    pub products: BTreeMap<i64, Product>,
    pub plan_types: BTreeMap<i64, PlanType>,
    pub superusers: Vec<String>,
    pub grants: Vec<(String, RoleGrant)>,
    pub skipped: BTreeMap<String, u64>,
    pub warnings: Vec<String>,
    pub bad: Vec<BadRow>,
    /// Where each agreement, plan and so on was found, for later complaints.
    places: HashMap<String, BadRow>,
    /// Which learner has which license of a plan.
    pub holders: Holders,
    licenses: HashSet<LicenseId>,
    tallies: HashMap<PlanId, Tally>,
    waiting: Waiting,
}

/// Rows that refer to others, which may come later.
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

impl Survey {
    /// Reads a whole file.
    pub async fn read(&mut self, dump: &Dump, progress: Progress<'_>) -> Result<(), ImportError> {
        let mut blocks = dump.rows();
        while let Some(block) = blocks.recv().await {
            for row in block? {
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
            model::LICENSE => self.license(dump, &row),
            model::AGREEMENT => self.agreement(dump, &row),
            model::PLAN => self.plan(dump, &row),
            model::RENEWAL => {
                self.waiting.renewals.push((row, dump.clone()));
                return;
            }
            model::MESSAGING => fields::messaging(&row).map(|(agreement, messaging)| {
                self.waiting.messaging.push((agreement, messaging, dump.bad(&row, "")));
            }),
            model::PRODUCT => fields::product(&row).and_then(|product| {
                self.found(dump, &row, "product", &product.id);
                once(&mut self.products, product.id.0, product)
            }),
            model::PLAN_TYPE => fields::plan_type(&row).and_then(|kind| {
                self.found(dump, &row, "plan type", &kind.id);
                once(&mut self.plan_types, kind.id, kind)
            }),
            model::SOURCE => fields::source(&row).map(|source| {
                self.waiting.sources.push((source, dump.bad(&row, "")));
            }),
            model::SOURCE_TYPE => fields::source_type(&row).map(|(key, slug)| {
                self.waiting.source_types.insert(key, slug);
            }),
            model::USER | model::AUTH_USER => fields::user(&row).map(|(key, user)| {
                if user.is_superuser {
                    self.superusers.push(user.username.clone());
                }
                if let Some(key) = key {
                    self.waiting.users.insert(key, user.username);
                }
            }),
            model::ROLE => fields::role(&row).map(|(key, name)| {
                self.waiting.roles.insert(key, name);
            }),
            model::ROLE_ASSIGNMENT => fields::role_assignment(&row).map(|assignment| {
                self.waiting.assignments.push((assignment, dump.bad(&row, "")));
            }),
            unknown => {
                *self.skipped.entry(unknown.to_owned()).or_default() += 1;
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
        // Renewals of edx's license-manager have made such licenses.
        if license.status == LicenseStatus::Assigned && license.activation_key.is_none() {
            let warning =
                "is assigned without an activation key: its learner cannot activate it before it is assigned anew";
            self.warnings.push(format!("license {} {warning}", license.uuid));
        }
        let tally = self.tallies.entry(license.subscription_plan);
        let tally = tally.or_insert_with(|| Tally { total: 0, all: 0, first: dump.bad(row, "") });
        tally.all += 1;
        tally.total += u64::from(license.status != LicenseStatus::Revoked);
        self.holders.add(&license);
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
        // Its number of seats is known at the end.
        let plan = fields::plan(row, SeatLayout::for_total(0, SeatPrefix::from_bits(0)))?;
        let title = plan.title.trim().to_lowercase();
        self.only(dump, row, &format!("title {title:?} in agreement {}", plan.customer_agreement))?;
        self.found(dump, row, "plan", &plan.uuid);
        once(&mut self.plans, plan.uuid, plan)
    }

    /// Records something that only one row may have.
    fn only(&mut self, dump: &Dump, row: &Row, what: &str) -> Reading<()> {
        let here = dump.bad(row, "");
        match self.places.insert(what.to_owned(), here) {
            Some(other) => Err(format!("the {what} is that of row {} of {} too", other.row, other.file)),
            None => Ok(()),
        }
    }

    /// Combines rows that refer to each other, after all were read.
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
                    self.holders.add_source(source.license, LicenseSource { source_id: source.source_id, source_type });
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
        let warning = |(loser, winner)| format!("license {loser} becomes a free seat: its learner has {winner} too");
        self.warnings.extend(self.holders.losers().map(warning));
    }

    fn lay_out_seats(&mut self) {
        let mut prefixes = HashSet::new();
        for plan in self.plans.values_mut() {
            let total = self.tallies.get(&plan.uuid).map_or(0, |tally| tally.total);
            plan.seats = importing::layout(plan.uuid, total, |prefix| prefixes.insert(prefix));
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

    /// A license with its placement, if its plan is among the files; if it is not, the first pass has reported it.
    pub fn placed(&self, license: License) -> Option<ImportedLicense> {
        let plan = self.plans.get(&license.subscription_plan)?;
        let (agreement, layout) = (plan.customer_agreement, plan.seats);
        Some(ImportedLicense { placed: self.holders.place(license), agreement, layout })
    }

    /// How many licenses the plans have that the filter admits.
    pub fn licenses_of(&self, admits: impl Fn(PlanId) -> bool) -> u64 {
        self.tallies.iter().filter(|(plan, _)| admits(**plan)).map(|(_, tally)| tally.all).sum()
    }

    /// Records where a row was found, for complaints when the table is known.
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
    let user = match &assignment.user {
        UserReference::Key(key) => users.get(key).ok_or_else(|| format!("its user {key} is not in the files"))?,
        UserReference::Name((name,)) => name,
    };
    let name =
        roles.get(&assignment.role).ok_or_else(|| format!("its role {} is not in the files", assignment.role))?;
    let role = RoleName::from_assignment(name).ok_or_else(|| format!("the role {name:?} is not known"))?;
    let scope = assignment.enterprise_customer_uuid.map_or(Scope::All, Scope::Enterprise);
    Ok((user.clone(), RoleGrant { role, scope }))
}
