//! What handlers may ask of the storage: one trait for each capability, plain types, and the errors. It knows nothing of
//! the table behind them. A function is composed of only those traits that its IAM policy allows.

mod batches;
mod bulk;
mod error;
mod jobs;
mod licenses;
mod lists;
mod outbox;
mod portfolios;
mod requesters;
mod webhooks;

pub use self::{
    batches::{Batches, Health, Renew, RenewError, Renewed, Sweep},
    bulk::{BucketCounts, BulkWrite, Claim, ImportedLicense},
    error::StoreError,
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    licenses::{
        Activate, ActivateError, Answering, Assign, AssignError, AssignRequest, Assigned, Assignment, AutoApply,
        AutoApplyError, Remind, RemindRequest, Retire, Revocation, Revocations, Revoke, RevokeRequest,
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
    requesters::{Earlier, Onces, RequestCount, RequestCounts, RequesterRecords, StoredUser, Users},
    webhooks::Webhooks,
};
