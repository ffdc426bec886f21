//! What follows from changes: events on record, the audit trail, mails, notices.

use async_trait::async_trait;
use license_domain::{
    AuditEntry, Delivery, DeliveryId, Event, EventId, LicenseId, PlanId, Portfolio, Stamp, Subject, Timestamp,
};

use crate::{Change, StoreError};

/// Events on record, which are kept for days.
#[async_trait]
pub trait Events: Send + Sync {
    /// The event of that id, while it is kept.
    async fn event(&self, event: EventId) -> Result<Option<Event>, StoreError>;

    /// An event of the stream, without those who have retired since. All other methods read so.
    async fn without_retired(&self, event: Event) -> Result<Event, StoreError>;

    /// The events of the hour in which that moment lies.
    async fn events_of_hour(&self, hour: Timestamp) -> Result<Vec<Event>, StoreError>;
}

/// An event that the table's stream tells of.
#[derive(Debug)]
pub struct StreamedEvent {
    /// Which event.
    pub id: EventId,
    /// The event itself, or why it cannot be read.
    pub event: Result<Event, StoreError>,
}

/// Reads events off the table's stream, whose records are `R`: only the adapter knows what is in them.
pub trait EventStream<R>: Send + Sync {
    /// The event that a record tells of; `None` unless a new event was written.
    fn event_of(&self, record: R) -> Option<StreamedEvent>;
}

/// Which entries of a trail are asked for. The newest come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries of that time or later.
    pub from: Option<Timestamp>,
    /// Only entries before that time.
    pub until: Option<Timestamp>,
    /// Only entries older than that one.
    pub before: Option<EventId>,
    /// How many at most; all where none is named.
    pub limit: Option<usize>,
}

/// The audit trail.
#[async_trait]
pub trait AuditTrails: Send + Sync {
    /// Puts an event's entries on record; again changes nothing.
    async fn record(&self, event: &Event) -> Result<(), StoreError>;

    /// Entries of a trail.
    async fn trail(&self, subject: Subject, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Takes the persons out of a license's trail.
    async fn forget_persons(&self, license: LicenseId) -> Result<(), StoreError>;
}

/// Records of mails.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// The record of that mail.
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Puts `after` in the place of the record that was seen, if it is still that one; whether it was.
    async fn put_delivery(&self, seen: Option<&Delivery>, after: &Delivery) -> Result<bool, StoreError>;

    /// Mails whose fate is not known, or that were refused: the oldest first, `limit` at most.
    async fn unsettled(&self, limit: usize) -> Result<Vec<Delivery>, StoreError>;

    /// Asks for a mail to be sent again to those who may not have it, if its record is still this one; whether it was.
    async fn resend(&self, portfolio: &Portfolio, seen: &Delivery, change: &Change) -> Result<bool, StoreError>;
}

/// Things that are told once.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Tells the admins of a plan that so much of it is allocated, if they were not told that, or more, before.
    /// Whether they are told now.
    async fn tell_utilization(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        percent: u8,
        stamp: &Stamp,
    ) -> Result<bool, StoreError>;
}
