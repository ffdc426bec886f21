//! Explicit role assignments that are changed by hand, each with a record of who did it and why.

use async_trait::async_trait;
use license_domain::{RoleGrant, Stamp};

use crate::{
    Store,
    attempts::Attempt,
    keys::UserKeys,
    rows,
    table::{Expression, Range, Write},
    transaction::Commit,
};
use license_storage::{ChangeRoles, RoleChange, RoleChangeKind, StoreError};

#[async_trait]
impl ChangeRoles for Store {
    /// One transaction: the assignment, if it is not what it shall be, and the record. A conflict with another
    /// transaction: again.
    async fn change_role(
        &self,
        username: &str,
        grant: RoleGrant,
        kind: RoleChangeKind,
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        let keys = UserKeys(username);
        let key = keys.role(grant);
        let change = match kind {
            RoleChangeKind::Granted => {
                let mut item = rows::to_item(&grant)?;
                item.extend(key.attributes());
                keys.role_listing(grant).put(&mut item);
                Write::create(item)
            }
            RoleChangeKind::Revoked => Write::Delete { key, condition: Some(Expression::present()) },
        };
        let record = RoleChange {
            kind,
            role: grant.role,
            scope: grant.scope,
            actor: stamp.actor.clone(),
            reason: stamp.reason.clone(),
            request_id: stamp.request_id.clone(),
            at: stamp.at,
        };
        let mut item = rows::to_item(&record)?;
        item.extend(keys.role_change(stamp.at, self.random.uuid()).attributes());
        let (change, record) = (&change, &Write::create(item));
        self.transact("change role", (), |mut transaction, ()| async move {
            transaction.when((), [change.clone()]);
            transaction.write([record.clone()]);
            Ok::<_, StoreError>(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(true),
                Commit::Failed(_) => Attempt::Done(false),
                Commit::Conflict => Attempt::Retry(()),
            })
        })
        .await
    }

    async fn role_changes(&self, username: &str, limit: usize) -> Result<Vec<RoleChange>, StoreError> {
        let range = Range {
            partition: UserKeys(username).changes(),
            descending: true,
            limit: Some(limit),
            consistent: true,
            ..Range::default()
        };
        self.read_all(self.table.query(range).await?).await
    }
}
