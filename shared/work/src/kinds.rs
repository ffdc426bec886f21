//! What runs do to their chunks. A function has only the kinds that its policy permits: those that change licenses need
//! the table only, the others also other services.

mod announce;
mod assign;
mod delete_revoked;
mod dry_run;
mod enroll;
mod expire;
mod freeze;
mod grow;
mod learners;
mod licenses;
mod renew;
mod report;
mod report_week;
mod revert;
mod sync;
mod transfer;
mod unlink;
mod upload;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use license_clients::{Catalogs, Enterprises, Exports, FileWriter};
use license_domain::{
    Clock, Job, JobCounts, JobKind, PlanId, Portfolio, Row, RowOutcome, RowResult, Stamp, SubscriptionPlan, Timestamp,
};
use license_storage::{
    Announce, Assign, Change, Expire, Jobs, Learners, Licenses, Notifications, Operations, PlanDays, PlanWorks,
    Portfolios, Prefetches, Purge, Remind, Reserve, Revoke, Transfer, Unlink, Update,
};

use crate::{
    Turn, WorkError,
    lanes::ChunkEnd,
    results::{ResultsTable, write_results},
    results_file,
    rows::{RowsRead, RowsWriter, read_licenses},
};

pub use self::{
    renew::{RenewalError, Renewals},
    upload::EMAIL_COLUMNS,
};

#[derive(Clone, Copy, Debug)]
pub struct ChunkRows<'a> {
    pub run: &'a Job,
    /// The agreement of its plan.
    pub portfolio: &'a Portfolio,
    pub rows: &'a [Row],
    /// The lane's counts before the chunk.
    pub so_far: JobCounts,
}

impl ChunkRows<'_> {
    fn plan(&self) -> Result<&SubscriptionPlan, WorkError> {
        let plan = self.run.subscription_plan.and_then(|plan| self.portfolio.plan(plan));
        plan.ok_or(WorkError::Gone("plan"))
    }

    /// The plan, which must exist for a job. The plan of an internal run may have been deleted: then no learner holds a
    /// license of it.
    fn plan_id(&self) -> Result<PlanId, WorkError> {
        if self.run.is_internal {
            self.run.subscription_plan.ok_or(WorkError::Gone("plan"))
        } else {
            Ok(self.plan()?.uuid)
        }
    }
}

/// The result of the only row of a run that has one.
fn one_row(outcome: RowOutcome, detail: String) -> Vec<RowResult> {
    vec![RowResult { detail: Some(detail), ..Row::default().result(outcome, None) }]
}

/// What was done to rows: to all of them, or to the first ones only.
#[derive(Debug)]
pub enum Acted {
    /// Their outcomes committed with the effect.
    Recorded(Vec<RowResult>),
    /// Nothing was written: their outcomes are to be recorded.
    ToRecord(Vec<RowResult>),
}

/// The effects of some kinds of runs.
#[async_trait]
pub trait Kinds: Send + Sync {
    /// Carries out the run's kind for the rows. The outcome commits with the effect, under the change's key.
    async fn act(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError>;

    /// Assigns the reserved seats of a chunk, in the same way.
    async fn assign_reserved(
        &self,
        run: &Job,
        portfolio: &Portfolio,
        chunk: u64,
        change: Change,
    ) -> Result<Acted, WorkError>;

    /// Reads the rows of a run whose request does not contain them, as far as possible in one turn.
    async fn read_rows(&self, run: &Job, portfolio: &Portfolio, writer: RowsWriter<'_>) -> Result<RowsRead, WorkError>;

    /// Deletes the file of a run's rows, after they were stored.
    async fn forget_upload(&self, run: &Job) -> Result<(), WorkError>;

    /// Writes the results of a run that has ended into a file, if its kind has one; returns the file's name.
    async fn publish_results(&self, jobs: &dyn Jobs, run: &Job) -> Result<Option<String>, WorkError>;

    /// Does what is left to be done once all chunks of a run are done, before it ends. It may be done twice.
    async fn complete(&self, run: &Job, portfolio: &Portfolio, change: Change) -> Result<(), WorkError>;

    /// Continues to copy a renewal's licenses until that time.
    async fn copy(&self, run: &Job, chunk: u64, stamp: &Stamp, until: Timestamp) -> Result<ChunkEnd, WorkError>;
}

/// The kinds that change the licenses of one plan: assign, revoke, remind, also as dry runs.
#[derive(Clone)]
pub struct LicenseKinds {
    licenses: Arc<dyn Licenses>,
    portfolios: Arc<dyn Portfolios>,
    prefetches: Arc<dyn Prefetches>,
    pub(crate) assign: Arc<dyn Assign>,
    pub(crate) reserve: Arc<dyn Reserve>,
    pub(crate) revoke: Arc<dyn Revoke>,
    pub(crate) remind: Arc<dyn Remind>,
}

impl LicenseKinds {
    /// The kinds with that store.
    pub fn new<S>(store: &Arc<S>) -> Self
    where
        S: Licenses + Portfolios + Prefetches + Assign + Reserve + Revoke + Remind + 'static,
    {
        Self {
            licenses: store.clone(),
            portfolios: store.clone(),
            prefetches: store.clone(),
            assign: store.clone(),
            reserve: store.clone(),
            revoke: store.clone(),
            remind: store.clone(),
        }
    }
}

impl fmt::Debug for LicenseKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseKinds")
    }
}

