//! The products and plan types are one item; each change of it has a record beside it.

use async_trait::async_trait;
use license_domain::{Changes, ProductCatalog};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys, rows,
    table::{Expression, Range, Write},
    transaction::Commit,
    update::unchanged,
};
use license_storage::{Change, ChangeProducts, ProductChange, StoreError};

#[async_trait]
impl ChangeProducts for Store {
    async fn stored_products(&self) -> Result<ProductCatalog, StoreError> {
        self.stored_catalog().await
    }

    /// 1. Read the item, strongly. It is no longer `before`: changed.
    /// 2. One transaction: the item (its version as read, or absent while the defaults apply), the record of the change.
    /// 3. The condition failed: changed. The transaction conflicted: repeat from 1 after a random wait.
    async fn change_products(
        &self,
        before: &ProductCatalog,
        after: &ProductCatalog,
        (subject, changes): (&str, Changes),
        change: &Change,
    ) -> Result<bool, StoreError> {
        let record = ProductChange {
            subject: subject.to_owned(),
            changes,
            actor: change.actor.clone(),
            reason: change.reason.clone(),
            request_id: change.request_id.clone(),
            at: change.at,
        };
        let mut item = rows::to_item(&record)?;
        item.extend(keys::product_change(change.at, self.random.uuid()).attributes());
        let record = &Write::create(item);
        let is_changed = self.transact("change products", (), |mut transaction, ()| async move {
            let stored = self.table.get(&keys::catalog()).await?;
            let version = stored.as_ref().map(rows::version_of).transpose()?;
            let catalog = stored.map_or_else(|| Ok(ProductCatalog::usual()), rows::from_item)?;
            if catalog != *before {
                return Ok(Attempt::Done(false));
            }
            let item = rows::product_catalog(after, version.map_or(1, |seen| seen + 1), change)?;
            let condition = Some(version.map_or_else(Expression::absent, unchanged));
            transaction.when((), [Write::Put { item, condition }]);
            transaction.write([record.clone()]);
            transaction.record(change, Step::Whole)?;
            Ok::<_, StoreError>(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(true),
                Commit::Failed(_) => Attempt::Done(false),
                Commit::Conflict => Attempt::Retry(()),
            })
        });
        let is_changed = is_changed.await?;
        if is_changed {
            self.cached.remember_products(self.clock.now(), after);
        }
        Ok(is_changed)
    }

    async fn product_changes(&self, limit: usize) -> Result<Vec<ProductChange>, StoreError> {
        let range = Range {
            partition: keys::PRODUCT_CHANGES.to_owned(),
            descending: true,
            limit: Some(limit),
            consistent: true,
            ..Range::default()
        };
        self.read_all(self.table.query(range).await?).await
    }
}
