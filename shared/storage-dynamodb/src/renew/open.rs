//! Begins to process a renewal: only this step may refuse it.

use license_domain::{
    Changes, Event, EventKind, Job, JobId, JobKind, RenewalRun, SeatPrefix, Stamp, SubscriptionPlan, renewing::Refusal,
    seats::deal,
};

use super::snapshot::{AgreementSnapshot, SnapshotPlan};
use crate::{
    Store,
    assign::to_u64,
    idempotency::Step,
    jobs,
    keys::{self, BucketKeys},
    portfolios::sum,
    rows::{self, Bucket, attributes, number, text},
    table::{Expression, Write},
    transaction::{Commit, Transaction},
    update::{unchanged, unchanged_plan},
    write::record_changes,
};
use license_storage::{Change, RenewError, StoreError, places_to_copy};

/// The conditions of the transaction that begins a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// The renewal was changed, or its run was opened.
    Renewal,
    /// The title of the future plan is in use.
    Title,
    /// One of the plans, or a bucket, is not as it was read.
    Plan,
}

/// The future plan, hidden: its writes are part of the transaction.
struct Founding {
    future: SubscriptionPlan,
    epochs: Vec<u64>,
    kind: EventKind,
    grown: u64,
    changes: Changes,
}

impl Store {
    /// 1. Read the buckets of the prior plan, and of the given plan if there is one, strongly. Refuse: too few seats
    ///    for the licenses to copy; a given plan with other than unassigned licenses, or with too many.
    /// 2. One transaction: the renewal (its version as read; from now on it names the run, and is neither changed nor
    ///    deleted); the prior plan (its version as read, as its terms are copied); the future plan, hidden from
    ///    readers; the run, due in a minute; the event.
    ///    A new plan comes with its pointers, its title, its buckets and the pointer that says which renewal leads
    ///    to it, all on condition that nothing is there. A given one is changed (its version as read), and each of
    ///    its buckets counts no license, as read, and grows.
    /// 3. The title's condition failed, and not the renewal's: refused. Another condition failed: another call
    ///    committed first; `None`. The transaction conflicted: `None`.
    pub(super) async fn open_run(
        &self,
        snapshot: &AgreementSnapshot,
        change: &Change,
    ) -> Result<Option<Job>, RenewError> {
        let stamp = &change.stamp;
        let renewal = &snapshot.renewal;
        let Some(prior) = snapshot.plan(renewal.prior_subscription_plan) else {
            return Err(StoreError::Corrupt { key: format!("renewal {}", renewal.id), cause: "no plan".into() }.into());
        };
        let given = renewal.renewed_subscription_plan.and_then(|plan| snapshot.plan(plan));
        // A plan that another renewal builds will be finished soon.
        if prior.hidden_by.is_some() || given.is_some_and(|given| given.hidden_by.is_some()) {
            return Ok(None);
        }
        let run = self.random.job_id();
        let mut transaction = Transaction::new("begin renewal");
        let founding = match given {
            Some(given) => self.found_on_given(&mut transaction, snapshot, (prior.plan, given), run, stamp).await?,
            None => self.found_new(&mut transaction, snapshot, prior.plan, run, stamp).await?,
        };
        let of = RenewalRun { renewal: renewal.id, future_plan: founding.future.uuid, epochs: founding.epochs };
        let job = Job::internal(run, JobKind::Renew, &snapshot.portfolio.agreement, stamp);
        // A chunk for each part of the list, so that a turn goes on where the last one ended, and one that ends the run.
        let parts = places_to_copy(prior.plan, renewal.license_types_to_copy).len();
        let job = Job { renewal: Some(of), chunks: to_u64(parts) + 1, lanes: 1, ..job };

        let Expression { text: condition, names, values } = unchanged(snapshot.version);
        let terms = Expression { text: String::new(), names, values }
            .name(attributes::RUN)
            .value("run", text(run))
            .value("one", number(1));
        let update = Write::Update {
            key: snapshot.keys().renewal(renewal.id),
            update: "SET #version = #version + :one, #run = :run".to_owned(),
            condition: Some(condition),
            terms,
        };
        transaction.when(Failed::Renewal, [update]);
        let prior = Write::Check { key: snapshot.keys().plan(prior.plan.uuid), condition: unchanged(prior.version) };
        transaction.when(Failed::Plan, [prior]);
        transaction.write([Write::create(jobs::item(&job, None)?)]);
        let event = Event {
            renewal: Some(renewal.id),
            changes: founding.changes,
            count: (founding.grown > 0).then_some(founding.grown),
            ..self.license_event(
                founding.kind,
                &snapshot.portfolio,
                founding.future.uuid,
                Vec::new(),
                Vec::new(),
                stamp,
            )
        };
        transaction.event(&event)?;
        transaction.record(change, Step::Opens(run))?;
        match self.commit(transaction).await? {
            Commit::Done => Ok(Some(Job { version: 1, ..job })),
            Commit::Failed(failures) if failures.has(Failed::Title) && !failures.has(Failed::Renewal) => {
                Err(Refusal::TitleTaken { title: founding.future.title }.into())
            }
            Commit::Conflict | Commit::Failed(_) => Ok(None),
        }
    }

