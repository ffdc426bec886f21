//! Stored renewals: create, change, delete. [`crate::renew`] processes them. A renewal that is being processed can be
//! neither changed nor deleted.

use async_trait::async_trait;
use license_domain::{AgreementId, Event, EventKind, Portfolio, RenewalId, Stamp, SubscriptionPlanRenewal};

use crate::{
    Store,
    attempts::Attempt,
    decode::RowKeys,
    keys::{self, AgreementKeys},
    plan_work::look_soon,
    rows::{self, attributes},
    table::{Expression, Write},
    transaction::Commit,
    update::{move_pointer, unchanged},
    write::record_changes,
};
use license_storage::{Change, Portfolios, RenewalError, Renewals, StoreError};

/// The conditions of a renewal's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// One of its plans has another renewal.
    PlanTaken,
    /// The renewal, or one of its plans.
    Changed,
}

#[async_trait]
impl Renewals for Store {
    async fn portfolio_of_renewal(&self, renewal: RenewalId) -> Result<Option<Portfolio>, StoreError> {
        let Some(item) = self.table.get(&keys::renewal(renewal)).await? else {
            return Ok(None);
        };
        self.portfolio(rows::target(&item)?).await
    }

    async fn all_renewals(&self) -> Result<Vec<(RenewalId, AgreementId)>, StoreError> {
        let renewal = |keys: &RowKeys| {
            let agreement = AgreementKeys::of_partition(keys.partition())?;
            Some((RenewalId(keys.sort_key().parse().ok()?), agreement))
        };
        self.list_all(keys::ALL_RENEWALS, renewal).await
    }

    /// One update of the sequence, which every import raises above its own numbers. Gaps do no harm.
    async fn next_renewal_id(&self) -> Result<RenewalId, StoreError> {
        self.table.next_number(&keys::renewal_sequence()).await.map(RenewalId)
    }

    /// One transaction: both plans (still there), of which the prior one is looked at soon; the renewal, the pointer from
    /// its number, and the pointers from the prior and the future plan, all on condition that none exists yet; the event. A
    /// plan's pointer failed: taken. Anything else: changed. The transaction conflicted: again after a random wait.
    async fn create_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(renewal.customer_agreement);
        let event = self.renewal_event(EventKind::RenewalCreated, portfolio, (None, Some(renewal)), change);
        let (keys, event) = (&keys, &event);
        self.transact("create renewal", (), |mut transaction, ()| async move {
            let pointer = |key| Write::create(rows::pointer(&key, renewal.id.0));
            let present = |plan| Write::Check { key: keys.plan(plan), condition: Expression::present() };
            let (leaves, enters) = (renewal.prior_subscription_plan, renewal.renewed_subscription_plan);
            transaction.when(Failed::PlanTaken, [pointer(keys.leaving(leaves))]);
            transaction.when(Failed::PlanTaken, enters.map(|plan| pointer(keys.entering(plan))));
            transaction.when(Failed::Changed, [Write::create(rows::renewal(renewal, 1, change)?)]);
            let by_number = rows::pointer(&keys::renewal(renewal.id), renewal.customer_agreement);
            let looked_at = look_soon(renewal.customer_agreement, leaves, change.at);
            transaction.when(Failed::Changed, [Write::create(by_number), looked_at]);
            transaction.when(Failed::Changed, enters.map(present));
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) if failures.has(Failed::PlanTaken) => Err(RenewalError::Taken),
                Commit::Failed(_) => Err(RenewalError::Changed),
            }
        })
        .await
    }

    /// 1. Read the renewal, strongly. It is no longer `before`: changed.
    /// 2. One transaction: the renewal (its version as read); if the future plan is another one, the new pointer
    ///    (absent), and the old one is deleted; the prior plan is looked at soon; the event.
    /// 3. The pointer failed: taken. The renewal: changed. The transaction conflicted: again.
    async fn update_renewal(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlanRenewal,
        after: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(before.customer_agreement);
        let entering =
            &|renewal: &SubscriptionPlanRenewal| renewal.renewed_subscription_plan.map(|plan| keys.entering(plan));
        let event = self.renewal_event(EventKind::RenewalUpdated, portfolio, (Some(before), Some(after)), change);
        let event = &event;
        self.transact("update renewal", (), |mut transaction, ()| async move {
            let version = self.seen(before).await?;
            let put = rows::renewal(after, version + 1, change)?;
            transaction.when(Failed::Changed, [Write::Put { item: put, condition: Some(unchanged(version)) }]);
            let looked_at = look_soon(before.customer_agreement, before.prior_subscription_plan, change.at);
            transaction.when(Failed::Changed, [looked_at]);
            move_pointer(&mut transaction, Failed::PlanTaken, entering(before), entering(after), after.id.0);
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) if failures.has(Failed::Changed) => Err(RenewalError::Changed),
                Commit::Failed(_) => Err(RenewalError::Taken),
            }
        })
        .await
    }

    /// As in changing, one transaction deletes the renewal (its version as read) and all its pointers, and writes the
    /// event.
    async fn delete_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(renewal.customer_agreement);
        let event = self.renewal_event(EventKind::RenewalDeleted, portfolio, (Some(renewal), None), change);
        let (keys, event) = (&keys, &event);
        self.transact("delete renewal", (), |mut transaction, ()| async move {
            let version = self.seen(renewal).await?;
            let delete = Write::Delete { key: keys.renewal(renewal.id), condition: Some(unchanged(version)) };
            let looked_at = look_soon(renewal.customer_agreement, renewal.prior_subscription_plan, change.at);
            transaction.when(Failed::Changed, [delete, looked_at]);
            let pointers = [keys::renewal(renewal.id), keys.leaving(renewal.prior_subscription_plan)];
            let entering = renewal.renewed_subscription_plan.map(|plan| keys.entering(plan));
            let pointers = pointers.into_iter().chain(entering);
            transaction.write(pointers.map(|key| Write::Delete { key, condition: None }));
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(_) => Err(RenewalError::Changed),
            }
        })
        .await
    }
}

impl Store {
    /// The version of the renewal's item, if the renewal has not changed.
    async fn seen(&self, renewal: &SubscriptionPlanRenewal) -> Result<u64, RenewalError> {
        let key = AgreementKeys(renewal.customer_agreement).renewal(renewal.id);
        let item = self.table.get(&key).await?.ok_or(RenewalError::Changed)?;
        let version = rows::version_of(&item)?;
        let is_under_way = item.contains_key(attributes::RUN);
        let found: SubscriptionPlanRenewal = rows::from_item(item)?;
        if is_under_way {
            return Err(RenewalError::UnderWay);
        }
        if found == *renewal { Ok(version) } else { Err(RenewalError::Changed) }
    }

    fn renewal_event(
        &self,
        kind: EventKind,
        portfolio: &Portfolio,
        (before, after): (Option<&SubscriptionPlanRenewal>, Option<&SubscriptionPlanRenewal>),
        stamp: &Stamp,
    ) -> Event {
        let renewal = after.or(before);
        Event {
            plan: renewal.map(|renewal| renewal.prior_subscription_plan),
            renewal: renewal.map(|renewal| renewal.id),
            changes: record_changes(before, after),
            ..self.new_event(kind, &portfolio.agreement, stamp)
        }
    }
}
