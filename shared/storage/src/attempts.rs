//! The loop that repeats attempts: after a conflict with another transaction, after a condition that may hold the next
//! time, for items that the table did not process, while an index lags, and after a change of what was read.

use std::time::Duration;

use license_domain::Random;

use crate::StoreError;

/// The most attempts at a change.
pub const MAX_ATTEMPTS: u32 = 24;

/// The first upper bound of the wait between two attempts. It doubles up to the last attempt.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LAST_WAIT: Duration = Duration::from_millis(400);

/// The end of one attempt.
#[derive(Debug)]
pub enum Attempt<T, S = ()> {
    /// The attempt succeeded with this result.
    Done(T),
    /// What was read has changed, or another transaction held an item: the next attempt begins with this state.
    Retry(S),
}

/// Runs attempts until one succeeds, with a random wait between two of them; fails with contention when they run out.
/// Each attempt gets the state that the one before left, the first one `state`.
pub async fn attempts<S, T, E, F, Fut>(
    random: &dyn Random,
    operation: &'static str,
    state: S,
    attempt: F,
) -> Result<T, E>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Result<Attempt<T, S>, E>>,
    E: From<StoreError>,
{
    let result = bounded_attempts(random, MAX_ATTEMPTS, 0, state, attempt).await?;
    result.ok_or_else(|| StoreError::Contention { operation, attempts: MAX_ATTEMPTS }.into())
}

/// The same with at most `max` attempts; `None` if none of them succeeds. `first_wait` is the number of the attempt
/// whose wait is the first one here.
pub async fn bounded_attempts<S, T, E, F, Fut>(
    random: &dyn Random,
    max: u32,
    first_wait: u32,
    mut state: S,
    mut attempt: F,
) -> Result<Option<T>, E>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Result<Attempt<T, S>, E>>,
{
    for n in 1..=max {
        match attempt(state).await? {
            Attempt::Done(result) => return Ok(Some(result)),
            Attempt::Retry(left) => state = left,
        }
        if n < max {
            tokio::time::sleep(wait(random, first_wait + n - 1)).await;
        }
    }
    Ok(None)
}

/// A random time below a bound that doubles with each attempt (full jitter).
fn wait(random: &dyn Random, attempt: u32) -> Duration {
    let bound = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt)).min(LAST_WAIT);
    let micros = u64::try_from(bound.as_micros()).expect("the longest wait is less than a second");
    Duration::from_micros(random.below(micros))
}
