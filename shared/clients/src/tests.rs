//! The clients, tested against small servers on loopback that can be made to fail.

mod braze;
mod calls;
mod enterprise;
mod exports;
mod peer;
mod posts;
mod secrets;
mod ses;
mod webhooks;

use std::sync::atomic::{AtomicI64, Ordering};

use license_domain::{Clock, Random, Timestamp};

/// A clock that the test moves.
#[derive(Default)]
struct Standing(AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_timestamp_millis(1_795_430_768_000 + self.0.load(Ordering::Relaxed) * 1000).expect("a date")
    }
}

/// A source of zeros, so that no call waits.
struct Zero;

impl Random for Zero {
    fn bits(&self) -> u128 {
        0
    }
}
