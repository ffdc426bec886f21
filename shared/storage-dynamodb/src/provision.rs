//! Creates agreements and plans.

use async_trait::async_trait;
use license_domain::{CustomerAgreement, Event, EventKind, SubscriptionPlan, seats::deal};

use crate::{
    Store,
    attempts::Attempt,
    keys::{self, AgreementKeys, BucketKeys, Key},
    rows::{self, Bucket},
    table::{Expression, Write},
    transaction::Commit,
    write::record_changes,
};
use license_storage::{Change, CreateAgreementError, CreatePlanError, Provision};

/// The conditions of a new agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AgreementFailed {
    EnterpriseTaken,
    SlugTaken,
}

/// The conditions of a new plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlanFailed {
    NoAgreement,
    TitleTaken,
}

#[async_trait]
impl Provision for Store {
    /// One transaction, all on condition that nothing exists yet: the agreement, the pointers from its customer and
    /// from its slug; with them the event. A pointer's condition failed: that name is taken. The transaction
    /// conflicted: again after a random wait.
    async fn create_agreement(
        &self,
        agreement: &CustomerAgreement,
        change: &Change,
    ) -> Result<(), CreateAgreementError> {
        let event = Event {
            changes: record_changes(None, Some(agreement)),
            ..self.new_event(EventKind::AgreementCreated, agreement, change)
        };
        let slug = agreement.enterprise_customer_slug.as_deref();
        let event = &event;
        self.transact("create agreement", (), |mut transaction, ()| async move {
            let pointer = |key: &Key| Write::create(rows::pointer(key, agreement.uuid));
            // The id is random, so it is new.
            transaction.write([Write::create(rows::agreement(agreement, 1, change)?)]);
            transaction.when(
                AgreementFailed::EnterpriseTaken,
                [pointer(&keys::enterprise(agreement.enterprise_customer_uuid))],
            );
            transaction.when(AgreementFailed::SlugTaken, slug.map(|slug| pointer(&keys::slug(slug))));
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) => Err(CreateAgreementError::Taken {
                    enterprise: failures.has(AgreementFailed::EnterpriseTaken),
                    slug: failures.has(AgreementFailed::SlugTaken),
                }),
            }
        })
        .await
    }

    /// One transaction: the agreement (still there); the plan, the pointers from its id, its seats' prefix and its
    /// title, its buckets, all on condition that nothing exists yet; the event, which counts the seats. No seat is an
    /// item: they are the numbers between the buckets' `next` and `end`.
    async fn create_plan(
        &self,
        agreement: &CustomerAgreement,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), CreatePlanError> {
        let keys = AgreementKeys(agreement.uuid);
        let event = Event {
            plan: Some(plan.uuid),
            count: Some(plan.seats.total),
            changes: record_changes(None, Some(plan)),
            ..self.new_event(EventKind::PlanCreated, agreement, change)
        };
        let (keys, event) = (&keys, &event);
        self.transact("create plan", (), |mut transaction, ()| async move {
            let agreement_there = Write::Check { key: keys.agreement(), condition: Expression::present() };
            transaction.when(PlanFailed::NoAgreement, [agreement_there]);
            let title = rows::pointer(&keys.title(&plan.title), plan.uuid);
            transaction.when(PlanFailed::TitleTaken, [Write::create(title)]);
            // Ids and prefixes are random, so they are new.
            transaction.write([
                Write::create(rows::plan(plan, 1, change)?),
                Write::create(rows::pointer(&keys::plan(plan.uuid), agreement.uuid)),
                Write::create(rows::pointer(&keys::seats(plan.seats.prefix), plan.uuid)),
            ]);
            for (seats, bucket) in deal(plan.seats.total, plan.seats.buckets).into_iter().zip(0_u16..) {
                let at = BucketKeys { plan: plan.uuid, bucket };
                transaction.write([Write::create(Bucket { end: seats, ..Bucket::default() }.item(at)?)]);
            }
            transaction.add_event(event, change)?;
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) if failures.has(PlanFailed::NoAgreement) => Err(CreatePlanError::NoAgreement),
                Commit::Failed(_) => Err(CreatePlanError::TitleTaken),
            }
        })
        .await
    }
}
