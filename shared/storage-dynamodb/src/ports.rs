//! What handlers may ask of the store, one trait for each capability. A function's `main` hands its router
//! only the traits that its IAM policy allows.

mod batches;
mod jobs;
mod licenses;
mod lists;
mod outbox;
mod portfolios;
mod requesters;
mod webhooks;

pub use self::{
    batches::{Batches, Health, Renew, RenewError, Renewed, Sweep},
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    licenses::{
        Activate, ActivateError, Answering, Assign, AssignError, AssignRequest, Assigned, Assignment, AutoApply,
        AutoApplyError, Remind, RemindRequest, Retire, Revocation, Revocations, Revoke, RevokeRequest,
    },
    lists::{
        Learners, LicenseFilter, LicenseQuery, Licenses, OrderBy, OrderField, PagePosition, Prefetch, Prefetches,
        with_key,
    },
    outbox::{AuditQuery, AuditTrails, Deliveries, Events, Notifications},
    portfolios::{
        CreateAgreementError, CreatePlanError, DeletePlanError, Portfolios, Provision, RenewalError, Renewals, Update,
        UpdateError,
    },
    requesters::{Earlier, Onces, RequestCount, RequestCounts, RequesterRecords, StoredUser, Users},
    webhooks::Webhooks,
};
