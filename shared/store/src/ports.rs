//! What handlers may ask of the store, one trait for each capability. A function's `main` hands its router
//! only the traits that its IAM policy allows.

mod jobs;
mod outbox;
mod webhooks;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use license_domain::{
    ActivationKey, AgreementId, BatchId, CustomerAgreement, EmailAddress, EmailKey, EnterpriseId, License, LicenseId,
    LicenseStatus, LmsUserId, Once, PlanId, Portfolio, ProductCatalog, RenewalId, RoleGrant, SeatCounts, Stamp,
    StoredAnswer, SubscriptionPlan, SubscriptionPlanRenewal, Timestamp, renewing::Refusal,
};

use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    keys::{Item, Key},
    rows::Bucket,
};

pub use self::{
    jobs::{Jobs, Transfer, TransferRequest, Transferred, Transfers},
    outbox::{Deliveries, Events, Notices, TrailQuery, Trails},
    webhooks::Webhooks,
};

/// What the store knows of a user beside the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredUser {
    /// Whether the user passes every check.
    pub is_superuser: bool,
    /// Roles that were assigned explicitly.
    pub grants: Vec<RoleGrant>,
}

/// Explicit role assignments.
#[async_trait]
pub trait Users: Send + Sync {
    /// What is on record of the user of that name; the default where nothing is.
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError>;
}

/// Agreements with their plans and renewals.
#[async_trait]
pub trait Portfolios: Send + Sync {
    /// The agreement of that id.
    async fn portfolio(&self, agreement: AgreementId) -> Result<Option<Portfolio>, StoreError>;

    /// The agreement of that customer.
    async fn portfolio_of_enterprise(&self, enterprise: EnterpriseId) -> Result<Option<Portfolio>, StoreError>;

    /// The agreement that holds that plan.
    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError>;

    /// All of these agreements that exist, in the order asked for.
    async fn portfolios(&self, agreements: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError>;

    /// Every agreement's id, in order.
    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError>;

    /// Every plan with its agreement; the newest start first, then by id.
    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError>;

    /// Where the licences of these plans stand. Costs the same for any size of plan.
    async fn seat_counts(&self, plans: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError>;

    /// The products and plan types.
    async fn products(&self) -> Result<ProductCatalog, StoreError>;
}

/// By what a list of licences is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderField {
    /// The learner's address.
    UserEmail,
    /// The status, alphabetically.
    Status,
    /// When it was activated.
    ActivationDate,
    /// When the learner was last reminded.
    LastRemindDate,
}

/// One step of an ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// By what.
    pub field: OrderField,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Which licences of a plan are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Only these statuses; all where none is given.
    pub statuses: Option<Vec<LicenseStatus>>,
    /// Every one of these texts is part of the learner's address, without case.
    pub search: Vec<String>,
    /// Leaves out licences (but free seats) that name nobody.
    pub ignore_null_emails: bool,
}

impl LicenseFilter {
    /// Whether licences of that status are meant at all.
    pub fn admits(&self, status: LicenseStatus) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&status))
            && (self.search.is_empty() || status != LicenseStatus::Unassigned)
    }

    /// Whether this licence is meant.
    pub fn matches(&self, license: &License) -> bool {
        if !self.admits(license.status) {
            return false;
        }
        match &license.user_email {
            Some(email) => {
                let key = email.key();
                self.search.iter().all(|word| key.as_str().contains(word.as_str()))
            }
            None => self.search.is_empty() && (!self.ignore_null_emails || license.status == LicenseStatus::Unassigned),
        }
    }
}

/// A place in the default order of a plan's licences: behind one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind a licence that somebody has or had, by its key in the list.
    Row(LicenseStatus, String),
    /// Behind a free seat.
    FreeSeat(LicenseId),
}

impl Place {
    /// The place behind that licence.
    pub fn behind(license: &License) -> Self {
        match license.status {
            LicenseStatus::Unassigned => Self::FreeSeat(license.uuid),
            status => Self::Row(status, crate::keys::list_key(license)),
        }
    }

    /// The place as text.
    pub fn text(&self) -> String {
        match self {
            Self::Row(_, key) => key.clone(),
            Self::FreeSeat(license) => format!("{} {license}", LicenseStatus::Unassigned),
        }
    }

    /// The place of such a text.
    pub fn parse(text: &str) -> Option<Self> {
        let (status, rest) = text.split_once(' ')?;
        match status.parse().ok()? {
            LicenseStatus::Unassigned => Some(Self::FreeSeat(rest.parse().ok()?)),
            status => Some(Self::Row(status, text.to_owned())),
        }
    }

    /// The status of what lies there.
    pub const fn status(&self) -> LicenseStatus {
        match self {
            Self::Row(status, _) => *status,
            Self::FreeSeat(_) => LicenseStatus::Unassigned,
        }
    }
}