#[async_trait]
impl Kinds for LicenseKinds {
    async fn act(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        match (chunk.run.kind, chunk.run.dry_run) {
            (
                JobKind::Enroll
                | JobKind::Grow
                | JobKind::Freeze
                | JobKind::DeleteRevoked
                | JobKind::Revert
                | JobKind::Sync
                | JobKind::Renew
                | JobKind::Expire
                | JobKind::Unlink
                | JobKind::Purge
                | JobKind::UtilizationReport
                | JobKind::WeeklyReport
                | JobKind::ExpirationReminders
                | JobKind::ExpirationMails
                | JobKind::LicenseEvents,
                _,
            )
            | (JobKind::Transfer, false) => Err(WorkError::OtherKind),
            (_, true) => self.dry_run(chunk).await.map(Acted::ToRecord),
            (JobKind::Assign, false) => self.assign(chunk, change).await,
            (JobKind::Revoke, false) => self.revoke(chunk, change).await,
            (JobKind::Remind, false) => self.remind(chunk, change).await,
        }
    }

    async fn assign_reserved(
        &self,
        run: &Job,
        portfolio: &Portfolio,
        chunk: u64,
        change: Change,
    ) -> Result<Acted, WorkError> {
        Ok(Acted::Recorded(self.reserve.assign_reserved(portfolio, run, chunk, &change).await?))
    }

    async fn read_rows(&self, run: &Job, portfolio: &Portfolio, writer: RowsWriter<'_>) -> Result<RowsRead, WorkError> {
        read_licenses(self.licenses.as_ref(), run, portfolio, writer).await
    }

    async fn forget_upload(&self, _: &Job) -> Result<(), WorkError> {
        Ok(())
    }

    async fn publish_results(&self, _: &dyn Jobs, _: &Job) -> Result<Option<String>, WorkError> {
        Ok(None)
    }

    async fn complete(&self, _: &Job, _: &Portfolio, _: Change) -> Result<(), WorkError> {
        Ok(())
    }

    async fn copy(&self, _: &Job, _: u64, _: &Stamp, _: Timestamp) -> Result<ChunkEnd, WorkError> {
        Err(WorkError::OtherKind)
    }
}

/// The other services that some kinds need.
#[derive(Clone)]
pub struct Services {
    /// The enterprise service, which enrolls learners.
    pub enterprises: Arc<dyn Enterprises>,
    pub catalogs: Arc<dyn Catalogs>,
    /// Uploads and results.
    pub exports: Arc<dyn Exports>,
    /// The base URL of links for learners.
    pub learner_portal: Option<String>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

/// All kinds, for workers.
#[derive(Clone)]
pub struct AllKinds {
    licenses: LicenseKinds,
    clock: Arc<dyn Clock>,
    learners: Arc<dyn Learners>,
    transfer: Arc<dyn Transfer>,
    update: Arc<dyn Update>,
    expire: Arc<dyn Expire>,
    unlink: Arc<dyn Unlink>,
    purge: Arc<dyn Purge>,
    announce: Arc<dyn Announce>,
    notifications: Arc<dyn Notifications>,
    plan_works: Arc<dyn PlanWorks>,
    days: Arc<dyn PlanDays>,
    operations: Arc<dyn Operations>,
    renewals: Renewals,
    services: Services,
}

impl AllKinds {
    /// The kinds with that store and those services.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, renewals: Renewals, services: Services) -> Self
    where
        S: Licenses
            + Portfolios
            + Prefetches
            + Assign
            + Reserve
            + Revoke
            + Remind
            + Learners
            + Transfer
            + Update
            + Expire
            + Unlink
            + Purge
            + Announce
            + Notifications
            + PlanWorks
            + PlanDays
            + Operations
            + 'static,
    {
        Self {
            licenses: LicenseKinds::new(store),
            clock,
            learners: store.clone(),
            transfer: store.clone(),
            update: store.clone(),
            expire: store.clone(),
            unlink: store.clone(),
            purge: store.clone(),
            announce: store.clone(),
            notifications: store.clone(),
            plan_works: store.clone(),
            days: store.clone(),
            operations: store.clone(),
            renewals,
            services,
        }
    }
}

impl fmt::Debug for AllKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllKinds")
    }
}

