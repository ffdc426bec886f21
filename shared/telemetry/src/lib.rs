//! A process's logs and metrics, and the two things that it reads from the system: the time and random bits.

pub mod clock;
mod json;
pub mod metrics;

use std::{io::IsTerminal, panic};

pub use clock::{SystemClock, SystemRandom};
use tracing_subscriber::EnvFilter;

/// Starts logging: JSON objects, one in each line, on standard output, at the level of these directives (`info` without
/// them). Panics are logged, too, and metrics are written with that namespace. A second call changes nothing.
pub fn init(directives: Option<&str>, namespace: Option<&str>) {
    let filter = EnvFilter::try_new(directives.unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().json().with_ansi(false).with_env_filter(filter).event_format(json::Lines);
    // If another subscriber is installed already, it is kept.
    if log.try_init().is_ok() {
        // The default hook would write lines without the ids of their request.
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let words = panic.payload_as_str().unwrap_or("(no text)");
            tracing::error!(place, panic = words, "panicked");
        }));
    }
    // On a terminal, metrics would only disturb the reader.
    if !std::io::stdout().is_terminal() {
        metrics::enable(namespace);
    }
}
