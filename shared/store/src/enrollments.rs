//! Jobs that enrol learners in courses: put on record with the wish to be carried out.

use async_trait::async_trait;
use license_domain::{Consequence, EnrollmentJob, Event, EventKind, JobId, Portfolio, Stamp};

use crate::{
    Store, StoreError,
    keys::{self, TTL},
    ports::Enrollments,
    rows::{self, number},
    table::{ATTEMPTS, Cancelled, Write},
};

/// How long a job stays on record: it names learners.
const LIFETIME_SECONDS: i64 = 30 * 24 * 60 * 60;

#[async_trait]
impl Enrollments for Store {
    /// One transaction: the job (absent), to be found in the index of what is due; the event that asks for it to be
    /// carried out. The transaction met another one: again after a random wait.
    async fn create_job(&self, portfolio: &Portfolio, job: &EnrollmentJob, stamp: &Stamp) -> Result<(), StoreError> {
        let event = Event {
            plan: job.subscription_plan,
            consequences: vec![Consequence::EnrollLearners { job: job.uuid }],
            ..self.new_event(EventKind::BulkEnrollmentRequested, &portfolio.agreement, stamp)
        };
        let mut item = rows::to_item(job)?;
        item.extend(keys::job(job.uuid).attributes());
        keys::job_due(job.uuid, job.created).put(&mut item);
        item.insert(TTL.to_owned(), number(job.created.timestamp() + LIFETIME_SECONDS));
        for attempt in 0..ATTEMPTS {
            let mut writes = vec![Write::create(item.clone())];
            writes.extend(self.told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                // The id is random: another request gets another one.
                Err(Cancelled::Conditions(_)) => {
                    return Err(StoreError::Contention { operation: "create job", attempts: 1 });
                }
                Err(Cancelled::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Contention { operation: "create job", attempts: ATTEMPTS })
    }

    async fn job(&self, job: JobId) -> Result<Option<EnrollmentJob>, StoreError> {
        self.table.get(&keys::job(job)).await?.map(rows::from_item).transpose()
    }
}