    async fn found_new(
        &self,
        transaction: &mut Transaction<Failed>,
        snapshot: &AgreementSnapshot,
        prior: &SubscriptionPlan,
        run: JobId,
        stamp: &Stamp,
    ) -> Result<Founding, RenewError> {
        let buckets = self.buckets(prior).await?;
        let licenses = sum(prior.seats.total, &buckets.iter().map(|(_, bucket)| *bucket).collect::<Vec<_>>());
        snapshot.renewal.check((prior, &licenses), None)?;
        let (high, _) = self.random.uuid().as_u64_pair();
        let prefix = SeatPrefix::from_bits(high);
        let future = snapshot.renewal.new_plan(prior, self.random.plan_id(), prefix, stamp.at);
        let keys = snapshot.keys();
        transaction.when(Failed::Title, [Write::create(rows::pointer(&keys.title(&future.title), future.uuid))]);
        // Ids and prefixes are random, so they are new.
        transaction.write([
            Write::create(rows::hidden_plan(&future, 1, run, stamp)?),
            Write::create(rows::pointer(&keys::plan(future.uuid), future.customer_agreement)),
            Write::create(rows::pointer(&keys::seats(prefix), future.uuid)),
            Write::create(rows::pointer(&keys.entering(future.uuid), snapshot.renewal.id.0)),
        ]);
        for (seats, bucket) in deal(future.seats.total, future.seats.buckets).into_iter().zip(0_u16..) {
            let at = BucketKeys { plan: future.uuid, bucket };
            transaction.write([Write::create(Bucket { end: seats, ..Bucket::default() }.item(at)?)]);
        }
        let grown = future.seats.total;
        let epochs = vec![0; usize::from(future.seats.buckets)];
        let changes = record_changes(None, Some(&future));
        Ok(Founding { future, epochs, kind: EventKind::PlanCreated, grown, changes })
    }

    async fn found_on_given(
        &self,
        transaction: &mut Transaction<Failed>,
        snapshot: &AgreementSnapshot,
        (prior, given): (&SubscriptionPlan, SnapshotPlan<'_>),
        run: JobId,
        stamp: &Stamp,
    ) -> Result<Founding, RenewError> {
        let (of_prior, of_given) = futures::try_join!(self.buckets(prior), self.buckets(given.plan))?;
        let counts = |plan: &SubscriptionPlan, buckets: &[(BucketKeys, Bucket)]| {
            sum(plan.seats.total, &buckets.iter().map(|(_, bucket)| *bucket).collect::<Vec<_>>())
        };
        let (licenses, there) = (counts(prior, &of_prior), counts(given.plan, &of_given));
        snapshot.renewal.check((prior, &licenses), Some((given.plan, &there)))?;
        let future = snapshot.renewal.given_plan(given.plan, stamp.at);
        let item = rows::hidden_plan(&future, given.version + 1, run, stamp)?;
        let condition = unchanged_plan(given.version, given.plan.num_revocations_applied);
        transaction.when(Failed::Plan, [Write::Put { item, condition: Some(condition) }]);
        let grown = future.seats.total - given.plan.seats.total;
        let mut epochs = Vec::new();
        for (seats, bucket) in deal(grown, future.seats.buckets).into_iter().zip(0_u16..) {
            let at = BucketKeys { plan: future.uuid, bucket };
            let seen = of_given.iter().find(|(there, _)| *there == at).map(|(_, seen)| seen);
            epochs.push(seen.map_or(0, |seen| seen.epoch));
            let bucket = match seen {
                Some(seen) => pinned(at, seen, seats),
                None => Write::create(Bucket { end: seats, ..Bucket::default() }.item(at)?),
            };
            transaction.when(Failed::Plan, [bucket]);
        }
        let changes = record_changes(Some(given.plan), Some(&future));
        Ok(Founding { future, epochs, kind: EventKind::PlanUpdated, grown, changes })
    }
}

/// Adds seats to a bucket whose counters and epoch are as they were seen: all buckets together counted no license.
fn pinned(at: BucketKeys, seen: &Bucket, seats: u64) -> Write {
    let mut terms = Expression::default().name("epoch").value("epoch", number(seen.epoch));
    for (name, share) in [("assigned", seen.assigned), ("activated", seen.activated), ("revoked", seen.revoked)] {
        terms = terms.name(name).value(name, number(share));
    }
    let condition = "#assigned = :assigned AND #activated = :activated AND #revoked = :revoked AND #epoch = :epoch";
    if seats == 0 {
        return Write::Check { key: at.bucket(), condition: Expression { text: condition.to_owned(), ..terms } };
    }
    Write::Update {
        key: at.bucket(),
        update: "SET #end = #end + :seats".to_owned(),
        condition: Some(condition.to_owned()),
        terms: terms.name(attributes::END).value("seats", number(seats)),
    }
}
