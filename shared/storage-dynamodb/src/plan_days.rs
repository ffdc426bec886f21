//! A plan's counts by day: one item for each day, beside the pointer from the plan's id.

use async_trait::async_trait;
use license_domain::{
    PlanId, Timestamp,
    utilization::{KEPT, PlanDay},
};

use crate::{
    Store,
    keys::{self, TTL},
    rows,
    table::{Range, Write},
};
use license_storage::{PlanDays, StoreError};

#[async_trait]
impl PlanDays for Store {
    async fn last_day(&self, plan: PlanId) -> Result<Option<PlanDay>, StoreError> {
        let range = Range {
            partition: keys::plan(plan).pk,
            prefix: Some(keys::DAY_PREFIX.to_owned()),
            descending: true,
            limit: Some(1),
            ..Range::default()
        };
        self.table.query(range).await?.pop().map(rows::from_item).transpose()
    }

    /// One write, on condition that the day is absent: of two sweepers one stores it.
    async fn put_day(&self, day: &PlanDay) -> Result<(), StoreError> {
        let mut item = rows::to_item(day)?;
        item.extend(keys::plan_day(day.plan, day.day).attributes());
        item.insert(TTL.to_owned(), rows::number((day.at + KEPT).timestamp()));
        self.write_if("put plan day", Write::create(item)).await.map(|_| ())
    }

    async fn days(&self, plan: PlanId, from: Timestamp, to: Timestamp) -> Result<Vec<PlanDay>, StoreError> {
        let [first, last] = [from, to].map(|at| keys::plan_day(plan, at.date_naive()));
        let range = Range { partition: first.pk, between: Some((&first.sk, &last.sk)), ..Range::default() };
        self.table.query(range).await?.into_iter().map(rows::from_item).collect()
    }
}
