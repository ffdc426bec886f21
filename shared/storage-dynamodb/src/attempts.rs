//! Runs attempts that the table may temporarily refuse: [`license_storage::attempts`] with the table's randomness.

pub(crate) use license_storage::Attempt;

use crate::table::Table;
use license_storage::{StoreError, attempts, bounded_attempts};

impl Table {
    /// Runs attempts until one succeeds; fails with contention when they run out. Each attempt gets the state that the
    /// one before left, the first one `state`.
    pub(crate) async fn attempts<S, T, E, F, Fut>(&self, operation: &'static str, state: S, attempt: F) -> Result<T, E>
    where
        F: FnMut(S) -> Fut,
        Fut: Future<Output = Result<Attempt<T, S>, E>>,
        E: From<StoreError>,
    {
        attempts(self.random(), operation, state, attempt).await
    }

    /// Reads something that an index may not show yet; `None` if it does not appear. `first_wait` is the number of
    /// the attempt whose wait is the first one here.
    pub(crate) async fn until_shown<T, F, Fut>(
        &self,
        reads: u32,
        first_wait: u32,
        mut read: F,
    ) -> Result<Option<T>, StoreError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Attempt<T>, StoreError>>,
    {
        bounded_attempts(self.random(), reads, first_wait, (), |()| read()).await
    }
}
