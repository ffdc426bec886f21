//! Renewals that are processed: the single transactions. The loop over them is a kind of run in `license_work`.

use std::collections::HashSet;

use async_trait::async_trait;
use license_domain::{
    EmailKey, Job, JobId, License, LicenseId, Portfolio, RenewalId, RenewalRun, Stamp, SubscriptionPlan,
    SubscriptionPlanRenewal, renewing::Refusal,
};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// A renewal that is processed.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The agreement with its plans, the future one included.
    pub portfolio: Portfolio,
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// Whether this call processed it.
    pub is_new: bool,
}

impl Renewed {
    /// What is recorded of it.
    pub fn outcome(&self) -> RenewalOutcome {
        RenewalOutcome { renewal: self.renewal.clone(), is_new: self.is_new }
    }
}

/// The outcome of processing a renewal, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalOutcome {
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// Whether the request processed it.
    pub is_new: bool,
}

/// Why the processing of a renewal did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is no such renewal.
    #[error("no such renewal")]
    Missing,
    /// It cannot be processed; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed. If the run was opened, a worker finishes it, or the next call.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What opening the run of a renewal found.
#[derive(Debug)]
pub enum OpenedRenewal {
    /// The renewal was processed before.
    Processed(Renewed),
    /// Its run is under way: opened now, or before.
    UnderWay(Job),
}

/// A renewal whose run is under way, as one strong read shows it.
#[derive(Clone, Debug)]
pub struct RenewalUnderWay {
    /// The run.
    pub run: JobId,
    /// What the run is about.
    pub of: RenewalRun,
    /// The agreement with its plans, the hidden one included.
    pub portfolio: Portfolio,
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// The plan that licenses are copied from.
    pub prior: SubscriptionPlan,
    /// The hidden plan that they are copied into.
    pub future: SubscriptionPlan,
}

/// The licenses of the prior plan that the renewal copies.
#[derive(Clone, Debug, Default)]
pub struct LicensesToCopy {
    /// How many there are, exactly.
    pub counted: u64,
    /// Those that the list shows: it is an index, and may lag behind.
    pub listed: Vec<License>,
}

/// What became of the licenses of some learners.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// How many were copied now.
    pub made: usize,
    /// Those that were found, and need nothing more.
    pub settled: HashSet<LicenseId>,
    /// Whether there is nothing more to do: no seat was left for one of them, or the run has ended.
    pub is_over: bool,
}

/// The most learners whose licenses one transaction copies. Each is three items at most (the original, the copy, the
/// item of a returned seat), beside all buckets of a large plan and the event.
pub const MAX_COPIED: usize = 25;

/// Processing renewals.
#[async_trait]
pub trait Renew: Send + Sync {
    /// Opens the renewal's run, unless it was opened before. This alone may refuse the renewal.
    async fn open_renewal(&self, renewal: RenewalId, change: &Change) -> Result<OpenedRenewal, RenewError>;

    /// What the run is about, as it is now; `None` if the renewal is processed.
    async fn renewal_under_way(&self, run: &Job) -> Result<Option<RenewalUnderWay>, StoreError>;

    /// Counts and lists what is to be copied, whether it was copied already or not.
    async fn licenses_to_copy(&self, renewal: &RenewalUnderWay) -> Result<LicensesToCopy, StoreError>;

    /// Copies the licenses of these learners, [`MAX_COPIED`] at most, that are not copied yet. Calls at the same time
    /// have different `turn`s, so that they allocate seats from different buckets.
    async fn copy_licenses(
        &self,
        renewal: &RenewalUnderWay,
        turn: usize,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<Copied, StoreError>;

    /// Ends the run: the renewal is processed, and everybody sees the future plan.
    async fn close_renewal(&self, run: &Job, stamp: &Stamp) -> Result<Renewed, StoreError>;
}
