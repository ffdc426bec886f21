//! What a process says about itself, and the two things that it takes from its surroundings: the time and
//! random bits. Everything else is handed them as arguments.

pub mod clock;
mod json;
pub mod metrics;

use std::{io::IsTerminal, panic};

pub use clock::{SystemClock, SystemRandom};
use tracing_subscriber::EnvFilter;

/// Starts logging: one JSON object a line on standard output, at the level that these directives ask for
/// (`info` without them), a panic among them, and metrics in that namespace beside them. A second call changes nothing.
pub fn init(directives: Option<&str>, namespace: Option<&str>) {
    let filter = EnvFilter::try_new(directives.unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().json().with_ansi(false).with_env_filter(filter).event_format(json::Lines);
    // Where something else has taken the logging over already, it stays so.
    if log.try_init().is_ok() {
        // The usual hook writes lines that no query finds by their request.
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let words = panic.payload_as_str().unwrap_or("(no text)");
            tracing::error!(place, panic = words, "panicked");
        }));
    }
    // Somebody who looks at a terminal is not CloudWatch.
    if !std::io::stdout().is_terminal() {
        metrics::enable(namespace);
    }
}
