//! What handlers may ask of the storage: one trait for each capability, plain types, and the errors. It knows nothing of
//! the table behind them. A function is composed of only those traits that its IAM policy allows.

mod attempts;
mod batches;
mod bulk;
mod error;
mod idempotency;
mod jobs;
mod licenses;
mod lists;
mod outbox;
mod portfolios;
mod requesters;
mod row_outcomes;
mod webhooks;

pub use self::{
    attempts::{Attempt, MAX_ATTEMPTS, attempts, bounded_attempts},
    batches::{Batches, Health, Renew, RenewError, RenewalOutcome, Renewed, Sweep},
    bulk::{BucketCounts, BulkWrite, Claim, ImportedLicense},
    error::StoreError,
    idempotency::{
        Change, Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RecordContent, ResumeFrom,
    },
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    licenses::{
        Activate, ActivateError, Assign, AssignError, AssignRequest, Assigned, Assignment, AutoApply, AutoApplyError,
        Remind, RemindRequest, Retire, Revocation, Revocations, Revoke, RevokeRequest,
    },
    lists::{
        Learners, LicenseFilter, LicenseQuery, Licenses, OrderBy, OrderField, PagePosition, Prefetch, Prefetched,
        Prefetches, with_key,
    },
    outbox::{AuditQuery, AuditTrails, Deliveries, EventStream, Events, Notifications, StreamedEvent},
    portfolios::{
        CreateAgreementError, CreatePlanError, DeletePlanError, Portfolios, Provision, RenewalError, Renewals, Update,
        UpdateError,
    },
    requesters::{RequestCount, RequestCounts, RequesterRecords, StoredUser, Users},
    row_outcomes::{JobRows, RowOutcomes},
    webhooks::Webhooks,
};
