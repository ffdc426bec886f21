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

/// The table behind the adapter.
pub fn table_of(store: &Store) -> &table::Table {
    &store.table
}
