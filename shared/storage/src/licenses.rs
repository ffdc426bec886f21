//! Changing licenses: assigning, revoking, reminding, activating, taking without invitation, forgetting.

use async_trait::async_trait;
use license_domain::{
    EmailAddress, Job, License, LicenseId, LicenseStatus, LmsUserId, PlanId, Portfolio, RowResult, SubscriptionPlan,
};
use serde::{Deserialize, Serialize};

use super::Prefetch;
use crate::{Change, StoreError};

/// A wish to assign.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The learner.
    pub email: EmailAddress,
    /// The sale that this license comes from.
    pub source_id: Option<String>,
}

/// A request to assign licenses of one plan.
#[derive(Clone, Debug)]
pub struct AssignRequest {
    /// The learners, at most one wish for each address.
    pub assignments: Vec<Assignment>,
    /// Whether the learners are invited by mail.
    pub notify: bool,
    /// A greeting for the mail.
    pub greeting: Option<String>,
    /// A closing for the mail.
    pub closing: Option<String>,
    /// What was read ahead.
    pub prefetch: Prefetch,
    /// Who, why, when.
    pub change: Change,
}

/// What became of a request to assign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// New assignments, in the order of the request.
    pub assigned: Vec<(EmailAddress, LicenseId)>,
    /// How many already held a license of the plan.
    pub already_associated: u64,
}

/// Why licenses were not assigned. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// The plan has too few free seats for all of them.
    #[error("{wanted} licenses wanted, {available} available")]
    NotEnough {
        /// How many learners without a license were named.
        wanted: u64,
        /// How many seats are free.
        available: u64,
    },
    /// They do not fit one transaction: to be reserved first ([`Reserve`]).
    #[error("more learners than one transaction holds")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Handing out seats.
#[async_trait]
pub trait Assign: Send + Sync {
    /// Assigns a license to every learner named who has none, or to nobody if there are too few.
    async fn assign(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: AssignRequest,
    ) -> Result<Assigned, AssignError>;
}

/// Assigning to more learners than one transaction holds: the single transactions. The loop over them is a run's.
#[async_trait]
pub trait Reserve: Send + Sync {
    /// Reserves a seat for every learner named who holds no license, or refuses, and opens the run that hands them out;
    /// `None` if all of them hold one. The learners are named once each.
    async fn reserve(
        &self,
        portfolio: &Portfolio,
        run: &Job,
        assignments: &[Assignment],
        change: &Change,
    ) -> Result<Option<Job>, AssignError>;

    /// Assigns the reserved seats of a chunk; the outcome of its rows, which commits with it under the change's key.
    async fn assign_reserved(
        &self,
        portfolio: &Portfolio,
        run: &Job,
        chunk: u64,
        change: &Change,
    ) -> Result<Vec<RowResult>, StoreError>;
}

/// The most learners whose licenses one transaction revokes: each is one item, beside bucket, plan and event.
pub const MAX_REVOKED: usize = 90;

/// The most learners whom one transaction reminds: each is one item, beside the event.
pub const MAX_REMINDED: usize = 90;

/// What became of one revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revocation {
    /// The license is revoked.
    Revoked {
        /// The license.
        license: LicenseId,
        /// Where it stood before.
        original_status: LicenseStatus,
    },
    /// The learner holds no license of the plan.
    NotFound,
    /// The plan's cap does not allow it.
    CapReached,
}

/// A request to revoke licenses of one plan.
#[derive(Clone, Debug)]
pub struct RevokeRequest {
    /// The learners, each once.
    pub emails: Vec<EmailAddress>,
    /// What was read ahead.
    pub prefetch: Prefetch,
    /// Who, why, when.
    pub change: Change,
}

/// What became of each learner of a request to revoke.
pub type Revocations = Vec<(EmailAddress, Revocation)>;

/// Taking seats back.
#[async_trait]
pub trait Revoke: Send + Sync {
    /// Revokes the live licenses of these learners, [`MAX_REVOKED`] at most; the outcome of each, in the order of the
    /// request. If the plan's cap does not allow all of them, none is revoked.
    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: RevokeRequest,
    ) -> Result<Revocations, StoreError>;

    /// The outcomes for these learners, if the plan's cap does not allow to revoke the licenses of all of them.
    async fn beyond_cap(
        &self,
        plan: &SubscriptionPlan,
        emails: &[EmailAddress],
    ) -> Result<Option<Revocations>, StoreError>;
}

/// A request to remind learners of one plan.
#[derive(Clone, Debug)]
pub struct RemindRequest {
    /// The learners, each once.
    pub emails: Vec<EmailAddress>,
    /// A greeting for the mail.
    pub greeting: Option<String>,
    /// A closing for the mail.
    pub closing: Option<String>,
    /// What was read ahead.
    pub prefetch: Prefetch,
    /// Who, why, when.
    pub change: Change,
}

/// Reminding learners of licenses that they have not activated.
#[async_trait]
pub trait Remind: Send + Sync {
    /// Marks the assigned licenses of these learners, [`MAX_REMINDED`] at most, and asks for the mails; how many were
    /// marked.
    async fn remind(&self, portfolio: &Portfolio, plan: PlanId, request: RemindRequest) -> Result<usize, StoreError>;
}

/// Why a license was not activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// Somebody revoked it first.
    #[error("the license is revoked")]
    Revoked,
    /// It is not the learner's any more.
    #[error("the license is gone")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A learner's own changes.
#[async_trait]
pub trait Activate: Send + Sync {
    /// Activates a license that the learner was seen to hold; one that is activated stays as it is.
    async fn activate(
        &self,
        portfolio: &Portfolio,
        license: &License,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, ActivateError>;
}

/// Why a learner got no license without invitation.
#[derive(Debug, thiserror::Error)]
pub enum AutoApplyError {
    /// The learner's license of the plan was revoked.
    #[error("the learner's license is revoked")]
    Revoked,
    /// The plan has no free seat.
    #[error("no license is available")]
    NoSeat,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seats without invitation.
#[async_trait]
pub trait AutoApply: Send + Sync {
    /// The learner's live license of the plan, or a new one that is activated at once.
    async fn auto_apply(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, AutoApplyError>;
}

/// Learners who leave for good.
#[async_trait]
pub trait Retire: Send + Sync {
    /// Erases the learner from all licenses and what is on record of the user name; how many things that were.
    async fn retire(&self, user: LmsUserId, username: &str, change: &Change) -> Result<usize, StoreError>;
}
