//! The types and rules of license management: entities, the license state machine, seats, revocation caps, renewals'
//! effect on dates. Pure: no AWS, no HTTP, no clock (time and randomness are arguments).

pub mod actor;
pub mod agreement;
pub mod audit_trail;
pub mod capacity;
pub mod change;
pub mod clock;
pub mod delivery;
pub mod due;
pub mod email;
pub mod event;
pub mod ids;
pub mod importing;
pub mod job;
pub mod license;
pub mod lifecycle;
pub mod listing;
pub mod maxima;
pub mod number;
pub mod pii;
pub mod plan;
pub mod plan_work;
pub mod product;
pub mod purge;
pub mod renewal;
pub mod renewing;
pub mod reverting;
pub mod roles;
pub mod seats;
pub mod sweep;
pub mod utilization;
pub mod webhook;

#[cfg(test)]
mod texts;

pub use actor::Stamp;
pub use agreement::{CustomerAgreement, ExpirationMessaging, Portfolio};
pub use audit_trail::{AuditEntry, PersonId, Subject};
pub use capacity::{RevocationCap, SeatCounts};
pub use change::{Changes, FieldChange};
pub use clock::{Clock, Random, Timestamp};
pub use delivery::{Delivery, DeliveryId, DeliveryState, MailKind};
pub use due::{Due, Waits};
pub use email::{EmailAddress, EmailKey, InvalidEmail};
pub use event::{Consequence, Event, EventKind, LicenseChange, LicenseFacts};
pub use ids::{
    ActivationKey, AgreementId, CatalogId, EnterpriseId, EventId, JobId, LicenseId, LmsUserId, PlanId, ProductId,
    RenewalId, WebhookId,
};
pub use job::{Job, JobCounts, JobKind, JobParams, JobState, Lane, RenewalRun, Row, RowFilter, RowOutcome, RowResult};
pub use license::{License, LicenseSource, LicenseStatus};
pub use listing::{LicenseFilter, OrderBy, OrderField};
pub use pii::Pii;
pub use plan::{ChangeReason, SubscriptionPlan};
pub use plan_work::{DuePlan, PlanWork, PlanWorkKind, Prospect, ProspectState};
pub use product::{PlanType, Product, ProductCatalog};
pub use renewal::{LicenseTypesToCopy, SubscriptionPlanRenewal};
pub use roles::{Access, Principal, RoleGrant, RoleName, Scope};
pub use seats::{Ordinal, SeatLayout, SeatPrefix};
pub use webhook::Webhook;
