//! What the clock does to plans: which of them are due to be looked at, the work that was begun, its single transactions.

use std::collections::HashSet;

use async_trait::async_trait;
use license_domain::{
    AgreementId, DuePlan, EmailKey, Job, License, LicenseId, PlanId, PlanWork, Portfolio, SubscriptionPlan, Timestamp,
    plan_work::{ConcerningPlan, Concerns, LicenseNotice},
};

use crate::{Change, StoreError};

/// Plans by the time at which they are due to be looked at, and the work that was begun on them.
#[async_trait]
pub trait PlanWorks: Send + Sync {
    /// Plans that are due to be looked at, the longest first.
    async fn due_plans(&self, limit: usize) -> Result<Vec<DuePlan>, StoreError>;

    /// The plan that is looked at next.
    async fn next_plan(&self) -> Result<Option<DuePlan>, StoreError>;

    /// All plans that anything may happen to, by the time at which they are looked at next.
    async fn marked_plans(&self) -> Result<Vec<DuePlan>, StoreError>;

    /// Lets a plan be due at that time, after so many attempts, if it is still due as it was seen; `None` if not. Of
    /// several callers one postpones it.
    async fn postpone_plan(&self, seen: &DuePlan, at: Timestamp, attempts: u32) -> Result<Option<DuePlan>, StoreError>;

    /// Records what a look at a plan came to, if it is still due as it was seen: when it is due next, and after how many
    /// attempts (`None`: nothing will happen to it until it is changed); and its concerns, if they are known.
    async fn record_look(
        &self,
        seen: &DuePlan,
        next: Option<(Timestamp, u32)>,
        concerns: Option<&Concerns>,
    ) -> Result<(), StoreError>;

    /// The plans that had concerns at their last look, the most urgent first; `after` limits them to those behind that
    /// place.
    async fn concerning_plans(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConcerningPlan>, StoreError>;

    /// Lets a plan, if it is there, be due at that time.
    async fn look_at_plan(&self, agreement: AgreementId, plan: PlanId, at: Timestamp) -> Result<(), StoreError>;

    /// The work that was begun on that plan last.
    async fn plan_work(&self, agreement: AgreementId, plan: PlanId) -> Result<Option<PlanWork>, StoreError>;

    /// Puts a run on record as the plan's work, in the place of the work that was seen; whether that was still the last.
    async fn begin_plan_work(&self, seen: Option<&PlanWork>, work: &PlanWork, run: &Job) -> Result<bool, StoreError>;

    /// Puts a run that is on record already on record as the plan's work, in the same way.
    async fn note_plan_work(&self, seen: Option<&PlanWork>, work: &PlanWork) -> Result<bool, StoreError>;
}

/// The most licenses that one event names.
pub const MAX_EXPIRED: usize = 100;

/// Expiring the licenses of a plan.
#[async_trait]
pub trait Expire: Send + Sync {
    /// Those of these licenses of the plan that are there, as they are now; [`MAX_EXPIRED`] at most. A license without an
    /// address names no learner any more.
    async fn find_licenses(
        &self,
        plan: PlanId,
        wanted: &[(Option<EmailKey>, LicenseId)],
    ) -> Result<Vec<License>, StoreError>;

    /// Records that the plan has expired with these licenses.
    async fn record_expired(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        change: &Change,
    ) -> Result<(), StoreError>;
}

/// Unlinking the learners of licenses of a plan that ended long ago.
#[async_trait]
pub trait Unlink: Send + Sync {
    /// Those of these licenses whose learners were unlinked.
    async fn unlinked(&self, plan: PlanId, licenses: &[LicenseId]) -> Result<HashSet<LicenseId>, StoreError>;

    /// Records and announces that the learners of these licenses are unlinked; 90 at most.
    async fn record_unlinked(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        change: &Change,
    ) -> Result<(), StoreError>;
}

/// Announcements about a plan's licenses, each made once.
#[async_trait]
pub trait Announce: Send + Sync {
    /// Those of these licenses that were not announced before.
    async fn unannounced(
        &self,
        plan: PlanId,
        licenses: Vec<License>,
        notice: &LicenseNotice,
    ) -> Result<Vec<License>, StoreError>;

    /// Records and sends the announcement of these licenses; 50 at most. What was announced meanwhile is left out.
    async fn announce_once(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        notice: &LicenseNotice,
        change: &Change,
    ) -> Result<(), StoreError>;
}

/// Purging personal data.
#[async_trait]
pub trait Purge: Send + Sync {
    /// Purges those of these licenses whose time has come, 40 at most; how many that were.
    async fn purge(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        wanted: &[(EmailKey, LicenseId)],
        change: &Change,
    ) -> Result<usize, StoreError>;
}
