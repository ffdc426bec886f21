//! The system clock and the system's random bits. No other place may use these globals.

use license_domain::{Clock, Random, Timestamp, clock::to_micros};

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the system clock")]
    fn now(&self) -> Timestamp {
        to_micros(chrono::Utc::now())
    }
}

/// The operating system's random bits, through a generator of this thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the system's random bits")]
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
