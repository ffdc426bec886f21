//! The redrive by an operator: relays the events between two times again, from the table. It is for events that the
//! stream lost, because it was not read for a day or because a batch of it went to the dead-letter queue.

use chrono::{TimeDelta, Timelike};
use license_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Context, RelayError, relay};

/// The range of time. Events are kept for seven days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redrive {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The progress of a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// How many events were relayed.
    pub events: usize,
    /// Where to continue; none if all is done.
    pub next: Option<Timestamp>,
}

/// About how many events one call relays: it ends after the hour in which it reaches this number.
const ENOUGH: usize = 2_000;

pub(crate) async fn handle(context: &Context, redrive: &Redrive, request_id: &str) -> Result<Redriven, RelayError> {
    let mut events = 0;
    let mut hour = start_of_hour(redrive.from);
    while hour < redrive.to && events < ENOUGH {
        for event in context.events.events_of_hour(hour).await? {
            if (redrive.from..redrive.to).contains(&event.stamp.at) {
                relay::relay(context, &event).await?;
                events += 1;
            }
        }
        hour += TimeDelta::hours(1);
    }
    tracing::info!(request_id, events, "events were relayed again");
    Ok(Redriven { events, next: (hour < redrive.to).then_some(hour) })
}

fn start_of_hour(at: Timestamp) -> Timestamp {
    let within =
        TimeDelta::seconds(i64::from(at.minute() * 60 + at.second())) + TimeDelta::nanoseconds(at.nanosecond().into());
    at - within
}
