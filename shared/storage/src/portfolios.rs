//! Reads, creates and changes agreements with their plans and renewals.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use license_domain::{
    AgreementId, CustomerAgreement, EnterpriseId, PlanId, Portfolio, ProductCatalog, RenewalId, SeatCounts,
    SubscriptionPlan, SubscriptionPlanRenewal,
};

use crate::{Change, StoreError};

/// Reads agreements with their plans and renewals.
#[async_trait]
pub trait Portfolios: Send + Sync {
    /// The same, for one request about that customer: what the counts of its plans follow from is read already, if the
    /// plans were read before, so that it is read at the same time as the plans.
    async fn ahead_of_customer(&self, enterprise: EnterpriseId) -> Arc<dyn Portfolios>;

    /// The agreement of that id.
    async fn portfolio(&self, agreement: AgreementId) -> Result<Option<Portfolio>, StoreError>;

    /// The agreement of that customer.
    async fn portfolio_of_enterprise(&self, enterprise: EnterpriseId) -> Result<Option<Portfolio>, StoreError>;

    /// The agreement that holds that plan.
    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError>;

    /// The agreements that exist, in the order of the ids.
    async fn portfolios(&self, agreements: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError>;

    /// Every agreement's id, in order.
    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError>;

    /// Every plan with its agreement; the newest start first, then by id.
    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError>;

    /// The counts of these plans' licenses; all of the plans are in it. The cost does not depend on the plans' size.
    async fn seat_counts(&self, plans: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError>;

    async fn products(&self) -> Result<ProductCatalog, StoreError>;
}

/// Why an agreement was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateAgreementError {
    /// Another agreement has the customer or the slug.
    #[error("not unique")]
    Taken {
        /// Whether the customer has an agreement.
        enterprise: bool,
        /// Whether the slug is in use.
        slug: bool,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a plan was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreatePlanError {
    /// The agreement has a plan of that title.
    #[error("the title is in use")]
    TitleTaken,
    /// The agreement does not exist.
    #[error("no such agreement")]
    NoAgreement,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
pub trait Provision: Send + Sync {
    async fn create_agreement(
        &self,
        agreement: &CustomerAgreement,
        change: &Change,
    ) -> Result<(), CreateAgreementError>;

    /// Creates a plan with all its seats. The number of items does not depend on its size.
    async fn create_plan(
        &self,
        agreement: &CustomerAgreement,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), CreatePlanError>;
}

/// Why an agreement or a plan was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Another request changed it since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    /// Another agreement has the customer or the slug.
    #[error("not unique")]
    Taken {
        /// Whether the customer has another agreement.
        enterprise: bool,
        /// Whether the slug is in use.
        slug: bool,
    },
    /// The agreement has a plan of that title.
    #[error("the title is in use")]
    TitleTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
pub trait Update: Send + Sync {
    /// Replaces `before` by `after`, if the stored agreement is still `before`.
    async fn update_agreement(
        &self,
        before: &CustomerAgreement,
        after: &CustomerAgreement,
        change: &Change,
    ) -> Result<(), UpdateError>;

    /// Replaces `before` by `after`, if the stored plan is still `before`, and adds seats if `after` has more.
    async fn update_plan(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlan,
        after: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), UpdateError>;

    /// Deletes a plan of which no learner has or had a license, if it has not changed since it was read.
    async fn delete_plan(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), DeletePlanError>;
}

/// Why a plan was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeletePlanError {
    /// A learner has, or had, a license of it.
    #[error("the plan is in use")]
    InUse,
    /// Another request changed it since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a renewal was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// One of its plans has another renewal.
    #[error("a plan has another renewal")]
    Taken,
    /// Another request changed it, or one of its plans, since it was read.
    #[error("it was changed meanwhile")]
    Changed,
    /// It is being processed.
    #[error("it is being processed")]
    UnderWay,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[async_trait]
pub trait Renewals: Send + Sync {
    /// The agreement that holds the renewal of that number.
    async fn portfolio_of_renewal(&self, renewal: RenewalId) -> Result<Option<Portfolio>, StoreError>;

    /// Every renewal with its agreement, by number.
    async fn all_renewals(&self) -> Result<Vec<(RenewalId, AgreementId)>, StoreError>;

    /// A new number for a renewal.
    async fn next_renewal_id(&self) -> Result<RenewalId, StoreError>;

    async fn create_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError>;

    /// Replaces `before` by `after`, if the stored renewal is still `before`.
    async fn update_renewal(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlanRenewal,
        after: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError>;

    /// Deletes the renewal, if it has not changed since it was read.
    async fn delete_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError>;
}