/// A stretch of a plan's licences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseQuery {
    /// Which licences.
    pub filter: LicenseFilter,
    /// In which order; by status, then address, where empty. Ties are broken by id.
    pub order: Vec<OrderBy>,
    /// Begin here, in place of skipping; in the default order only.
    pub after: Option<Place>,
    /// How many to skip.
    pub offset: u64,
    /// How many to return at most.
    pub limit: usize,
}

/// The licences of a plan.
#[async_trait]
pub trait Licenses: Send + Sync {
    /// The licence of that id, if it belongs to that plan.
    async fn license(&self, plan: &SubscriptionPlan, license: LicenseId) -> Result<Option<License>, StoreError>;

    /// The plan of the licence of that id, as far as is known without reading the licence itself.
    async fn plan_of(&self, license: LicenseId) -> Result<Option<PlanId>, StoreError>;

    /// How many licences the filter means, by status; statuses without any are left out.
    async fn count(
        &self,
        plan: &SubscriptionPlan,
        filter: &LicenseFilter,
    ) -> Result<Vec<(LicenseStatus, u64)>, StoreError>;

    /// A stretch of the licences that the query means. Free seats are made up where nobody stored them.
    async fn list(&self, plan: &SubscriptionPlan, query: &LicenseQuery) -> Result<Vec<License>, StoreError>;
}

/// The licences of a learner.
#[async_trait]
pub trait Learners: Send + Sync {
    /// Every licence of the learner with that address, of whatever plan and status.
    async fn licenses_of(&self, email: &EmailKey) -> Result<Vec<License>, StoreError>;

    /// The addresses under which the LMS user has activated licences.
    async fn addresses_of(&self, user: LmsUserId) -> Result<Vec<EmailAddress>, StoreError>;

    /// Moves the licences that the LMS user holds under other addresses to `email`; how many moved.
    async fn adopt(&self, user: LmsUserId, email: &EmailAddress, stamp: &Stamp) -> Result<usize, StoreError>;
}

/// Slots (and perhaps a bucket) that were read ahead, while something else was being read. Whatever is acted on
/// is checked again by the write's conditions, so an old glance costs a retry and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    pub(crate) slots: Option<HashMap<Key, Item>>,
    pub(crate) bucket: Option<(u16, Bucket)>,
    pub(crate) returned: Vec<License>,
}

impl Glance {
    /// Those of the learners whose licence in the plan was seen in that status.
    pub fn held(
        &self,
        plan: PlanId,
        emails: &[EmailKey],
        status: LicenseStatus,
    ) -> Result<HashSet<EmailKey>, StoreError> {
        let slots = crate::write::slots_in(plan, emails, self.slots.clone().unwrap_or_default())?;
        let held = emails.iter().filter(|email| slots.get(email).is_some_and(|slot| slot.license.status == status));
        Ok(held.cloned().collect())
    }
}

/// Reading ahead.
#[async_trait]
pub trait Glances: Send + Sync {
    /// Reads the learners' slots in the plan, and a bucket where the plan's layout is known.
    async fn glance(&self, plan: PlanId, emails: &[EmailKey]) -> Result<Glance, StoreError>;
}

/// A wish to assign.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The learner.
    pub email: EmailAddress,
    /// The sale that this licence comes from.
    pub source_id: Option<String>,
}

/// How what became of a request is answered, for requests whose answer goes on record with their effect.
#[derive(Clone)]
pub struct Answering<T>(Arc<dyn Fn(&T) -> StoredAnswer + Send + Sync>);

impl<T> Answering<T> {
    /// By that function.
    pub fn by(answer: impl Fn(&T) -> StoredAnswer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// Nobody waits for an answer.
    pub fn nobody() -> Self {
        Self::by(|_| StoredAnswer { status: 200, body: String::new() })
    }

    /// The answer.
    pub(crate) fn answer(&self, outcome: &T) -> StoredAnswer {
        (self.0)(outcome)
    }
}

impl<T> std::fmt::Debug for Answering<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answering")
    }
}

/// A request to assign licences of one plan.
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
    pub glance: Glance,
    /// How it is answered.
    pub answering: Answering<Assigned>,
    /// Who, why, when.
    pub stamp: Stamp,
}

/// What became of a request to assign.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    /// New assignments, in the order of the request.
    pub assigned: Vec<(EmailAddress, LicenseId)>,
    /// How many already held a licence of the plan.
    pub already_associated: u64,
}

