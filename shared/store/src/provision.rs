//! Making agreements and plans.

use async_trait::async_trait;
use license_domain::{CustomerAgreement, Event, EventKind, Stamp, SubscriptionPlan, seats::deal};

use crate::{
    Store, StoreError,
    keys::{self, AgreementKeys, BucketKeys},
    ports::{CreateAgreementError, CreatePlanError, Provision},
    rows::{self, Bucket},
    table::{ATTEMPTS, Cancelled, Expression, Write},
    write::record_changes,
};

#[async_trait]
impl Provision for Store {
    /// One transaction, all of it on condition that nothing is there yet: the agreement, the pointers from its
    /// customer and from its slug; beside them the event. A pointer's condition failed: that name is taken. The
    /// transaction met another one: again after a random wait.
    async fn create_agreement(&self, agreement: &CustomerAgreement, stamp: &Stamp) -> Result<(), CreateAgreementError> {
        let event = Event {
            changes: record_changes(None, Some(agreement)),
            ..self.new_event(EventKind::AgreementCreated, agreement, stamp)
        };
        let slug = agreement.enterprise_customer_slug.as_deref();
        for attempt in 0..ATTEMPTS {
            let mut writes = vec![
                Write::create(rows::agreement(agreement, 1, stamp)?),
                Write::create(rows::pointer(&keys::enterprise(agreement.enterprise_customer_uuid), agreement.uuid)),
            ];
            writes.extend(slug.map(|slug| Write::create(rows::pointer(&keys::slug(slug), agreement.uuid))));
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let failed = |n: usize| stood.get(n).is_some_and(Option::is_some);
                    if failed(0) {
                        // The id is random: another request gets another one.
                        return Err(StoreError::Contention { operation: "create agreement", attempts: 1 }.into());
                    }
                    return Err(CreateAgreementError::Taken {
                        enterprise: failed(1),
                        slug: slug.is_some() && failed(2),
                    });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "create agreement", attempts: ATTEMPTS }.into())
    }

    /// One transaction: the agreement (still there); the plan, the pointers from its id, its seats' prefix and
    /// its title, its buckets, all on condition that nothing is there yet; the event, which counts the seats.
    /// No seat is an item: they are the numbers between the buckets' `next` and `end`.
    async fn create_plan(
        &self,
        agreement: &CustomerAgreement,
        plan: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), CreatePlanError> {
        let keys = AgreementKeys(agreement.uuid);
        let event = Event {
            plan: Some(plan.uuid),
            count: Some(plan.seats.total),
            changes: record_changes(None, Some(plan)),
            ..self.new_event(EventKind::PlanCreated, agreement, stamp)
        };
        for attempt in 0..ATTEMPTS {
            let mut writes = vec![
                Write::Check { key: keys.agreement(), condition: Expression::present() },
                Write::create(rows::pointer(&keys.title(&plan.title), plan.uuid)),
                Write::create(rows::plan(plan, 1, stamp)?),
                Write::create(rows::pointer(&keys::plan(plan.uuid), agreement.uuid)),
                Write::create(rows::pointer(&keys::seats(plan.seats.prefix), plan.uuid)),
            ];
            for (seats, bucket) in deal(plan.seats.total, plan.seats.buckets).into_iter().zip(0_u16..) {
                let at = BucketKeys { plan: plan.uuid, bucket };
                writes.push(Write::create(Bucket { end: seats, ..Bucket::default() }.item(at)?));
            }
            writes.extend(Self::told(&event)?);
            match self.table.transact(writes, self.token()).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conflict) => self.table.wait(attempt).await,
                Err(Cancelled::Conditions(stood)) => {
                    let failed = |n: usize| stood.get(n).is_some_and(Option::is_some);
                    return Err(match (failed(0), failed(1)) {
                        (true, _) => CreatePlanError::NoAgreement,
                        (false, true) => CreatePlanError::TitleTaken,
                        // Ids and prefixes are random: another request gets others.
                        (false, false) => StoreError::Contention { operation: "create plan", attempts: 1 }.into(),
                    });
                }
                Err(Cancelled::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Contention { operation: "create plan", attempts: ATTEMPTS }.into())
    }
}
