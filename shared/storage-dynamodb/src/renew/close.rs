//! The end of processing a renewal: from then on all readers see the future plan.

use license_domain::{Event, EventKind, Job, JobState, RenewalRun, Stamp, SubscriptionPlan};

use super::{
    corrupt, renewal_of,
    snapshot::{AgreementSnapshot, SnapshotPlan},
};
use crate::{
    Store,
    attempts::Attempt,
    audit_trails::version_is,
    jobs,
    keys::BucketKeys,
    rows::{self, number},
    table::{Expression, Write},
    transaction::Transaction,
    update::{unchanged, unchanged_plan},
    write::record_changes,
};
use license_storage::{Jobs, Portfolios, Renewed, StoreError};

/// The conditions of closing a renewal.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The renewal, a plan or a bucket is not as it was read.
    Changed,
    /// Another call closed the run, or the sweeper changed it.
    Closed,
}

impl Store {
    /// 1. Read the agreement, hidden plans included, strongly, and the run. If the renewal is processed: another call
    ///    closed it.
    /// 2. One transaction: the renewal (its version as read) is processed and leads to the future plan; that plan
    ///    (its version as read) is shown; where the prior plan auto-applies, the flag leaves it (its version as read)
    ///    for the future plan, or ends; the epochs of its buckets are raised, so that a copy that is still under way
    ///    fails; the run (its version as read) is done and no longer due; the event.
    /// 3. A condition failed (the prior plan was changed, or the run closed) or the transaction conflicted: repeat from
    ///    1 after a random wait.
    pub(super) async fn close_run(&self, run: &Job, stamp: &Stamp) -> Result<Renewed, StoreError> {
        let of = renewal_of(run)?;
        self.transact("close renewal", (), |mut transaction, ()| async move {
            let snapshot = self.agreement_snapshot(run.customer_agreement, of.renewal).await?;
            let mut snapshot = snapshot.ok_or_else(|| corrupt(run, "no renewal"))?;
            if snapshot.renewal.processed {
                let AgreementSnapshot { portfolio, renewal, .. } = snapshot;
                return Ok(Attempt::Done(Renewed { portfolio, renewal, is_new: false }));
            }
            let plan = |id| snapshot.plan(id).ok_or_else(|| corrupt(run, "no plan"));
            let (prior, future) = (plan(snapshot.renewal.prior_subscription_plan)?, plan(of.future_plan)?);
            if snapshot.run != Some(run.uuid) || future.hidden_by != Some(run.uuid) {
                return Err(corrupt(run, "another run has its renewal or its plan"));
            }
            let seen = self.job(run.uuid).await?.ok_or_else(|| corrupt(run, "no run"))?;
            self.closing(&mut transaction, &snapshot, (prior, future), of, stamp).await?;
            transaction.when(Failed::Closed, [done(&seen, stamp)?]);
            let commit = self.commit(transaction).await?;
            snapshot.renewal = snapshot.renewal.carried_out(of.future_plan, stamp.at);
            let AgreementSnapshot { portfolio, renewal, .. } = snapshot;
            Ok(commit.or_retry(Renewed { portfolio, renewal, is_new: true }))
        })
        .await
    }

    async fn closing(
        &self,
        transaction: &mut Transaction<Failed>,
        snapshot: &AgreementSnapshot,
        (prior, future): (SnapshotPlan<'_>, SnapshotPlan<'_>),
        of: &RenewalRun,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let counts = self.seat_counts(&[prior.plan, future.plan]).await?;
        let counts_of = |plan: SnapshotPlan<'_>| {
            *counts.get(&plan.plan.uuid).expect("seat_counts has every plan that it is asked for")
        };
        let held = counts_of(future).allocated();
        let left_out = snapshot.renewal.license_types_to_copy.count(&counts_of(prior)).saturating_sub(held);
        if left_out > 0 {
            tracing::warn!(renewal = %of.renewal, left_out, "licenses assigned during a renewal found no seat");
        }

        let renewal = snapshot.renewal.carried_out(of.future_plan, stamp.at);
        let handed_over = snapshot.renewal.hand_over(prior.plan, future.plan, stamp.at);
        let put = |seen: SnapshotPlan<'_>, plan: &SubscriptionPlan| {
            let condition = unchanged_plan(seen.version, seen.plan.num_revocations_applied);
            Ok::<_, StoreError>(Write::Put {
                item: rows::plan(plan, seen.version + 1, stamp)?,
                condition: Some(condition),
            })
        };
        let item = rows::renewal(&renewal, snapshot.version + 1, stamp)?;
        transaction.when(Failed::Changed, [Write::Put { item, condition: Some(unchanged(snapshot.version)) }]);
        if let Some((before, after)) = &handed_over {
            transaction.when(Failed::Changed, [put(prior, before)?, put(future, after)?]);
            for (was, is) in [(prior.plan, before), (future.plan, after)] {
                let event = Event {
                    plan: Some(is.uuid),
                    changes: record_changes(Some(was), Some(is)),
                    ..self.new_event(EventKind::PlanUpdated, &snapshot.portfolio.agreement, stamp)
                };
                transaction.event(&event)?;
            }
        } else {
            transaction.when(Failed::Changed, [put(future, future.plan)?]);
        }
        transaction.when(Failed::Changed, rows::buckets_of(of.future_plan, &future.plan.seats).map(next_epoch));
        let plan = future.plan.uuid;
        let event =
            self.license_event(EventKind::RenewalProcessed, &snapshot.portfolio, plan, Vec::new(), Vec::new(), stamp);
        let changes = record_changes(Some(&snapshot.renewal), Some(&renewal));
        transaction.event(&Event { renewal: Some(of.renewal), count: Some(held), changes, ..event })
    }
}

/// The write that raises the bucket's epoch.
fn next_epoch(at: BucketKeys) -> Write {
    Write::Update {
        key: at.bucket(),
        update: "ADD #epoch :one".to_owned(),
        condition: Some("attribute_exists(pk)".to_owned()),
        terms: Expression::default().name("epoch").value("one", number(1)),
    }
}

/// The write that ends the run: it is no longer due, and is deleted later.
fn done(seen: &Job, stamp: &Stamp) -> Result<Write, StoreError> {
    let after = Job { state: JobState::Done, modified: stamp.at, ..seen.clone() };
    Ok(Write::Put { item: jobs::item(&after, Some(seen))?, condition: Some(version_is(seen.version)) })
}
