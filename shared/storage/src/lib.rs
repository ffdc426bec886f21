//! The ports of the storage: one trait for each capability, plain types, and errors. Nothing here knows the table. A
//! function gets only the traits that its IAM policy permits.

mod attempts;
mod bulk;
mod check;
mod error;
mod export;
mod idempotency;
mod jobs;
mod licenses;
mod lists;
mod operations;
mod outbox;
mod plan_days;
mod plan_work;
mod portfolios;
mod products;
mod queue_changes;
mod renew;
mod requesters;
mod rosters;
mod row_outcomes;
mod sessions;
mod sweep;
mod webhooks;

pub use license_domain::{LicenseFilter, OrderBy, OrderField};

pub use self::{
    attempts::{Attempt, MAX_ATTEMPTS, attempts, bounded_attempts},
    bulk::{BucketCounts, BulkWrite, Claim, ImportedLicense, LicenseEvent},
    check::{CheckOptions, CheckReport, Problem, ProblemKind, TableCheck},
    error::StoreError,
    export::{BulkRead, ReadPosition},
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
        Learners, LicenseQuery, Licenses, MAX_PREFETCHED, PagePosition, Prefetch, Prefetched, Prefetches, with_key,
    },
    operations::{MAX_DELETED, MAX_REVERTED, Operations, RevertRequest},
    outbox::{AuditQuery, AuditTrails, Deliveries, EventStream, Events, Notifications, StreamedEvent},
    plan_days::PlanDays,
    plan_work::{Announce, Expire, MAX_EXPIRED, PlanWorks, Purge, Unlink},
    portfolios::{
        CreateAgreementError, CreatePlanError, DeletePlanError, Portfolios, Provision, RenewalError, Renewals, Update,
        UpdateError,
    },
    products::{ChangeProducts, ProductChange},
    queue_changes::{QueueChange, QueueChanges},
    renew::{
        CarriedOver, Copied, CopyPage, CopyPlace, LeftOut, LeftOutPage, ListedLicense, MAX_COPIED, OpenedRenewal,
        Renew, RenewError, RenewalOutcome, RenewalUnderWay, Renewed, places_to_copy,
    },
    requesters::{
        ChangeRoles, ListedUser, RequestCount, RequestCounts, RequesterRecords, RoleChange, RoleChangeKind, StoredUser,
        UserLists, Users,
    },
    rosters::{DueRoster, Objects, RosterMarks, RosterOutcome, RosterUpdate, Rosters},
    row_outcomes::{JobRows, RowOutcomes},
    sessions::{Session, Sessions},
    sweep::{Erasure, Health, Sweep, SweepRecords},
    webhooks::Webhooks,
};
