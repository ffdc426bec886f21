//! The record of the sweeper's last run: one item.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use license_domain::sweep::LastSweep;
use license_storage::{StoreError, SweepRecords};

use crate::{Store, keys, rows, table::Expression};

/// The attribute with the record.
const SWEEP: &str = "sweep";

#[async_trait]
impl SweepRecords for Store {
    /// One update of the item, whether it is there or not. Of two sweepers at the same time the last one is on record.
    async fn record_sweep(&self, sweep: &LastSweep) -> Result<(), StoreError> {
        let terms = Expression::new("attribute_exists(pk) OR attribute_not_exists(pk)")
            .name(SWEEP)
            .value(SWEEP, AttributeValue::M(rows::to_item(sweep)?));
        self.table.update(&keys::sweep(), "SET #sweep = :sweep", terms).await.map(|_| ())
    }

    async fn last_sweep(&self) -> Result<Option<LastSweep>, StoreError> {
        let item = self.table.get(&keys::sweep()).await?;
        let record = item.and_then(|mut item| item.remove(SWEEP)).and_then(|record| record.as_m().ok().cloned());
        record.map(rows::from_item).transpose()
    }
}
