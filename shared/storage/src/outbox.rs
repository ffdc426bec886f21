//! What follows from changes: stored events, the audit trail, mail deliveries, notices.

use async_trait::async_trait;
use license_domain::{
    AuditEntry, Consequence, Delivery, DeliveryId, Event, EventId, LicenseId, PlanId, Portfolio, Stamp, Subject,
    Timestamp,
};

use crate::{Change, StoreError};

/// Reads stored events, which are kept for days.
#[async_trait]
pub trait Events: Send + Sync {
    /// The event of that id, while it is kept.
    async fn event(&self, event: EventId) -> Result<Option<Event>, StoreError>;

    /// Removes the learners from an event of the stream who were retired since. All other methods do that themselves.
    async fn without_retired(&self, event: Event) -> Result<Event, StoreError>;

    /// The events of the hour that contains that time.
    async fn events_of_hour(&self, hour: Timestamp) -> Result<Vec<Event>, StoreError>;
}

/// An event in the table's stream.
#[derive(Debug)]
pub struct StreamedEvent {
    pub id: EventId,
    /// The event itself, or why it cannot be read.
    pub event: Result<Event, StoreError>,
}

/// Reads events from the records `R` of the table's stream. Only the adapter knows the records' content.
pub trait EventStream<R>: Send + Sync {
    /// The event in a record; `None` if the record is not about a new event.
    fn event_of(&self, record: R) -> Option<StreamedEvent>;
}

/// A query for entries of a trail, the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries of that time or later.
    pub from: Option<Timestamp>,
    /// Only entries before that time.
    pub until: Option<Timestamp>,
    /// Only entries older than that one.
    pub before: Option<EventId>,
    /// The most entries; all if `None`.
    pub limit: Option<usize>,
}

/// Stores the audit trail.
#[async_trait]
pub trait AuditTrails: Send + Sync {
    /// Stores an event's entries; repeating it changes nothing.
    async fn record(&self, event: &Event) -> Result<(), StoreError>;

    /// Reads entries of a trail.
    async fn trail(&self, subject: Subject, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Removes the persons from a license's trail.
    async fn forget_persons(&self, license: LicenseId) -> Result<(), StoreError>;
}

/// Stores mail deliveries.
#[async_trait]
pub trait Deliveries: Send + Sync {
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Replaces the seen record by `after`. `false` if the record has changed since it was seen.
    async fn put_delivery(&self, seen: Option<&Delivery>, after: &Delivery) -> Result<bool, StoreError>;

    /// Mails of unknown fate, and refused ones: the oldest first, `limit` at most.
    async fn unsettled(&self, limit: usize) -> Result<Vec<Delivery>, StoreError>;

    /// Requests that a mail be sent again to those who may not have received it. `false` if its record has changed
    /// since.
    async fn resend(&self, portfolio: &Portfolio, seen: &Delivery, change: &Change) -> Result<bool, StoreError>;
}

/// Notices that are sent once.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Records that the admins of a plan are to be informed of this utilization. `false` if they were informed of it,
    /// or of a higher one, before.
    async fn report_utilization(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        percent: u8,
        stamp: &Stamp,
    ) -> Result<bool, StoreError>;

    /// Records that the admins of a plan are to be informed of its first week with auto-apply, in which learners took so
    /// many licenses. `false` if they were informed before.
    async fn report_first_week(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        taken: u64,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Records that the admins of a plan are to be informed of that week of it, by this consequence. `false` if they were
    /// informed of that week before.
    async fn report_week(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        (week, mail): (i32, Consequence),
        change: &Change,
    ) -> Result<bool, StoreError>;
}
