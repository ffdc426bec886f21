//! The end of processing a renewal: from here on everybody sees the future plan.

use license_domain::{Event, EventKind, SubscriptionPlan};

use super::{
    record::Renewing,
    snapshot::{AgreementSnapshot, SnapshotPlan},
};
use crate::{
    Store,
    attempts::Attempt,
    batch::record::State,
    keys::{self, BatchKeys, BucketKeys, TTL},
    rows::{self, number, text},
    table::{Expression, Write},
    transaction::Transaction,
    update::{unchanged, unchanged_plan},
    write::record_changes,
};
use license_storage::{Portfolios, Renewed, StoreError};

/// The conditions of the end of a renewal.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The renewal, a plan or a bucket is not as it was read.
    Changed,
    /// Somebody else closed it.
    Closed,
}

impl Store {
    /// 1. Read the agreement, hidden plans included, strongly. The renewal is processed: somebody else closed it.
    /// 2. One transaction: the renewal (its version as read) is processed and leads to the future plan; that plan
    ///    (its version as read) is shown; where the prior plan auto-applies, the flag leaves it (its version as read)
    ///    for the future plan, or ends; the epochs of its buckets are raised, so that whoever still copies fails; the
    ///    batch (pending) is done and no longer due; the event.
    /// 3. A condition failed (somebody changed the prior plan, or closed) or the transaction met another one: from 1
    ///    after a random wait.
    pub(super) async fn close_renewal(&self, batch: &Renewing) -> Result<Renewed, StoreError> {
        self.transact("close renewal", (), |mut transaction, ()| async move {
            let sight = self.sight(batch.customer_agreement, batch.renewal).await?;
            let mut sight = sight.ok_or_else(|| batch.corrupt("no renewal"))?;
            if sight.renewal.processed {
                let AgreementSnapshot { portfolio, renewal, .. } = sight;
                return Ok(Attempt::Done(Renewed { portfolio, renewal, is_new: false }));
            }
            let plan = |id| sight.plan(id).ok_or_else(|| batch.corrupt("no plan"));
            let (prior, future) = (plan(sight.renewal.prior_subscription_plan)?, plan(batch.plan)?);
            if sight.batch != Some(batch.id) || future.hidden_by != Some(batch.id) {
                return Err(batch.corrupt("another batch has its renewal or its plan"));
            }
            self.closing(&mut transaction, &sight, (prior, future), batch).await?;
            let commit = self.commit(transaction).await?;
            sight.renewal = sight.renewal.carried_out(batch.plan, batch.stamp.at);
            let AgreementSnapshot { portfolio, renewal, .. } = sight;
            Ok(commit.or_retry(Renewed { portfolio, renewal, is_new: true }))
        })
        .await
    }

    async fn closing(
        &self,
        transaction: &mut Transaction<Failed>,
        sight: &AgreementSnapshot,
        (prior, future): (SnapshotPlan<'_>, SnapshotPlan<'_>),
        batch: &Renewing,
    ) -> Result<(), StoreError> {
        let stamp = &batch.stamp;
        let counts = self.seat_counts(&[prior.plan, future.plan]).await?;
        let of = |plan: SnapshotPlan<'_>| counts.get(&plan.plan.uuid).copied().unwrap_or_default();
        let held = of(future).allocated();
        let left_out = sight.renewal.license_types_to_copy.count(&of(prior)).saturating_sub(held);
        if left_out > 0 {
            tracing::warn!(renewal = %batch.renewal, left_out, "licenses assigned during a renewal found no seat");
        }

        let renewal = sight.renewal.carried_out(batch.plan, stamp.at);
        let handed_over = sight.renewal.hand_over(prior.plan, future.plan, stamp.at);
        let put = |seen: SnapshotPlan<'_>, plan: &SubscriptionPlan| {
            let condition = unchanged_plan(seen.version, seen.plan.num_revocations_applied);
            Ok::<_, StoreError>(Write::Put {
                item: rows::plan(plan, seen.version + 1, stamp)?,
                condition: Some(condition),
            })
        };
        let item = rows::renewal(&renewal, sight.version + 1, stamp)?;
        transaction.when(Failed::Changed, [Write::Put { item, condition: Some(unchanged(sight.version)) }]);
        if let Some((before, after)) = &handed_over {
            transaction.when(Failed::Changed, [put(prior, before)?, put(future, after)?]);
            for (was, is) in [(prior.plan, before), (future.plan, after)] {
                let event = Event {
                    plan: Some(is.uuid),
                    changes: record_changes(Some(was), Some(is)),
                    ..self.new_event(EventKind::PlanUpdated, &sight.portfolio.agreement, stamp)
                };
                transaction.event(&event)?;
            }
        } else {
            transaction.when(Failed::Changed, [put(future, future.plan)?]);
        }
        transaction.when(Failed::Changed, rows::buckets_of(batch.plan, &future.plan.seats).map(next_epoch));
        transaction.when(Failed::Closed, [done(batch)]);
        let plan = future.plan.uuid;
        let event =
            self.license_event(EventKind::RenewalProcessed, &sight.portfolio, plan, Vec::new(), Vec::new(), stamp);
        let changes = record_changes(Some(&sight.renewal), Some(&renewal));
        transaction.event(&Event { renewal: Some(batch.renewal), count: Some(held), changes, ..event })
    }
}

/// From now on the bucket is in another epoch.
fn next_epoch(at: BucketKeys) -> Write {
    Write::Update {
        key: at.bucket(),
        update: "ADD #epoch :one".to_owned(),
        condition: Some("attribute_exists(pk)".to_owned()),
        terms: Expression::default().name("epoch").value("one", number(1)),
    }
}

/// The batch's end; its item is deleted later.
fn done(batch: &Renewing) -> Write {
    let [pk, sk] = keys::key_names(keys::GSI3);
    let terms = Expression::default()
        .name("state")
        .name(TTL)
        .name(&pk)
        .name(&sk)
        .value("done", text(State::Done.as_str()))
        .value("pending", text(State::Pending.as_str()))
        .value("ttl", rows::batch_ttl(batch.stamp.at));
    Write::Update {
        key: BatchKeys(batch.id).batch(),
        update: format!("SET #state = :done, #ttl = :ttl REMOVE #{pk}, #{sk}"),
        condition: Some("#state = :pending".to_owned()),
        terms,
    }
}
