//! What handlers may ask of the store, one trait for each capability. A function's `main` hands its router
//! only the traits that its IAM policy allows.

mod batches;
mod callers;
mod jobs;
mod licenses;
mod lists;
mod outbox;
mod portfolios;
mod webhooks;

pub use self::{
    batches::{Batches, Health, Renew, RenewError, Renewed, Sweep},
    callers::{Callers, Earlier, Onces, Pace, Paces, StoredUser, Users},
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    licenses::{
        Activate, ActivateError, Answering, Assign, AssignError, AssignRequest, Assigned, Assignment, AutoApply,
        AutoApplyError, Remind, RemindRequest, Retire, Revocation, Revocations, Revoke, RevokeRequest,
    },
    lists::{Glance, Glances, Learners, LicenseFilter, LicenseQuery, Licenses, OrderBy, OrderField, Place, with_key},
    outbox::{Deliveries, Events, Notices, TrailQuery, Trails},
    portfolios::{
        CreateAgreementError, CreatePlanError, DeletePlanError, Portfolios, Provision, RenewalError, Renewals, Update,
        UpdateError,
    },
    webhooks::Webhooks,
};
