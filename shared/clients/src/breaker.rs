//! Services that fail again and again are left alone for a moment: whoever calls them learns it at once, and they
//! get time to recover.

use std::{collections::HashMap, sync::Mutex};

use license_domain::Timestamp;

use crate::error::Service;

/// After so many failures in a row a service is left alone,
const FAILURES: u32 = 5;
/// for so many seconds. Then one call is let through; if that fails as well, for as long again.
const SECONDS: i64 = 15;

#[derive(Default)]
struct State {
    failures: u32,
    /// Since when the service is left alone.
    open: Option<Timestamp>,
}

/// One circuit breaker for each service.
#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<Service, State>>);

impl Breakers {
    /// Whether the service may be called now. Of those who ask when its time is over only the first may: the
    /// time begins anew with that, so that nobody has to tell if that call is given up.
    pub fn allows(&self, service: Service, now: Timestamp) -> bool {
        let Ok(mut states) = self.0.lock() else { return true };
        let state = states.entry(service).or_default();
        let is_left_alone = state.open.is_some_and(|open| (0..SECONDS).contains(&(now - open).num_seconds()));
        if !is_left_alone && state.open.is_some() {
            state.open = Some(now);
        }
        !is_left_alone
    }

    /// Takes note of what came of a call.
    pub fn record(&self, service: Service, has_failed: bool, now: Timestamp) {
        let Ok(mut states) = self.0.lock() else { return };
        let state = states.entry(service).or_default();
        if !has_failed {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            if state.open.is_none() {
                tracing::warn!(service = service.as_str(), "a service failed too often and is left alone for a moment");
            }
            state.open = Some(now);
        }
    }
}
