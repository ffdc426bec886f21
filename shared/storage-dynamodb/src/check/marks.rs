//! What is there once or at all: ids of licenses, trails of plans, rosters that are kept.

use std::collections::{BTreeMap, HashSet};

use chrono::TimeDelta;
use license_domain::{LicenseId, PlanId, Subject, SubscriptionPlan, Timestamp};
use license_storage::{Problem, ProblemKind};
use uuid::Uuid;

use super::problem;
use crate::keys::{self, Item, Key};

/// A change is in the trail within seconds; of a younger one nothing is said.
const TRAIL_LAG: TimeDelta = TimeDelta::minutes(15);

/// The sweeper takes a roster up within minutes. After so long it does not.
const ROSTER_LAG: TimeDelta = TimeDelta::days(1);

/// Who writes plans without events.
const SILENT: [&str; 2] = ["import", "lmctl"];

/// The marks of a segment. Each license takes 16 bytes.
#[derive(Debug, Default)]
pub(super) struct Marks {
    licenses: Vec<u128>,
    trails: HashSet<PlanId>,
    /// Plans that were written without events, and not changed since.
    silent: HashSet<PlanId>,
    rosters: BTreeMap<PlanId, Timestamp>,
}

impl Marks {
    pub(super) fn add_license(&mut self, license: LicenseId) {
        self.licenses.push(license.0.as_u128());
    }

    /// Adds an item of a trail.
    pub(super) fn add_trail(&mut self, key: &Key) {
        let plan = key.pk.strip_prefix("TRAIL#PLAN#").and_then(|plan| plan.parse::<PlanId>().ok());
        self.trails.extend(plan.filter(|plan| keys::trail(Subject::Plan(*plan)) == key.pk));
    }

    /// Adds a plan as it is stored.
    pub(super) fn add_plan(&mut self, plan: PlanId, changed_by: Option<&str>) {
        let is_silent = changed_by.is_some_and(|actor| SILENT.iter().any(|silent| actor.starts_with(silent)));
        self.silent.extend(is_silent.then_some(plan));
    }

    /// Adds a roster's head.
    pub(super) fn add_roster(&mut self, item: &Item) {
        let Some((plan, due)) = keys::due_roster_in(item) else { return };
        let due = due.split('#').next().and_then(|due| due.parse().ok());
        self.rosters.extend(due.map(|due| (plan, due)));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.licenses.extend(other.licenses);
        self.trails.extend(other.trails);
        self.silent.extend(other.silent);
        self.rosters.extend(other.rosters);
    }

    /// Ids that were read more than once. A license that moved during the Scan is among them, too.
    pub(super) fn repeated(&mut self) -> Vec<LicenseId> {
        let mut ids = std::mem::take(&mut self.licenses);
        ids.sort_unstable();
        let pairs = ids.iter().zip(ids.iter().skip(1));
        let mut repeated: Vec<u128> = pairs.filter(|(one, next)| one == next).map(|(one, _)| *one).collect();
        repeated.dedup();
        repeated.into_iter().map(|id| LicenseId(Uuid::from_u128(id))).collect()
    }

    /// Plans without a trail, and rosters that nothing keeps.
    pub(super) fn problems(&self, plans: &BTreeMap<PlanId, SubscriptionPlan>, now: Timestamp) -> Vec<Problem> {
        let has_trail = |plan: &SubscriptionPlan| {
            plan.modified + TRAIL_LAG > now || self.silent.contains(&plan.uuid) || self.trails.contains(&plan.uuid)
        };
        let without = plans.values().filter(|plan| !has_trail(plan));
        let mut problems: Vec<Problem> =
            without.map(|plan| problem(ProblemKind::MissingTrail, &plan.uuid, "its history has no entry")).collect();
        for (plan, due) in &self.rosters {
            let detail = if !plans.contains_key(plan) {
                "its plan is not there".to_owned()
            } else if *due + ROSTER_LAG < now {
                format!("it has been due since {}", due.format("%Y-%m-%dT%H:%M:%SZ"))
            } else {
                continue;
            };
            problems.push(problem(ProblemKind::Roster, plan, detail));
        }
        problems
    }
}
