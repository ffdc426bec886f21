//! Changes agreements and plans.

use async_trait::async_trait;
use license_domain::{
    Consequence, CustomerAgreement, Event, EventKind, Portfolio, SeatLayout, SubscriptionPlan, seats::deal,
};

use crate::{
    Store,
    attempts::Attempt,
    keys::{self, AgreementKeys, BucketKeys, Item, Key},
    rows::{self, Bucket, attributes},
    table::{Expression, Write},
    transaction::{Commit, Transaction},
    write::record_changes,
};
use license_storage::{Change, DeletePlanError, StoreError, Update, UpdateError};

/// The conditions of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// The agreement or plan, or one of the plan's buckets, is not as it was read.
    Changed,
    EnterpriseTaken,
    SlugTaken,
    TitleTaken,
}

#[async_trait]
impl Update for Store {
    /// 1. Read the agreement's item, strongly. It is no longer `before`: changed.
    /// 2. One transaction: the agreement (its version as read); if the customer or the slug is another one, the new
    ///    pointer (absent), and the old one is deleted; the event.
    /// 3. A pointer's condition failed: that name is taken. The agreement's failed: changed. The transaction
    ///    conflicted: repeat from 1 after a random wait.
    async fn update_agreement(
        &self,
        before: &CustomerAgreement,
        after: &CustomerAgreement,
        change: &Change,
    ) -> Result<(), UpdateError> {
        let enterprise = &|agreement: &CustomerAgreement| Some(keys::enterprise(agreement.enterprise_customer_uuid));
        let slug = &|agreement: &CustomerAgreement| agreement.enterprise_customer_slug.as_deref().map(keys::slug);
        let event = Event {
            changes: record_changes(Some(before), Some(after)),
            ..self.new_event(EventKind::AgreementUpdated, after, change)
        };
        let event = &event;
        let updated = self.transact("update agreement", (), |mut transaction, ()| async move {
            let Some(item) = self.table.get(&AgreementKeys(before.uuid).agreement()).await? else {
                return Err(UpdateError::Changed);
            };
            let version = rows::version_of(&item)?;
            if rows::from_item::<CustomerAgreement>(item)? != *before {
                return Err(UpdateError::Changed);
            }
            let put = rows::agreement(after, version + 1, change)?;
            transaction.when(Failed::Changed, [Write::Put { item: put, condition: Some(unchanged(version)) }]);
            move_pointer(&mut transaction, Failed::EnterpriseTaken, enterprise(before), enterprise(after), after.uuid);
            move_pointer(&mut transaction, Failed::SlugTaken, slug(before), slug(after), after.uuid);
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) if failures.has(Failed::Changed) => Err(UpdateError::Changed),
                Commit::Failed(failures) => Err(UpdateError::Taken {
                    enterprise: failures.has(Failed::EnterpriseTaken),
                    slug: failures.has(Failed::SlugTaken),
                }),
            }
        });
        updated.await?;
        self.cached.enterprises.forget(&before.enterprise_customer_uuid);
        Ok(())
    }

    /// 1. Read the plan's item, strongly. It is no longer `before`: changed.
    /// 2. One transaction: the plan (its version and its number of revocations as read); if the title is another one,
    ///    the new title (absent), and the old one is deleted; if seats are added, each bucket's end is raised, and
    ///    missing buckets are created (absent); the event, which counts the seats.
    /// 3. The title's condition failed: it is taken. Another one's: changed. The transaction conflicted: repeat from 1
    ///    after a random wait.
    async fn update_plan(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlan,
        after: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), UpdateError> {
        let keys = AgreementKeys(before.customer_agreement);
        let grown = after.seats.total.saturating_sub(before.seats.total);
        // A renewal may have led to the plan, with too few seats for those who came to the prior plan afterwards.
        let mut renewals = portfolio.prior_renewals_of(after.uuid);
        let has_more = grown > 0 && renewals.any(|renewal| renewal.processed && renewal.effective_date > change.at);
        let event = Event {
            plan: Some(after.uuid),
            count: (grown > 0).then_some(grown),
            changes: record_changes(Some(before), Some(after)),
            consequences: if has_more { vec![Consequence::CarryOver] } else { Vec::new() },
            ..self.new_event(EventKind::PlanUpdated, &portfolio.agreement, change)
        };
        let (keys, event) = (&keys, &event);
        let updated = self.transact("update plan", (), |mut transaction, ()| async move {
            let Some(item) = self.table.get(&keys.plan(before.uuid)).await? else {
                return Err(UpdateError::Changed);
            };
            let version = rows::version_of(&item)?;
            if rows::from_item::<SubscriptionPlan>(item)? != *before {
                return Err(UpdateError::Changed);
            }
            let condition = unchanged_plan(version, before.num_revocations_applied);
            let put = Write::Put { item: rows::plan(after, version + 1, change)?, condition: Some(condition) };
            transaction.when(Failed::Changed, [put]);
            let titles = (keys.title(&before.title), keys.title(&after.title));
            move_pointer(&mut transaction, Failed::TitleTaken, Some(titles.0), Some(titles.1), after.uuid);
            transaction.when(Failed::Changed, grow(before.uuid, &before.seats, &after.seats)?);
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) if failures.has(Failed::Changed) => Err(UpdateError::Changed),
                Commit::Failed(_) => Err(UpdateError::TitleTaken),
            }
        });
        updated.await?;
        self.cached.buckets.put(after.uuid, after.seats.buckets);
        Ok(())
    }

    async fn delete_plan(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), DeletePlanError> {
        self.delete_empty_plan(portfolio, plan, change).await
    }
}

pub(crate) fn unchanged(version: u64) -> Expression {
    Expression::new("#version = :seen").name(attributes::VERSION).value("seen", rows::number(version))
}

/// Revocations change the plan's item without raising its version, so that they do not conflict with each other.
pub(crate) fn unchanged_plan(version: u64, revocations: u64) -> Expression {
    Expression::new("#version = :seen AND #num_revocations_applied = :applied")
        .name(attributes::VERSION)
        .name("num_revocations_applied")
        .value("seen", rows::number(version))
        .value("applied", rows::number(revocations))
}

/// Adds a pointer from another key, and deletes the old one; nothing if it is the same key.
pub(crate) fn move_pointer<C: Copy>(
    transaction: &mut Transaction<C>,
    taken: C,
    from: Option<Key>,
    to: Option<Key>,
    target: impl ToString,
) {
    if from == to {
        return;
    }
    transaction.when(taken, to.map(|key| Write::create(rows::pointer(&key, target))));
    transaction.write(from.map(|key| Write::Delete { key, condition: None }));
}

/// Distributes new seats among the buckets. Existing buckets keep their seats.
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
