//! The real clock and the real source of random bits: the one place that may use the globals.

use license_domain::{Clock, Random, Timestamp, clock::to_micros};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        to_micros(chrono::Utc::now())
    }
}

/// The operating system's random bits, by way of a generator in this thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is where random bits come from")]
    fn bits(&self) -> u128 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_whole_microseconds_and_bits_differ() {
        let now = SystemClock.now();
        assert_eq!(now, to_micros(now));
        assert_ne!(SystemRandom.bits(), SystemRandom.bits());
    }
}
