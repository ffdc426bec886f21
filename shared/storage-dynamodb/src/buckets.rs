//! Reads plans' buckets, strongly consistently. A plan has all of its buckets; it has none once it is deleted.

use license_domain::{PlanId, SubscriptionPlan};

use crate::{
    Store,
    keys::{BucketKeys, Item, Key},
    rows::{self, Bucket},
};
use license_storage::StoreError;

/// A plan's buckets, in order.
pub(crate) type Buckets = Vec<(BucketKeys, Bucket)>;

impl Store {
    /// One bucket.
    pub(crate) async fn bucket(&self, at: BucketKeys) -> Result<Option<Bucket>, StoreError> {
        self.table.get(&at.bucket()).await?.map(rows::from_item).transpose()
    }

    /// All buckets of a plan, in order; none if the plan was deleted meanwhile.
    pub(crate) async fn buckets(&self, plan: &SubscriptionPlan) -> Result<Buckets, StoreError> {
        let mut found = self.buckets_of_each(&[plan]).await?;
        Ok(found.pop().expect("as many as plans"))
    }

    /// The same for each of these plans, in one read.
    ///
    /// 1. Read the buckets. The read is no snapshot: if a plan is deleted at the same time, some of its buckets may be
    ///    found.
    /// 2. Read the buckets of such plans again. Some are still missing: the plan is damaged, and its counts would be
    ///    too low.
    pub(crate) async fn buckets_of_each(&self, plans: &[&SubscriptionPlan]) -> Result<Vec<Buckets>, StoreError> {
        let (mut found, _) = self.stored_buckets_and(plans, None).await?;
        for (plan, buckets) in plans.iter().zip(&mut found) {
            *buckets = self.completed(plan, std::mem::take(buckets)).await?;
        }
        Ok(found)
    }

    /// These buckets of a plan; if they are not all of them, the buckets are read again.
    pub(crate) async fn completed(&self, plan: &SubscriptionPlan, buckets: Buckets) -> Result<Buckets, StoreError> {
        if !is_partial(plan, &buckets) {
            return Ok(buckets);
        }
        let buckets = self.stored_buckets(plan).await?;
        if is_partial(plan, &buckets) {
            Err(missing(plan.uuid, buckets.len(), plan.seats.buckets))
        } else {
            Ok(buckets)
        }
    }

    /// The buckets of a plan that there are.
    pub(crate) async fn stored_buckets(&self, plan: &SubscriptionPlan) -> Result<Buckets, StoreError> {
        let (mut found, _) = self.stored_buckets_and(&[plan], None).await?;
        Ok(found.pop().expect("as many as plans"))
    }

    /// The buckets of these plans that there are, and another item, in one read.
    pub(crate) async fn stored_buckets_and(
        &self,
        plans: &[&SubscriptionPlan],
        other: Option<&Key>,
    ) -> Result<(Vec<Buckets>, Option<Item>), StoreError> {
        let places: Vec<Vec<BucketKeys>> =
            plans.iter().map(|plan| rows::buckets_of(plan.uuid, &plan.seats).collect()).collect();
        let keys: Vec<Key> = places.iter().flatten().map(|at| at.bucket()).chain(other.cloned()).collect();
        let mut items = match self.take_ahead(&keys) {
            Some(items) => items,
            None => self.table.batch_get(&keys).await?,
        };
        let other = other.and_then(|key| items.remove(key));
        let mut stored = |at: BucketKeys| Some((at, items.remove(&at.bucket())?));
        let each = places.into_iter().map(|places| {
            let of_plan = places.into_iter().filter_map(&mut stored);
            of_plan.map(|(at, item)| Ok((at, rows::from_item(item)?))).collect()
        });
        Ok((each.collect::<Result<_, StoreError>>()?, other))
    }
}

fn is_partial(plan: &SubscriptionPlan, buckets: &[(BucketKeys, Bucket)]) -> bool {
    !buckets.is_empty() && buckets.len() < usize::from(plan.seats.buckets)
}

fn missing(plan: PlanId, found: usize, of: u16) -> StoreError {
    StoreError::Corrupt { key: format!("buckets of plan {plan}"), cause: format!("{found} of {of} are there") }
}
