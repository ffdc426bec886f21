//! Reading licenses: lists of a plan, those of a learner, glances ahead of a change.

use std::{any::Any, collections::HashSet, fmt, sync::Arc};

use async_trait::async_trait;
use license_domain::{
    ActivationKey, EmailAddress, EmailKey, License, LicenseFilter, LicenseId, LicenseStatus, LmsUserId, OrderBy,
    PlanId, Stamp, SubscriptionPlan,
};

use crate::StoreError;

/// Where a page begins in the default order of a plan's licenses: behind one of them. Only the adapter knows what the
/// text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePosition(String);

impl PagePosition {
    /// A position that an adapter has put into words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The position as text, for a cursor.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// A stretch of a plan's licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseQuery {
    /// Which licenses.
    pub filter: LicenseFilter,
    /// In which order; by status, then address, where empty. Ties are broken by id.
    pub order: Vec<OrderBy>,
    /// Begin here, in place of skipping; in the default order only.
    pub after: Option<PagePosition>,
    /// How many to skip.
    pub offset: u64,
    /// How many to return at most.
    pub limit: usize,
}

/// The licenses of a plan.
#[async_trait]
pub trait Licenses: Send + Sync {
    /// The license of that id, if it belongs to that plan.
    async fn license(&self, plan: &SubscriptionPlan, license: LicenseId) -> Result<Option<License>, StoreError>;

    /// The plan of the license of that id, as far as is known without reading the license itself.
    async fn plan_of(&self, license: LicenseId) -> Result<Option<PlanId>, StoreError>;

    /// How many licenses the filter means, by status; statuses without any are left out.
    async fn count(
        &self,
        plan: &SubscriptionPlan,
        filter: &LicenseFilter,
    ) -> Result<Vec<(LicenseStatus, u64)>, StoreError>;

    /// The position behind that license, in the default order.
    fn position_behind(&self, license: &License) -> PagePosition;

    /// The position that was put into these words; `None` if they are no position's.
    fn position(&self, text: &str) -> Option<PagePosition>;

    /// How many licenses the query's filter means, by status, and the stretch of them: where both need all of the plan's
    /// rows, these are read once.
    async fn count_and_list(
        &self,
        plan: &SubscriptionPlan,
        query: &LicenseQuery,
    ) -> Result<(Vec<(LicenseStatus, u64)>, Vec<License>), StoreError>;

    /// A stretch of the licenses that the query means. Free seats are made up where nobody stored them.
    async fn list(&self, plan: &SubscriptionPlan, query: &LicenseQuery) -> Result<Vec<License>, StoreError>;
}

/// The licenses of a learner.
#[async_trait]
pub trait Learners: Send + Sync {
    /// Every license of the learner with that address, of whatever plan and status.
    async fn licenses_of(&self, email: &EmailKey) -> Result<Vec<License>, StoreError>;

    /// The addresses under which the LMS user has activated licenses.
    async fn addresses_of(&self, user: LmsUserId) -> Result<Vec<EmailAddress>, StoreError>;

    /// Moves the licenses that the LMS user holds under other addresses to `email`; how many moved.
    async fn adopt(&self, user: LmsUserId, email: &EmailAddress, stamp: &Stamp) -> Result<usize, StoreError>;
}

/// What was read ahead for a change, while something else was being read. Only the adapter that made it knows what it
/// holds. Whatever is acted on is checked again by the write's conditions, so an old one costs a retry and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Prefetch(Option<Arc<dyn Prefetched>>);

/// What an adapter keeps in a [`Prefetch`].
pub trait Prefetched: Any + fmt::Debug + Send + Sync {
    /// Those of the learners whose license in the plan was seen in that status.
    fn held(&self, plan: PlanId, emails: &[EmailKey], status: LicenseStatus) -> Result<HashSet<EmailKey>, StoreError>;
}

impl Prefetch {
    /// Wraps what an adapter has read.
    pub fn new(prefetched: impl Prefetched) -> Self {
        Self(Some(Arc::new(prefetched)))
    }

    /// What the adapter of that type has read; the default where nothing was read, or another adapter read it.
    pub fn into_inner<T: Prefetched + Clone + Default>(self) -> T {
        let any: Option<Arc<dyn Any + Send + Sync>> = self.0.map(|prefetched| prefetched as _);
        any.and_then(|any| any.downcast::<T>().ok()).map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// Those of the learners whose license in the plan was seen in that status; nothing where they were too many to be
    /// read ahead ([`MAX_PREFETCHED`]).
    pub fn held(
        &self,
        plan: PlanId,
        emails: &[EmailKey],
        status: LicenseStatus,
    ) -> Result<HashSet<EmailKey>, StoreError> {
        self.0.as_ref().map_or_else(|| Ok(HashSet::new()), |prefetched| prefetched.held(plan, emails, status))
    }
}

/// The most learners that are read ahead at once.
pub const MAX_PREFETCHED: usize = 90;

/// Reading ahead.
#[async_trait]
pub trait Prefetches: Send + Sync {
    /// Reads the learners' slots in the plan, and a bucket where the plan's layout is known. Of more than
    /// [`MAX_PREFETCHED`] learners nothing is read.
    async fn prefetch(&self, plan: PlanId, emails: &[EmailKey]) -> Result<Prefetch, StoreError>;
}

/// The license among these whose activation link holds that key.
pub fn with_key(licenses: &[License], key: ActivationKey) -> impl Iterator<Item = &License> {
    licenses.iter().filter(move |license| license.activation_key == Some(key))
}
