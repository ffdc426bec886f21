//! Keys of events. They are spread over partitions of one hour each.

use license_domain::{EventId, Timestamp};

use super::Key;

/// The number of partitions over which the events of one hour are spread.
pub const EVENT_SHARDS: u64 = 16;

/// The prefix of the partitions of events.
pub const EVENT_PREFIX: &str = "EVENT#";

/// An event. Its id contains its time, and its random bits decide the shard.
pub fn event(event: EventId) -> Key {
    // An id without a time was not made here. No item is in the partition of 1970, so it is not found.
    let at = event.0.get_timestamp().and_then(|at| Timestamp::from_timestamp(i64::try_from(at.to_unix().0).ok()?, 0));
    let at = at.unwrap_or(Timestamp::UNIX_EPOCH);
    let shard = event.0.as_u128() % u128::from(EVENT_SHARDS);
    Key::new(format!("{EVENT_PREFIX}{}#{shard}", at.format("%Y-%m-%dT%H")), event.to_string())
}

/// The event at that key, if it is an event's key.
pub fn event_at(key: &Key) -> Option<EventId> {
    key.pk.starts_with(EVENT_PREFIX).then(|| key.sk.parse().ok()).flatten()
}

/// The partitions of the events of an hour.
pub fn events_of(hour: Timestamp) -> impl Iterator<Item = String> {
    let hour = hour.format("%Y-%m-%dT%H").to_string();
    (0..EVENT_SHARDS).map(move |shard| format!("{EVENT_PREFIX}{hour}#{shard}"))
}
