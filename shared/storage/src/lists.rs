//! Reading licenses: lists of a plan, licenses of a learner, and prefetches for a change.

use std::{any::Any, collections::HashSet, fmt, sync::Arc};

use async_trait::async_trait;
use license_domain::{
    ActivationKey, EmailAddress, EmailKey, License, LicenseFilter, LicenseId, LicenseStatus, LmsUserId, OrderBy,
    PlanId, Stamp, SubscriptionPlan,
};

use crate::StoreError;

/// A position after a license in the default order of a plan's list, where a page begins. The text is opaque outside
/// the adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePosition(String);

impl PagePosition {
    /// A position from the adapter's text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for a cursor.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// A query for a window of a plan's licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseQuery {
    pub filter: LicenseFilter,
    /// The order; if empty, by status, then address. Equal licenses are ordered by id.
    pub order: Vec<OrderBy>,
    /// Where to begin, instead of skipping; in the default order only.
    pub after: Option<PagePosition>,
    pub offset: u64,
    /// How many to return at most.
    pub limit: usize,
    /// The last page of `limit` licenses, instead of the one at `offset`. Only `count_and_list` knows it, and not for a
    /// search, because a search is counted by reading it.
    pub is_last: bool,
}

/// Reads the licenses of a plan.
#[async_trait]
pub trait Licenses: Send + Sync {
    /// The same, for one request about that plan: what its counts follow from is read already, if the plan was read
    /// before, so that it is read at the same time as the plan. `with_rows`: rows are to be listed or searched, too.
    async fn ahead_of_plan(&self, plan: PlanId, with_rows: bool) -> Arc<dyn Licenses>;

    /// The license of that id, if it belongs to that plan.
    async fn license(&self, plan: &SubscriptionPlan, license: LicenseId) -> Result<Option<License>, StoreError>;

    /// The plan of the license with that id, if it is known without reading the license.
    async fn plan_of(&self, license: LicenseId) -> Result<Option<PlanId>, StoreError>;

    /// How many licenses match the filter, by status; statuses with none are left out.
    async fn count(
        &self,
        plan: &SubscriptionPlan,
        filter: &LicenseFilter,
    ) -> Result<Vec<(LicenseStatus, u64)>, StoreError>;

    /// The position after that license, in the default order.
    fn position_behind(&self, license: &License) -> PagePosition;

    /// Parses a position; `None` if the text is not one.
    fn position(&self, text: &str) -> Option<PagePosition>;

    /// How many licenses match the query's filter, by status, and the window of them. If both need all of the plan's
    /// rows, they are read once.
    async fn count_and_list(
        &self,
        plan: &SubscriptionPlan,
        query: &LicenseQuery,
    ) -> Result<(Vec<(LicenseStatus, u64)>, Vec<License>), StoreError>;

    /// The window of the licenses that match the query. Untouched seats are not stored, so they are computed.
    async fn list(&self, plan: &SubscriptionPlan, query: &LicenseQuery) -> Result<Vec<License>, StoreError>;
}

/// Reads the licenses of a learner.
#[async_trait]
pub trait Learners: Send + Sync {
    /// Every license of the learner with that address, of any plan and status.
    async fn licenses_of(&self, email: &EmailKey) -> Result<Vec<License>, StoreError>;

    /// The addresses under which the LMS user has activated licenses.
    async fn addresses_of(&self, user: LmsUserId) -> Result<Vec<EmailAddress>, StoreError>;

    /// Changes the address of the LMS user's licenses to `email`; returns how many changed.
    async fn adopt(&self, user: LmsUserId, email: &EmailAddress, stamp: &Stamp) -> Result<usize, StoreError>;
}

/// Data that was prefetched for a change, while other data was read. Only the adapter that made it knows its content.
/// The conditions of the write check everything again, so outdated data costs a retry only.
#[derive(Clone, Debug, Default)]
pub struct Prefetch(Option<Arc<dyn Prefetched>>);

/// The content of a [`Prefetch`], as an adapter stores it.
pub trait Prefetched: Any + fmt::Debug + Send + Sync {
    /// The learners whose license in the plan was seen in that status.
    fn held(&self, plan: PlanId, emails: &[EmailKey], status: LicenseStatus) -> Result<HashSet<EmailKey>, StoreError>;
}

impl Prefetch {
    /// Wraps an adapter's data.
    pub fn new(prefetched: impl Prefetched) -> Self {
        Self(Some(Arc::new(prefetched)))
    }

    /// The adapter's data; the default if nothing was read, or by another adapter.
    pub fn into_inner<T: Prefetched + Clone + Default>(self) -> T {
        let any: Option<Arc<dyn Any + Send + Sync>> = self.0.map(|prefetched| prefetched as _);
        any.and_then(|any| any.downcast::<T>().ok()).map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// The learners whose license in the plan was seen in that status; none if there were too many to prefetch
    /// ([`MAX_PREFETCHED`]).
    pub fn held(
        &self,
        plan: PlanId,
        emails: &[EmailKey],
        status: LicenseStatus,
    ) -> Result<HashSet<EmailKey>, StoreError> {
        self.0.as_ref().map_or_else(|| Ok(HashSet::new()), |prefetched| prefetched.held(plan, emails, status))
    }
}

/// The most learners that are prefetched.
pub const MAX_PREFETCHED: usize = 90;

#[async_trait]
pub trait Prefetches: Send + Sync {
    /// Reads the learners' slots in the plan, and a bucket if the plan's layout is known. Reads nothing for more than
    /// [`MAX_PREFETCHED`] learners.
    async fn prefetch(&self, plan: PlanId, emails: &[EmailKey]) -> Result<Prefetch, StoreError>;
}

/// The licenses whose activation key is `key`.
pub fn with_key(licenses: &[License], key: ActivationKey) -> impl Iterator<Item = &License> {
    licenses.iter().filter(move |license| license.activation_key == Some(key))
}
