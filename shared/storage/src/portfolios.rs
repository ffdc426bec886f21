//! Agreements with their plans and renewals: reading, making and changing them.

use std::collections::HashMap;

use async_trait::async_trait;
use license_domain::{
    AgreementId, CustomerAgreement, EnterpriseId, PlanId, Portfolio, ProductCatalog, RenewalId, SeatCounts,
    SubscriptionPlan, SubscriptionPlanRenewal,
};

use crate::{Change, StoreError};

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

    /// Where the licenses of these plans stand. Costs the same for any size of plan.
    async fn seat_counts(&self, plans: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError>;

    /// The products and plan types.
    async fn products(&self) -> Result<ProductCatalog, StoreError>;
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
    async fn create_agreement(
        &self,
        agreement: &CustomerAgreement,
        change: &Change,
    ) -> Result<(), CreateAgreementError>;

    /// Puts a new plan with all its seats on record: a constant number of items, whatever its size.
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
        change: &Change,
    ) -> Result<(), UpdateError>;

    /// Puts `after` in the place of `before`, if that is still what is there; adds the seats that it has more.
    async fn update_plan(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlan,
        after: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), UpdateError>;

    /// Deletes a plan in which nobody has or had a license, if it is still this one.
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
    /// Somebody has, or had, a license of it.
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
        change: &Change,
    ) -> Result<(), RenewalError>;

    /// Puts `after` in the place of `before`, if that is still what is there.
    async fn update_renewal(
        &self,
        portfolio: &Portfolio,
        before: &SubscriptionPlanRenewal,
        after: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError>;

    /// Deletes the renewal, if it is still this one.
    async fn delete_renewal(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        change: &Change,
    ) -> Result<(), RenewalError>;
}