#[async_trait]
impl Kinds for AllKinds {
    async fn act(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        match (chunk.run.kind, chunk.run.dry_run) {
            (JobKind::Enroll, _) => self.enroll(chunk.run, chunk.portfolio, chunk.rows).await.map(Acted::ToRecord),
            (JobKind::Grow, _) => self.grow(chunk, change).await,
            (JobKind::UtilizationReport, _) => self.report(chunk, change).await,
            (JobKind::WeeklyReport, _) => self.report_week(chunk, change).await,
            (JobKind::Freeze, _) => self.freeze(chunk, change).await,
            (JobKind::DeleteRevoked, _) => self.delete_revoked(chunk, change).await,
            (JobKind::Revert, _) => self.revert(chunk, change).await,
            (JobKind::Sync, _) => self.sync(chunk, change).await,
            (JobKind::Expire, _) => self.expire(chunk, change).await,
            (JobKind::Unlink, _) => self.unlink(chunk, change).await,
            (JobKind::Purge, _) => self.purge(chunk, change).await,
            (kind, _) if kind.is_announcement() => self.announce(chunk, change).await,
            (JobKind::Transfer, false) => self.transfer(chunk, change).await,
            _ => self.licenses.act(chunk, change).await,
        }
    }

    async fn assign_reserved(
        &self,
        run: &Job,
        portfolio: &Portfolio,
        chunk: u64,
        change: Change,
    ) -> Result<Acted, WorkError> {
        self.licenses.assign_reserved(run, portfolio, chunk, change).await
    }

    async fn read_rows(&self, run: &Job, portfolio: &Portfolio, writer: RowsWriter<'_>) -> Result<RowsRead, WorkError> {
        if matches!(run.kind, JobKind::Grow | JobKind::UtilizationReport | JobKind::WeeklyReport) {
            return writer.one_row().await;
        }
        match &run.upload {
            Some(file) => {
                let until = self.clock.now() + Turn::OF_A_MESSAGE.time;
                upload::read(self.services.exports.as_ref(), file, writer, (self.clock.as_ref(), until)).await
            }
            None => self.licenses.read_rows(run, portfolio, writer).await,
        }
    }

    async fn forget_upload(&self, run: &Job) -> Result<(), WorkError> {
        match &run.upload {
            Some(file) => Ok(self.services.exports.remove(file).await?),
            None => Ok(()),
        }
    }

    async fn publish_results(&self, jobs: &dyn Jobs, run: &Job) -> Result<Option<String>, WorkError> {
        if run.kind != JobKind::Enroll || run.dry_run {
            return Ok(None);
        }
        let name = results_file(run.uuid);
        let mut file = FileWriter::new(self.services.exports.as_ref(), name.clone());
        let written = write_results(jobs, run, ResultsTable::of(run), &mut file).await;
        file.end(written).await?;
        Ok(Some(name))
    }

    async fn complete(&self, run: &Job, portfolio: &Portfolio, change: Change) -> Result<(), WorkError> {
        match run.kind {
            JobKind::Expire => self.mark_expired(run, portfolio, change).await,
            _ => Ok(()),
        }
    }

    async fn copy(&self, run: &Job, chunk: u64, stamp: &Stamp, until: Timestamp) -> Result<ChunkEnd, WorkError> {
        self.renewals.copy(run, chunk, stamp, until).await
    }
}
