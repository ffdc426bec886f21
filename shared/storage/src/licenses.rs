//! Changes of licenses: assign, revoke, remind, activate, auto-apply, retire.

use async_trait::async_trait;
use license_domain::{
    EmailAddress, Job, License, LicenseId, LicenseStatus, LmsUserId, PlanId, Portfolio, RowResult, SubscriptionPlan,
};
use serde::{Deserialize, Serialize};

use super::Prefetch;
use crate::{Change, StoreError};

/// One learner of a request to assign.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub email: EmailAddress,
    /// The sale that this license comes from.
    pub source_id: Option<String>,
}

/// A request to assign licenses of one plan.
#[derive(Clone, Debug)]
pub struct AssignRequest {
    /// The learners; each address occurs once.
    pub assignments: Vec<Assignment>,
    /// Whether the learners are invited by mail.
    pub notify: bool,
    /// A greeting for the mail.
    pub greeting: Option<String>,
    /// A closing for the mail.
    pub closing: Option<String>,
    pub prefetch: Prefetch,
    pub change: Change,
}

/// The outcome of a request to assign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// New assignments, in the order of the request.
    pub assigned: Vec<(EmailAddress, LicenseId)>,
    /// How many already held a license of the plan.
    pub already_associated: u64,
}

/// Why no license was assigned. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// The plan has fewer free seats than the request needs.
    #[error("{wanted} licenses wanted, {available} available")]
    NotEnough {
        /// How many learners of the request hold no license.
        wanted: u64,
        /// How many seats are free.
        available: u64,
    },
    /// They do not fit into one transaction: seats must be reserved first ([`Reserve`]).
    #[error("more learners than one transaction holds")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Assigns licenses.
#[async_trait]
pub trait Assign: Send + Sync {
    /// Assigns a license to every learner who has none. If there are too few seats, none is assigned.
    async fn assign(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: AssignRequest,
    ) -> Result<Assigned, AssignError>;
}

/// The single transactions of assigning to more learners than one transaction can hold. A run contains the loop over
/// them.
#[async_trait]
pub trait Reserve: Send + Sync {
    /// Reserves a seat for every learner who holds no license, and opens the run that assigns them; `None` if all of
    /// them hold one. Fails if there are too few seats. The learners have no duplicates.
    async fn reserve(
        &self,
        portfolio: &Portfolio,
        run: &Job,
        assignments: &[Assignment],
        change: &Change,
    ) -> Result<Option<Job>, AssignError>;

    /// Assigns the reserved seats of a chunk. Returns the outcome of its rows, which commits with it under the change's
    /// key.
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

/// The outcome of one revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revocation {
    /// The license is revoked.
    Revoked { license: LicenseId, original_status: LicenseStatus },
    /// The learner holds no license of the plan.
    NotFound,
    /// The plan's cap does not allow it.
    CapReached,
}

/// A request to revoke licenses of one plan.
#[derive(Clone, Debug)]
pub struct RevokeRequest {
    /// The learners, without duplicates.
    pub emails: Vec<EmailAddress>,
    pub prefetch: Prefetch,
    pub change: Change,
}

/// The outcome for each learner of a request to revoke.
pub type Revocations = Vec<(EmailAddress, Revocation)>;

#[async_trait]
pub trait Revoke: Send + Sync {
    /// Revokes the live licenses of these learners, [`MAX_REVOKED`] at most; returns the outcome of each, in the order
    /// of the request. If the plan's cap does not allow all of them, none is revoked.
    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: RevokeRequest,
    ) -> Result<Revocations, StoreError>;

    /// The outcomes for these learners, if the plan's cap does not allow revoking all of their licenses.
    async fn beyond_cap(
        &self,
        plan: &SubscriptionPlan,
        emails: &[EmailAddress],
    ) -> Result<Option<Revocations>, StoreError>;
}

/// A request to remind learners of one plan.
#[derive(Clone, Debug)]
pub struct RemindRequest {
    /// The learners, without duplicates.
    pub emails: Vec<EmailAddress>,
    /// A greeting for the mail.
    pub greeting: Option<String>,
    /// A closing for the mail.
    pub closing: Option<String>,
    pub prefetch: Prefetch,
    pub change: Change,
}

/// Reminds learners of licenses that they have not activated.
#[async_trait]
pub trait Remind: Send + Sync {
    /// Sets the reminder date of these learners' assigned licenses, [`MAX_REMINDED`] at most, and requests the mails;
    /// returns how many were set.
    async fn remind(&self, portfolio: &Portfolio, plan: PlanId, request: RemindRequest) -> Result<usize, StoreError>;
}

/// Why a license was not activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// It was revoked in the meantime.
    #[error("the license is revoked")]
    Revoked,
    /// The learner no longer holds it.
    #[error("the license is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
pub trait Activate: Send + Sync {
    /// Activates a license that the learner was seen to hold; an activated license stays as it is.
    async fn activate(
        &self,
        portfolio: &Portfolio,
        license: &License,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, ActivateError>;
}

/// Why auto-apply gave the learner no license.
#[derive(Debug, thiserror::Error)]
pub enum AutoApplyError {
    /// The learner's license of the plan was revoked.
    #[error("the learner's license is revoked")]
    Revoked,
    /// The plan has no free seat.
    #[error("no license is available")]
    NoSeat,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
pub trait AutoApply: Send + Sync {
    /// The learner's live license of the plan, or a new one, which is activated immediately.
    async fn auto_apply(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, AutoApplyError>;
}

#[async_trait]
pub trait Retire: Send + Sync {
    /// Erases the learner from all licenses, and the data that is stored under the user name; returns how many items
    /// were changed.
    async fn retire(&self, user: LmsUserId, username: &str, change: &Change) -> Result<usize, StoreError>;
}
