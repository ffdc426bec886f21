//! What handlers may ask of the storage: one trait for each capability, plain types, and the errors. It knows nothing of
//! the table behind them. A function is composed of only those traits that its IAM policy allows.

mod attempts;
mod bulk;
mod error;
mod idempotency;
mod jobs;
mod licenses;
mod lists;
mod outbox;
mod plan_work;
mod portfolios;
mod renew;
mod requesters;
mod row_outcomes;
mod sweep;
mod webhooks;

pub use self::{
    attempts::{Attempt, MAX_ATTEMPTS, attempts, bounded_attempts},
    bulk::{BucketCounts, BulkWrite, Claim, ImportedLicense},
    error::StoreError,
    idempotency::{
        Change, Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RecordContent, ResumeFrom,
    },
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    licenses::{
        Activate, ActivateError, Assign, AssignError, AssignRequest, Assigned, Assignment, AutoApply, AutoApplyError,
        MAX_REMINDED, MAX_REVOKED, Remind, RemindRequest, Reserve, Retire, Revocation, Revocations, Revoke,
        RevokeRequest,
    },
    lists::{
        Learners, LicenseFilter, LicenseQuery, Licenses, MAX_PREFETCHED, OrderBy, OrderField, PagePosition, Prefetch,
        Prefetched, Prefetches, with_key,
    },
    outbox::{AuditQuery, AuditTrails, Deliveries, EventStream, Events, Notifications, StreamedEvent},
    plan_work::{Expire, MAX_EXPIRED, PlanWorks, Purge, Unlink},
    portfolios::{
        CreateAgreementError, CreatePlanError, DeletePlanError, Portfolios, Provision, RenewalError, Renewals, Update,
        UpdateError,
    },
    renew::{
        Copied, LicensesToCopy, MAX_COPIED, OpenedRenewal, Renew, RenewError, RenewalOutcome, RenewalUnderWay, Renewed,
    },
    requesters::{RequestCount, RequestCounts, RequesterRecords, StoredUser, Users},
    row_outcomes::{JobRows, RowOutcomes},
    sweep::{Erasure, Health, Sweep},
    webhooks::Webhooks,
};
