//! The clock of the runner and of the product: the machine's clock, plus an offset that only grows.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use license_domain::{Clock, Timestamp, clock::to_micros};
use license_telemetry::SystemClock;

/// A clock that can be moved forward.
#[derive(Debug, Default)]
pub struct LocalClock {
    /// In microseconds.
    offset: AtomicI64,
}

/// The clock cannot be moved backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clock only goes forward; it is {0}")]
pub struct Backward(pub Timestamp);

impl LocalClock {
    /// A clock that shows `start` now (by default the machine's time) and runs on.
    pub fn starting_at(start: Option<Timestamp>) -> Self {
        let offset = start.map_or(TimeDelta::zero(), |start| start - SystemClock.now());
        Self { offset: AtomicI64::new(offset.num_microseconds().unwrap_or_default()) }
    }

    /// Moves the clock forward to that time.
    pub fn set(&self, to: Timestamp) -> Result<(), Backward> {
        let now = self.now();
        let Some(step) = (to - now).num_microseconds().filter(|step| *step >= 0) else {
            return Err(Backward(now));
        };
        self.offset.fetch_add(step, Ordering::SeqCst);
        Ok(())
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now.checked_add_signed(TimeDelta::microseconds(self.offset.load(Ordering::SeqCst))).map_or(now, to_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_the_given_time_and_never_goes_back() {
        let start: Timestamp = "2031-01-01T00:00:00Z".parse().expect("a moment");
        let clock = LocalClock::starting_at(Some(start));
        let now = clock.now();
        assert!(now >= start && now - start < TimeDelta::minutes(1), "{now}");
        assert!(clock.set(start - TimeDelta::days(1)).is_err());
        assert!(clock.now() >= now);
        clock.set(now + TimeDelta::days(3)).expect("forward");
        assert!(clock.now() >= start + TimeDelta::days(3));
    }
}
