//! Processing renewals: the single transactions. The loop over them is a kind of run in `license_work`.

use std::collections::HashSet;

use async_trait::async_trait;
use license_domain::{
    EmailKey, Job, JobId, LicenseId, LicenseStatus, LicenseTypesToCopy, Portfolio, RenewalId, RenewalRun, Stamp,
    SubscriptionPlan, SubscriptionPlanRenewal, Timestamp, renewing::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// A processed renewal.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The agreement with its plans, the future one included.
    pub portfolio: Portfolio,
    pub renewal: SubscriptionPlanRenewal,
    /// Whether this call processed it.
    pub is_new: bool,
}

impl Renewed {
    /// The outcome that is recorded.
    pub fn outcome(&self) -> RenewalOutcome {
        RenewalOutcome { renewal: self.renewal.clone(), is_new: self.is_new }
    }
}

/// The outcome of processing a renewal, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalOutcome {
    pub renewal: SubscriptionPlanRenewal,
    /// Whether the request processed it.
    pub is_new: bool,
}

/// Why the processing of a renewal did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The renewal does not exist.
    #[error("no such renewal")]
    Missing,
    /// It cannot be processed; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed. If the run was opened, a worker or the next call finishes it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of opening a renewal's run.
#[derive(Debug)]
pub enum OpenedRenewal {
    /// The renewal was processed before.
    Processed(Renewed),
    /// Its run is open, since now or before.
    UnderWay(Job),
}

/// A renewal whose run is open, read strongly consistently.
#[derive(Clone, Debug)]
pub struct RenewalUnderWay {
    pub run: JobId,
    /// What the run carries out.
    pub of: RenewalRun,
    /// The agreement with its plans, the hidden one included.
    pub portfolio: Portfolio,
    pub renewal: SubscriptionPlanRenewal,
    /// The plan that licenses are copied from.
    pub prior: SubscriptionPlan,
    /// The hidden plan that they are copied into.
    pub future: SubscriptionPlan,
}

impl RenewalUnderWay {
    /// The parts of the prior plan's list that have the licenses to copy.
    pub fn places(&self) -> Vec<CopyPlace> {
        places_to_copy(&self.prior, self.renewal.license_types_to_copy)
    }

    /// The most learners whose licenses one transaction copies.
    pub const fn most_copied(&self) -> usize {
        if self.renewal.renewed_subscription_plan.is_some() { MAX_COPIED } else { MAX_COPIED_ANEW }
    }
}

/// The parts of a plan's list that have its licenses of these types. A list that grows gets more parts at the end.
pub fn places_to_copy(prior: &SubscriptionPlan, types: LicenseTypesToCopy) -> Vec<CopyPlace> {
    let of_shard = |shard| types.statuses().iter().map(move |status| CopyPlace { shard, status: *status, after: None });
    (0..prior.seats.list_shards.max(1)).flat_map(of_shard).collect()
}

/// Where a page of the prior plan's list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyPlace {
    /// The part of the list.
    pub shard: u16,
    /// The status of its licenses.
    pub status: LicenseStatus,
    /// The list's key before it; `None` at the first license of that status.
    pub after: Option<String>,
}

/// A page of the licenses that a renewal copies. The list is an index and may lag.
#[derive(Clone, Debug)]
pub struct CopyPage {
    /// How many of its licenses have their copy, as the list shows.
    pub copied: u64,
    /// The other licenses.
    pub others: Vec<ListedLicense>,
    /// The next page, unless this was the last one of its part.
    pub next: Option<CopyPlace>,
}

/// A license of the prior plan, as the list shows it.
#[derive(Clone, Debug)]
pub struct ListedLicense {
    pub license: LicenseId,
    pub learner: EmailKey,
    pub assigned_date: Option<Timestamp>,
}

/// The outcome of copying the licenses of some learners.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    pub made: usize,
    /// Licenses that were found and need nothing more.
    pub settled: HashSet<LicenseId>,
    /// Whether nothing more can be done: no seat was left for a license, or the run has ended.
    pub is_over: bool,
}

/// The outcome of carrying over what changed in a plan after its renewal was processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedOver {
    /// How many licenses were copied.
    pub copied: usize,
    /// How many copies were activated or revoked.
    pub changed: usize,
    /// How many licenses have no copy, because the future plan has no free seat.
    pub without_seat: usize,
}

/// The most learners whose licenses one transaction copies. Each is three items at most (the original, the copy, the
/// item of a returned seat), beside all buckets of a large plan and the event.
pub const MAX_COPIED: usize = 25;

/// The most into a plan that the run has created: it has no returned seats, so each is two items.
const MAX_COPIED_ANEW: usize = 40;

/// Learners of one page of the prior plan's list for whom the future plan had no free seat.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The learners, possibly none.
    pub learners: Vec<EmailKey>,
    /// The next page, unless this was the last one.
    pub next: Option<LeftOutPage>,
}

/// Where a page of the prior plan's list begins.
#[derive(Clone, Debug)]
pub struct LeftOutPage {
    /// The status of its licenses.
    pub status: LicenseStatus,
    /// The list's key before it; `None` at the first license of that status.
    pub after: Option<String>,
}

#[async_trait]
pub trait Renew: Send + Sync {
    /// Opens the renewal's run, unless it was opened before. Only this step may refuse the renewal.
    async fn open_renewal(&self, renewal: RenewalId, change: &Change) -> Result<OpenedRenewal, RenewError>;

    /// What the run carries out, read now; `None` if the renewal is processed.
    async fn renewal_under_way(&self, run: &Job) -> Result<Option<RenewalUnderWay>, StoreError>;

    /// The exact number of licenses to copy, copied ones included.
    async fn count_to_copy(&self, renewal: &RenewalUnderWay) -> Result<u64, StoreError>;

    /// Reads a page of the licenses to copy.
    async fn page_to_copy(&self, renewal: &RenewalUnderWay, from: &CopyPlace) -> Result<CopyPage, StoreError>;

    /// Copies the licenses of these learners, [`RenewalUnderWay::most_copied`] at most, that are not copied yet.
    /// Simultaneous calls have different `turn`s, so that they allocate seats from different buckets.
    async fn copy_licenses(
        &self,
        renewal: &RenewalUnderWay,
        turn: usize,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<Copied, StoreError>;

    /// Carries over what these learners' licenses of the prior plan have become since the renewal was processed,
    /// [`MAX_COPIED`] learners at most.
    async fn carry_over(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<CarriedOver, StoreError>;

    /// Learners whose licenses of the prior plan have no copy although they are of the types to copy: there was no free
    /// seat for them. It reads one page of the plan's list, from its beginning or from where the last page ended. The
    /// list is an index and may lag.
    async fn left_out(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        from: Option<LeftOutPage>,
    ) -> Result<LeftOut, StoreError>;

    /// Ends the run: the renewal is processed, and the future plan becomes visible.
    async fn close_renewal(&self, run: &Job, stamp: &Stamp) -> Result<Renewed, StoreError>;
}