/// Why licences were not assigned. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// The plan has too few free seats for all of them.
    #[error("{wanted} licences wanted, {available} available")]
    NotEnough {
        /// How many learners without a licence were named.
        wanted: u64,
        /// How many seats are free.
        available: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Handing out seats.
#[async_trait]
pub trait Assign: Send + Sync {
    /// Assigns a licence to every learner named who has none, or to nobody if there are too few.
    async fn assign(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: AssignRequest,
    ) -> Result<Assigned, AssignError>;
}

/// What became of one revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revocation {
    /// The licence is revoked.
    Revoked {
        /// The licence.
        license: LicenseId,
        /// Where it stood before.
        original_status: LicenseStatus,
    },
    /// The learner holds no licence of the plan.
    NotFound,
    /// The plan's cap does not allow it.
    CapReached,
}

/// A request to revoke licences of one plan.
#[derive(Clone, Debug)]
pub struct RevokeRequest {
    /// The learners, each once.
    pub emails: Vec<EmailAddress>,
    /// What was read ahead.
    pub glance: Glance,
    /// How it is answered.
    pub answering: Answering<Revocations>,
    /// Who, why, when.
    pub stamp: Stamp,
}

/// What became of each learner of a request to revoke.
pub type Revocations = Vec<(EmailAddress, Revocation)>;

/// Taking seats back.
#[async_trait]
pub trait Revoke: Send + Sync {
    /// Revokes the live licence of every learner named; what became of each, in the order of the request.
    /// If the plan's cap does not allow all of them, none is revoked.
    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        request: RevokeRequest,
    ) -> Result<Revocations, StoreError>;
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
    pub glance: Glance,
    /// Who, why, when.
    pub stamp: Stamp,
}

/// Reminding learners of licences that they have not activated.
#[async_trait]
pub trait Remind: Send + Sync {
    /// Marks the assigned licences of these learners and asks for the mails; how many were marked.
    async fn remind(&self, portfolio: &Portfolio, plan: PlanId, request: RemindRequest) -> Result<usize, StoreError>;
}

/// Why a licence was not activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// Somebody revoked it first.
    #[error("the licence is revoked")]
    Revoked,
    /// It is not the learner's any more.
    #[error("the licence is gone")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A learner's own changes.
#[async_trait]
pub trait Activate: Send + Sync {
    /// Activates a licence that the learner was seen to hold; one that is activated stays as it is.
    async fn activate(
        &self,
        portfolio: &Portfolio,
        license: &License,
        lms_user_id: Option<LmsUserId>,
        stamp: &Stamp,
    ) -> Result<License, ActivateError>;
}

