//! Keys of rosters and of the log of changes that they are made from.

use license_domain::{EventId, PlanId, Timestamp};

use super::{GSI1, GSI3, IndexKey, Item, Key, event_at, sort_key_in, time};

/// One partition of the log of a plan's changes.
pub fn changes_partition(plan: PlanId, shard: u16) -> String {
    format!("CHANGES#{plan}#{shard}")
}

/// The key of an entry in that partition.
pub fn change(partition: String, at: Timestamp) -> IndexKey {
    IndexKey { index: GSI1, pk: partition, sk: time(at) }
}

/// Changes beside an event, of a plan that is not the event's plan.
pub fn changes_beside(event: EventId) -> Key {
    Key::head(format!("{BESIDE_PREFIX}{event}"))
}

const BESIDE_PREFIX: &str = "CHANGES#";

/// The event that an entry of a log of changes belongs to.
pub fn event_of_changes(key: &Key) -> Option<EventId> {
    event_at(key).or_else(|| key.pk.strip_prefix(BESIDE_PREFIX)?.parse().ok())
}

/// The head of a plan's roster.
pub fn roster(plan: PlanId) -> Key {
    Key::head(format!("{ROSTER_PREFIX}{plan}"))
}

const ROSTER_PREFIX: &str = "ROSTER#";

/// Partition of rosters, by the time at which they are due.
pub const DUE_ROSTERS: &str = "DUE#ROSTER";

/// The due time of a roster.
pub fn due_roster(plan: PlanId, at: Timestamp) -> IndexKey {
    IndexKey { index: GSI3, pk: DUE_ROSTERS.to_owned(), sk: format!("{}#{plan}", time(at)) }
}

/// The plan of an item of that partition, and the item's position there.
pub fn due_roster_in(item: &Item) -> Option<(PlanId, String)> {
    let plan = Key::of(item)?.pk.strip_prefix(ROSTER_PREFIX)?.parse().ok()?;
    Some((plan, sort_key_in(item, GSI3)?.to_owned()))
}
