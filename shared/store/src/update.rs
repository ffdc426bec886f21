//! Changing agreements and plans.

use async_trait::async_trait;
use license_domain::{
    CustomerAgreement, Event, EventKind, Portfolio, SeatLayout, Stamp, SubscriptionPlan, seats::deal,
};

use crate::{
    Store, StoreError,
    keys::{self, AgreementKeys, BucketKeys, Item, Key},
    ports::{DeletePlanError, Update, UpdateError},
    rows::{self, Bucket, attributes},
    table::{ATTEMPTS, Cancelled, Expression, Write},
    write::record_changes,
};

#[async_trait]
impl Update for Store {
    /// 1. Read the agreement's item, strongly. It is not `before` any more: changed.
    /// 2. One transaction: the agreement (its version as read); where the customer or the slug is another one, the
    ///    new pointer (absent) and the old one's end; the event.
    /// 3. A pointer's condition failed: that name is taken. The agreement's failed: changed. The transaction met
    ///    another one: from 1 after a random wait.
    async fn update_agreement(
        &self,
        before: &CustomerAgreement,
        after: &CustomerAgreement,
        stamp: &Stamp,
    ) -> Result<(), UpdateError> {
        let enterprise = |agreement: &CustomerAgreement| Some(keys::enterprise(agreement.enterprise_customer_uuid));
        let slug = |agreement: &CustomerAgreement| agreement.enterprise_customer_slug.as_deref().map(keys::slug);
        let event = Event {
            changes: record_changes(Some(before), Some(after)),
            ..self.new_event(EventKind::AgreementUpdated, after, stamp)
        };
        for attempt in 0..ATTEMPTS {
            let Some(item) = self.table.get(&AgreementKeys(before.uuid).agreement()).await? else {
                return Err(UpdateError::Changed);
            };
            let version = rows::version_of(&item);
            if rows::from_item::<CustomerAgreement>(item)? != *before {
                return Err(UpdateError::Changed);
            }
            let put = rows::agreement(after, version + 1, stamp)?;
            let mut writes = vec![Write::Put { item: put, condition: Some(unchanged(version)) }];
            let customers = moved(enterprise(before), enterprise(after), after.uuid);
            let slugs = moved(slug(before), slug(after), after.uuid);
            let (enterprise_at, slug_at) = (1, 1 + customers.len());
            writes.extend(customers);
            writes.extend(slugs);
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => {
                    self.cached.enterprises.forget(&before.enterprise_customer_uuid);
                    return Ok(());
                }
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let failed = |n: usize| stood.get(n).is_some_and(Option::is_some);
                    if failed(0) {
                        return Err(UpdateError::Changed);
                    }
                    let enterprise = slug_at > enterprise_at && failed(enterprise_at);
                    return Err(UpdateError::Taken { enterprise, slug: failed(slug_at) });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "update agreement", attempts: ATTEMPTS }.into())
    }

    /// 1. Read the plan's item, strongly. It is not `before` any more: changed.
    /// 2. One transaction: the plan (its version and its number of revocations as read); where the title is another
    ///    one, the new title (absent) and the old one's end; where seats are added, each bucket's end further on,
    ///    and buckets that there were not yet (absent); the event, which counts the seats.
    /// 3. The title's condition failed: it is taken. Another one's: changed. The transaction met another one:
    ///    from 1 after a random wait.
    async fn update_plan(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlan,
        after: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), UpdateError> {
        let keys = AgreementKeys(before.customer_agreement);
        let grown = after.seats.total.saturating_sub(before.seats.total);
        let event = Event {
            plan: Some(after.uuid),
            count: (grown > 0).then_some(grown),
            changes: record_changes(Some(before), Some(after)),
            ..self.new_event(EventKind::PlanUpdated, &portfolio.agreement, stamp)
        };
        for attempt in 0..ATTEMPTS {
            let Some(item) = self.table.get(&keys.plan(before.uuid)).await? else {
                return Err(UpdateError::Changed);
            };
            let version = rows::version_of(&item);
            if rows::from_item::<SubscriptionPlan>(item)? != *before {
                return Err(UpdateError::Changed);
            }
            let condition = unchanged_plan(version, before.num_revocations_applied);
            let put = Write::Put { item: rows::plan(after, version + 1, stamp)?, condition: Some(condition) };
            let titles = moved(Some(keys.title(&before.title)), Some(keys.title(&after.title)), after.uuid);
            let is_renamed = !titles.is_empty();
            let mut writes = vec![put];
            writes.extend(titles);
            writes.extend(grow(before.uuid, &before.seats, &after.seats)?);
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => {
                    self.cached.buckets.put(after.uuid, after.seats.buckets);
                    return Ok(());
                }
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let is_taken = is_renamed && stood.get(1).is_some_and(Option::is_some);
                    let is_changed = stood.first().is_some_and(Option::is_some);
                    return Err(if is_taken && !is_changed { UpdateError::TitleTaken } else { UpdateError::Changed });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "update plan", attempts: ATTEMPTS }.into())
    }

    async fn delete_plan(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), DeletePlanError> {
        self.delete_empty_plan(portfolio, plan, stamp).await
    }
}

pub(crate) fn unchanged(version: u64) -> Expression {
    Expression::new("#version = :seen").name(attributes::VERSION).value("seen", rows::number(version))
}

/// Revoking counts on the plan without a new version, so that revocations do not stand in each other's way.
pub(crate) fn unchanged_plan(version: u64, revocations: u64) -> Expression {
    Expression::new("#version = :seen AND #num_revocations_applied = :applied")
        .name(attributes::VERSION)
        .name("num_revocations_applied")
        .value("seen", rows::number(version))
        .value("applied", rows::number(revocations))
}

/// A pointer that leads from another key: the new one first.
pub(crate) fn moved(from: Option<Key>, to: Option<Key>, target: impl ToString) -> Vec<Write> {
    if from == to {
        return Vec::new();
    }
    let new = to.map(|key| Write::create(rows::pointer(&key, target)));
    let old = from.map(|key| Write::Delete { key, condition: None });
    new.into_iter().chain(old).collect()
}

/// Deals new seats to the buckets. Those that there were keep what they have.
fn grow(plan: license_domain::PlanId, before: &SeatLayout, after: &SeatLayout) -> Result<Vec<Write>, StoreError> {
    let added = after.total.saturating_sub(before.total);
    let dealt = deal(added, after.buckets).into_iter().zip(0_u16..);
    let write = |(seats, bucket): (u64, u16)| {
        let at = BucketKeys { plan, bucket };
        if bucket >= before.buckets {
            let item: Item = Bucket { end: seats, ..Bucket::default() }.item(at)?;
            return Ok(Some(Write::create(item)));
        }
        Ok((seats > 0).then(|| Write::Update {
            key: at.bucket(),
            update: "SET #end = #end + :seats".to_owned(),
            condition: Some("attribute_exists(pk)".to_owned()),
            terms: Expression::default().name(attributes::END).value("seats", rows::number(seats)),
        }))
    };
    dealt.filter_map(|dealt| write(dealt).transpose()).collect()
}