/// Why a learner got no licence without invitation.
#[derive(Debug, thiserror::Error)]
pub enum AutoApplyError {
    /// The learner's licence of the plan was revoked.
    #[error("the learner's licence is revoked")]
    Revoked,
    /// The plan has no free seat.
    #[error("no licence is available")]
    NoSeat,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seats without invitation.
#[async_trait]
pub trait AutoApply: Send + Sync {
    /// The learner's live licence of the plan, or a new one that is activated at once.
    async fn auto_apply(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        stamp: &Stamp,
    ) -> Result<License, AutoApplyError>;
}

/// Why an agreement was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAgreementError {
    /// The customer, or the slug, has an agreement.
    #[error("not unique")]
    Taken {
        /// The customer has one.
        enterprise: bool,
        /// The slug is in use.
        slug: bool,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a plan was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreatePlanError {
    /// The agreement has a plan of that title.
    #[error("the title is in use")]
    TitleTaken,
    /// There is no such agreement (any more).
    #[error("no such agreement")]
    NoAgreement,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Making agreements and plans.
#[async_trait]
pub trait Provision: Send + Sync {
    /// Puts a new agreement on record.
    async fn create_agreement(&self, agreement: &CustomerAgreement, stamp: &Stamp) -> Result<(), CreateAgreementError>;

    /// Puts a new plan with all its seats on record: a constant number of items, whatever its size.
    async fn create_plan(
        &self,
        agreement: &CustomerAgreement,
        plan: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), CreatePlanError>;
}

/// Why an agreement or a plan was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Somebody else changed it since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    /// The customer, or the slug, has an agreement.
    #[error("not unique")]
    Taken {
        /// The customer has one.
        enterprise: bool,
        /// The slug is in use.
        slug: bool,
    },
    /// The agreement has a plan of that title.
    #[error("the title is in use")]
    TitleTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changing agreements and plans.
#[async_trait]
pub trait Update: Send + Sync {
    /// Puts `after` in the place of `before`, if that is still what is there.
    async fn update_agreement(
        &self,
        before: &CustomerAgreement,
        after: &CustomerAgreement,
        stamp: &Stamp,
    ) -> Result<(), UpdateError>;

    /// Puts `after` in the place of `before`, if that is still what is there; adds the seats that it has more.
    async fn update_plan(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlan,
        after: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), UpdateError>;

    /// Deletes a plan in which nobody has or had a licence, if it is still this one.
    async fn delete_plan(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        stamp: &Stamp,
    ) -> Result<(), DeletePlanError>;
}

/// Why a plan was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeletePlanError {
    /// Somebody has, or had, a licence of it.
    #[error("the plan is in use")]
    InUse,
    /// Somebody else changed it since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a renewal was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// One of its plans has another renewal.
    #[error("a plan has another renewal")]
    Taken,
    /// Somebody else changed it, or one of its plans, since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    /// It is being processed.
    #[error("it is being processed")]
    UnderWay,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Renewals on record.
#[async_trait]
pub trait Renewals: Send + Sync {
    /// The agreement that holds the renewal of that number.
    async fn portfolio_of_renewal(&self, renewal: RenewalId) -> Result<Option<Portfolio>, StoreError>;

    /// Every renewal with its agreement, by number.
    async fn all_renewals(&self) -> Result<Vec<(RenewalId, AgreementId)>, StoreError>;

    /// A number that no renewal has.
    async fn next_renewal_id(&self) -> Result<RenewalId, StoreError>;

    /// Puts a new renewal on record.
    async fn create_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError>;

    /// Puts `after` in the place of `before`, if that is still what is there.
    async fn update_renewal(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlanRenewal,
        after: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError>;

    /// Deletes the renewal, if it is still this one.
    async fn delete_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        stamp: &Stamp,
    ) -> Result<(), RenewalError>;
}

/// What is on record of a request that carried the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The request.
    pub fingerprint: String,
    /// The attempt that has the record.
    pub attempt: uuid::Uuid,
    /// When it wrote last.
    pub at: Timestamp,
    /// Whether it was answered.
    pub is_done: bool,
    /// The answer, where it is not made again from what is there.
    pub answer: Option<StoredAnswer>,
    /// The batch that has the answer.
    pub batch: Option<BatchId>,
    /// Whether parts have the answer.
    pub parts: bool,
}

/// Records of requests that carry a key.
#[async_trait]
pub trait Onces: Send + Sync {
    /// What is on record under that key.
    async fn earlier(&self, key: &str) -> Result<Option<Earlier>, StoreError>;

    /// Lets this attempt carry on what the one that was seen has begun; whether nobody else does.
    async fn take_over(&self, once: &Once, seen: &Earlier, at: Timestamp) -> Result<bool, StoreError>;

    /// Puts the answer on record, or nothing but that it can be made again from what was begun; whether no other
    /// attempt was faster.
    async fn answered(&self, once: &Once, answer: Option<&StoredAnswer>, at: Timestamp) -> Result<bool, StoreError>;
}

/// What the web layer asks of the store about callers.
pub trait Callers: Users + Onces + Paces {}

impl<T: Users + Onces + Paces> Callers for T {}

/// How many requests a caller has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// In this second.
    pub in_second: u64,
    /// In this minute.
    pub in_minute: u64,
}

/// Counting requests.
#[async_trait]
pub trait Paces: Send + Sync {
    /// Counts one request of that caller.
    async fn count(&self, caller: &str, at: Timestamp) -> Result<Pace, StoreError>;
}

/// Learners who leave for good.
#[async_trait]
pub trait Retire: Send + Sync {
    /// Erases the learner from all licences and what is on record of the user name; how many things that were.
    async fn retire(&self, user: LmsUserId, username: &str, stamp: &Stamp) -> Result<usize, StoreError>;
}

/// A renewal that is processed.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The agreement of its plans, the future one included.
    pub portfolio: Portfolio,
    /// The renewal.
    pub renewal: SubscriptionPlanRenewal,
    /// Whether it was not before this call.
    pub is_new: bool,
}

/// Why a renewal was not processed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is no such renewal.
    #[error("no such renewal")]
    Missing,
    /// It cannot be; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed. What was begun is carried on by the schedule, or by the next call.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Processing renewals.
#[async_trait]
pub trait Renew: Send + Sync {
    /// Makes the future plan, or takes the given one, and carries the licences over; all of it once.
    async fn renew(&self, renewal: RenewalId, stamp: &Stamp) -> Result<Renewed, RenewError>;
}

/// Batches whose request died half-way.
#[async_trait]
pub trait Batches: Send + Sync {
    /// The batches that should be done by now.
    async fn overdue(&self, limit: usize) -> Result<Vec<BatchId>, StoreError>;

    /// Runs what is left of a batch; how many licences it handed out.
    async fn resume(&self, batch: BatchId) -> Result<usize, StoreError>;
}

/// Whether the table answers.
#[async_trait]
pub trait Health: Send + Sync {
    /// One cheap read.
    async fn check(&self) -> Result<(), StoreError>;
}

/// The licence among these whose activation link holds that key.
pub fn with_key(licenses: &[License], key: ActivationKey) -> impl Iterator<Item = &License> {
    licenses.iter().filter(move |license| license.activation_key == Some(key))
}
