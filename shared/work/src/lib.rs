//! How jobs are carried out. A job's rows lie in chunks, and a few lanes work on them: a lane takes one chunk after the
//! other, a message for each stretch of them, so that jobs take turns. A chunk's effect commits with its outcome
//! (as a request's with its answer): whatever comes twice finds it, and has no effect.

mod chunk;
mod enroll;
mod error;
mod expand;
mod lanes;
mod refill;
mod results;
mod stalled;
mod sweep;

use std::{fmt, sync::Arc};

use license_clients::{Catalogs, Enterprises, Exports};
use license_domain::{Clock, Job, JobId, Portfolio, Random, Stamp};
use license_messaging::{Message, Outgoing, Queue};
use license_storage::{
    Assign, IdempotencyRecords, Jobs, Learners, Licenses, Portfolios, Prefetches, Remind, Revoke, Transfer, Update,
};
use license_storage_dynamodb::Store;

pub use self::{
    error::JobError,
    lanes::{Pace, Progress},
    results::{csv as results_csv, results},
    sweep::Look,
};

/// The lane on which rows that wait for seats are tried again.
pub const REFILL: u16 = u16::MAX;

/// No lane of a job: whose message begins it, or sets all of its lanes in motion.
pub const BEGIN: u16 = u16::MAX - 1;

/// Other services that some jobs need.
#[derive(Clone)]
pub struct Services {
    /// Who enrolls learners.
    pub enterprises: Arc<dyn Enterprises>,
    /// What catalogs hold.
    pub catalogs: Arc<dyn Catalogs>,
    /// Files.
    pub exports: Arc<dyn Exports>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

/// What carries jobs out.
#[derive(Clone)]
pub struct Engine {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    jobs: Arc<dyn Jobs>,
    records: Arc<dyn IdempotencyRecords>,
    portfolios: Arc<dyn Portfolios>,
    licenses: Arc<dyn Licenses>,
    learners: Arc<dyn Learners>,
    prefetches: Arc<dyn Prefetches>,
    assign: Arc<dyn Assign>,
    revoke: Arc<dyn Revoke>,
    remind: Arc<dyn Remind>,
    transfer: Arc<dyn Transfer>,
    update: Arc<dyn Update>,
    services: Option<Services>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Over that store; without `services` it carries out what needs none.
    pub fn new(store: &Arc<Store>, services: Option<Services>) -> Self {
        Self {
            clock: store.clock().clone(),
            random: store.random().clone(),
            jobs: store.clone(),
            records: store.clone(),
            portfolios: store.clone(),
            licenses: store.clone(),
            learners: store.clone(),
            prefetches: store.clone(),
            assign: store.clone(),
            revoke: store.clone(),
            remind: store.clone(),
            transfer: store.clone(),
            update: store.clone(),
            services,
        }
    }

    async fn portfolio_of(&self, job: &Job) -> Result<Portfolio, JobError> {
        self.portfolios.portfolio(job.customer_agreement).await?.ok_or(JobError::Gone("agreement"))
    }

    /// What a job's changes are stamped with: whoever asked for it did them.
    fn stamp(&self, job: &Job) -> Stamp {
        Stamp {
            actor: job.requested_by.clone(),
            actor_lms_user_id: job.lms_user_id,
            reason: format!("job {}", job.kind.as_str()),
            request_id: job.request_id.clone(),
            at: self.clock.now(),
        }
    }

    fn services(&self) -> Result<&Services, JobError> {
        self.services.as_ref().ok_or(JobError::Gone("service"))
    }
}

/// The message that lets a lane go on.
pub fn lane_message(job: &Job, lane: u16, step: u64) -> Outgoing {
    let message = Message::Job { job: job.uuid, lane, step };
    Outgoing::now(Queue::Bulk, job.enterprise_customer_uuid, message)
}

/// The message that lets rows be tried again that wait for seats, unless the job changes before.
pub fn refill_message(job: &Job) -> Outgoing {
    lane_message(job, REFILL, job.version)
}

/// Where a job's results are put.
pub fn results_file(job: JobId) -> String {
    format!("results/{job}.csv")
}

/// Where a job's rows are uploaded to.
pub fn upload_file(job: JobId) -> String {
    format!("uploads/{job}.csv")
}
