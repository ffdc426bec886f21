//! The inside of the adapter, for tests that recount the table, or put into it what no use case would. A test of the
//! workspace holds that nothing outside of `tests/` names this module.

use crate::Store;

/// Keys.
pub mod keys {
    pub use crate::keys::*;
}

/// Items.
pub mod rows {
    pub use crate::rows::*;
}

/// Single calls.
pub mod table {
    pub use crate::table::*;
}

/// The rows of the plan's roster with the changes since, and how many of them differ from the index; `None` if it has none.
pub async fn check_roster(
    store: &Store,
    plan: &license_domain::SubscriptionPlan,
) -> Result<Option<(u64, u64)>, license_storage::StoreError> {
    store.check_roster(plan).await
}

/// Where the store keeps rosters.
pub fn objects_of(store: &Store) -> Option<std::sync::Arc<dyn license_storage::Objects>> {
    store.objects.clone()
}

/// The table behind the adapter.
pub fn table_of(store: &Store) -> &table::Table {
    &store.table
}
