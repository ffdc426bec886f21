//! Renewals on record: made, changed, deleted. Processing them is another matter: [`crate::renew`]. One that is being
//! processed is neither changed nor deleted.

use async_trait::async_trait;
use license_domain::{AgreementId, Event, EventKind, Portfolio, RenewalId, Stamp, SubscriptionPlanRenewal};

use crate::{
    Store, StoreError,
    keys::{self, AgreementKeys, Key},
    ports::{Portfolios, RenewalError, Renewals},
    rows::{self, attributes},
    table::{ATTEMPTS, Cancelled, Expression, Write},
    update::{moved, unchanged},
    write::record_changes,
};

#[async_trait]
impl Renewals for Store {
    async fn portfolio_of_renewal(&self, renewal: RenewalId) -> Result<Option<Portfolio>, StoreError> {
        let Some(item) = self.table.get(&keys::renewal(renewal)).await? else {
            return Ok(None);
        };
        match rows::target::<AgreementId>(&item) {
            Some(agreement) => self.portfolio(agreement).await,
            None => Ok(None),
        }
    }

    async fn all_renewals(&self) -> Result<Vec<(RenewalId, AgreementId)>, StoreError> {
        let items = self.list_all(keys::ALL_RENEWALS).await?;
        let renewal = |item: &keys::Item| {
            let agreement = AgreementKeys::of_partition(&Key::of(item)?.pk)?;
            Some((RenewalId(keys::sort_key_in(item, keys::GSI2)?.parse().ok()?), agreement))
        };
        Ok(items.iter().filter_map(renewal).collect())
    }

    /// One update of the sequence, which every import raises above its own numbers. Gaps are fine.
    async fn next_renewal_id(&self) -> Result<RenewalId, StoreError> {
        self.table.next_number(&keys::renewal_sequence()).await.map(RenewalId)
    }

    /// One transaction: both plans (still there); the renewal, the pointer from its number, and those that say
    /// which renewal leaves the one plan and which enters the other, all on condition that there is none yet;
    /// the event. A plan's pointer failed: taken. Anything else: changed. The transaction met another one: again
    /// after a random wait.
    async fn create_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(renewal.customer_agreement);
        let present = |plan| Write::Check { key: keys.plan(plan), condition: Expression::present() };
        let event = self.renewal_event(EventKind::RenewalCreated, portfolio, (None, Some(renewal)), stamp);
        for attempt in 0..ATTEMPTS {
            let pointer = |key| Write::create(rows::pointer(&key, renewal.id.0));
            let mut writes = vec![pointer(keys.leaving(renewal.prior_subscription_plan))];
            writes.extend(renewal.renewed_subscription_plan.map(|plan| pointer(keys.entering(plan))));
            let of_plans = writes.len();
            writes.push(Write::create(rows::renewal(renewal, 1, stamp)?));
            writes.push(Write::create(rows::pointer(&keys::renewal(renewal.id), renewal.customer_agreement)));
            writes.push(present(renewal.prior_subscription_plan));
            writes.extend(renewal.renewed_subscription_plan.map(present));
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let is_taken = stood.iter().take(of_plans).any(Option::is_some);
                    return Err(if is_taken { RenewalError::Taken } else { RenewalError::Changed });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "create renewal", attempts: ATTEMPTS }.into())
    }

    /// 1. Read the renewal, strongly. It is not `before` any more: changed.
    /// 2. One transaction: the renewal (its version as read); where the plan that it enters is another one, the new
    ///    pointer (absent) and the old one's end; the event.
    /// 3. The pointer failed: taken. The renewal: changed. The transaction met another one: again.
    async fn update_renewal(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlanRenewal,
        after: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(before.customer_agreement);
        let entering =
            |renewal: &SubscriptionPlanRenewal| renewal.renewed_subscription_plan.map(|plan| keys.entering(plan));
        let event = self.renewal_event(EventKind::RenewalUpdated, portfolio, (Some(before), Some(after)), stamp);
        for attempt in 0..ATTEMPTS {
            let version = self.seen(before).await?;
            let put = rows::renewal(after, version + 1, stamp)?;
            let mut writes = vec![Write::Put { item: put, condition: Some(unchanged(version)) }];
            writes.extend(moved(entering(before), entering(after), after.id.0));
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let is_changed = stood.first().is_some_and(Option::is_some);
                    return Err(if is_changed { RenewalError::Changed } else { RenewalError::Taken });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "update renewal", attempts: ATTEMPTS }.into())
    }

    /// As in changing: the renewal (its version as read) and all its pointers end together, beside the event.
    async fn delete_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError> {
        let keys = AgreementKeys(renewal.customer_agreement);
        let event = self.renewal_event(EventKind::RenewalDeleted, portfolio, (Some(renewal), None), stamp);
        for attempt in 0..ATTEMPTS {
            let version = self.seen(renewal).await?;
            let pointers = [Some(keys::renewal(renewal.id)), Some(keys.leaving(renewal.prior_subscription_plan))];
            let entering = renewal.renewed_subscription_plan.map(|plan| keys.entering(plan));
            let mut writes = vec![Write::Delete { key: keys.renewal(renewal.id), condition: Some(unchanged(version)) }];
            let pointers = pointers.into_iter().chain([entering]).flatten();
            writes.extend(pointers.map(|key| Write::Delete { key, condition: None }));
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(_)) => return Err(RenewalError::Changed),
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "delete renewal", attempts: ATTEMPTS }.into())
    }
}

impl Store {
    /// The version of the renewal's item, if the renewal is still this one.
    async fn seen(&self, renewal: &SubscriptionPlanRenewal) -> Result<u64, RenewalError> {
        let key = AgreementKeys(renewal.customer_agreement).renewal(renewal.id);
        let item = self.table.get(&key).await?.ok_or(RenewalError::Changed)?;
        let version = rows::version_of(&item);
        let is_under_way = item.contains_key(attributes::BATCH);
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
