//! The adapter's internals, for tests that check the table, or write into it what no use case would. A test of the
//! workspace checks that only `tests/` uses this module.

use crate::Store;

pub mod keys {
    pub use crate::keys::*;
}

pub mod rows {
    pub use crate::rows::*;
}

pub mod table {
    pub use crate::table::*;
}

/// The number of rows of the plan's roster with the changes since, and how many of them differ from the index; `None`
/// if there is no roster.
pub async fn check_roster(
    store: &Store,
    plan: &license_domain::SubscriptionPlan,
) -> Result<Option<(u64, u64)>, license_storage::StoreError> {
    store.check_roster(plan).await
}

/// The store of rosters.
pub fn objects_of(store: &Store) -> Option<std::sync::Arc<dyn license_storage::Objects>> {
    store.objects.clone()
}

/// The table that the adapter uses.
pub fn table_of(store: &Store) -> &table::Table {
    &store.table
}
