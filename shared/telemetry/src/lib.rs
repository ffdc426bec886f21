//! What a process says about itself, and the two things that it takes from its surroundings: the time and
//! random bits. Everything else is handed them as arguments.

pub mod ambient;
pub mod metrics;

use std::io::IsTerminal;

pub use ambient::{SystemClock, SystemRandom};
use tracing_subscriber::EnvFilter;

/// Starts logging: one JSON object a line on standard output, at the level that `RUST_LOG` asks for
/// (`info` without it), and metrics beside them. A second call changes nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Where something else has taken the logging over already, it stays so.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_ansi(false)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    // Somebody who looks at a terminal is not CloudWatch.
    if !std::io::stdout().is_terminal() {
        metrics::enable();
    }
}
