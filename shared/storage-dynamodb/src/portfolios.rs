//! Reads agreements with their plans and renewals: one Query each, strongly consistent.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{
    AgreementId, CustomerAgreement, EnterpriseId, PlanId, Portfolio, ProductCatalog, SeatCounts, SubscriptionPlan,
    SubscriptionPlanRenewal,
};

use serde::de::IgnoredAny;

use crate::{
    Store,
    decode::{Row, RowKeys},
    keys::{self, AgreementKeys, AgreementPart, Item, Key, PORTFOLIO_RANGE},
    rows::{self, Bucket, attributes},
    table::{PARALLEL, Range},
};
use license_storage::{Portfolios, StoreError};

/// How many entries of an operator's list one Query reads.
const LISTED: usize = 2_000;

#[async_trait]
impl Portfolios for Store {
    async fn ahead_of_customer(&self, enterprise: EnterpriseId) -> Arc<dyn Portfolios> {
        Arc::new(self.with_plans_ahead(enterprise).await)
    }

    async fn portfolio(&self, agreement: AgreementId) -> Result<Option<Portfolio>, StoreError> {
        let mut items = self.portfolio_items(agreement).await?;
        // Only the run that builds a hidden plan sees it and its contents.
        items.retain(|item| !item.contains_key(attributes::HIDDEN_BY));
        let portfolio = assemble(items)?;
        if let Some(portfolio) = &portfolio {
            self.cached.enterprises.put(portfolio.agreement.enterprise_customer_uuid, agreement);
            for plan in &portfolio.plans {
                self.cached.plans.put(plan.uuid, agreement);
                self.cached.buckets.put(plan.uuid, plan.seats.buckets);
            }
            self.remember_layouts(portfolio);
        }
        Ok(portfolio)
    }

    async fn portfolio_of_enterprise(&self, enterprise: EnterpriseId) -> Result<Option<Portfolio>, StoreError> {
        if let Some(agreement) = self.cached.enterprises.get(&enterprise) {
            let portfolio = self.portfolio(agreement).await?;
            let fits = |portfolio: &Portfolio| portfolio.agreement.enterprise_customer_uuid == enterprise;
            if portfolio.as_ref().is_some_and(fits) {
                return Ok(portfolio);
            }
            self.cached.enterprises.forget(&enterprise);
        }
        match self.pointed(&keys::enterprise(enterprise)).await? {
            Some(agreement) => self.portfolio(agreement).await,
            None => Ok(None),
        }
    }

    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError> {
        if let Some(agreement) = self.cached.plans.get(&plan) {
            let portfolio = self.portfolio(agreement).await?;
            if portfolio.as_ref().is_some_and(|portfolio| portfolio.plan(plan).is_some()) {
                return Ok(portfolio);
            }
            self.cached.plans.forget(&plan);
        }
        match self.pointed(&keys::plan(plan)).await? {
            Some(agreement) => {
                let portfolio = self.portfolio(agreement).await?;
                Ok(portfolio.filter(|portfolio| portfolio.plan(plan).is_some()))
            }
            None => Ok(None),
        }
    }

    async fn portfolios(&self, agreements: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError> {
        let reads: Vec<_> = agreements.iter().map(|agreement| self.portfolio(*agreement)).collect();
        let found: Vec<Option<Portfolio>> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError> {
        self.list_all(keys::ALL_AGREEMENTS, |keys| keys.sort_key().parse().ok()).await
    }

    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError> {
        let plan = |keys: &RowKeys| {
            let (start, plan) = keys::plan_of_listing(keys.sort_key())?;
            Some((Box::from(start), plan, AgreementKeys::of_partition(keys.partition())?))
        };
        let mut plans: Vec<(Box<str>, PlanId, AgreementId)> = self.list_all(keys::ALL_PLANS, plan).await?;
        plans.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(plans.into_iter().map(|(_, plan, agreement)| (plan, agreement)).collect())
    }

    async fn seat_counts(&self, plans: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError> {
        let buckets = self.buckets_of_each(plans).await?;
        let counts = plans.iter().zip(buckets).map(|(plan, buckets)| {
            let buckets: Vec<Bucket> = buckets.into_iter().map(|(_, bucket)| bucket).collect();
            (plan.uuid, sum(plan.seats.total, &buckets))
        });
        Ok(counts.collect())
    }

    async fn products(&self) -> Result<ProductCatalog, StoreError> {
        let now = self.clock.now();
        if let Some(catalog) = self.cached.products(now) {
            return Ok(catalog);
        }
        let catalog = self.stored_catalog().await?;
        self.cached.remember_products(now, &catalog);
        Ok(catalog)
    }
}

impl Store {
    /// The stored products and plan types; the default ones if there are none.
    pub(crate) async fn stored_catalog(&self) -> Result<ProductCatalog, StoreError> {
        match self.table.get(&keys::catalog()).await? {
            Some(item) => rows::from_item(item),
            None => Ok(ProductCatalog::usual()),
        }
    }

    /// The items of an agreement, its plans and renewals, read strongly consistently.
    pub(crate) async fn portfolio_items(&self, agreement: AgreementId) -> Result<Vec<Item>, StoreError> {
        let range = Range {
            partition: AgreementKeys(agreement).partition(),
            between: Some(PORTFOLIO_RANGE),
            consistent: true,
            ..Range::default()
        };
        self.table.query(range).await
    }

    /// The target of a pointer.
    async fn pointed(&self, pointer: &Key) -> Result<Option<AgreementId>, StoreError> {
        self.table.get(pointer).await?.as_ref().map(rows::target).transpose()
    }

    /// The entries of one of the operator's lists, in order: what `entry` makes of their keys. An entry that it cannot read
    /// is an error, because it would be missing without notice.
    pub(crate) async fn list_all<T>(
        &self,
        partition: &str,
        entry: impl Fn(&RowKeys) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let range = Range { index: Some(keys::GSI2), partition: partition.to_owned(), ..Range::default() };
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let (rows, last) = self.table.query_rows::<IgnoredAny>(&range, after, Some(LISTED)).await?;
            for Row { keys, .. } in rows {
                let read = entry(&keys);
                entries.push(
                    read.ok_or_else(|| rows::corrupt(Some(keys.key()), &"its entry in the list is not readable"))?,
                );
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(entries),
            }
        }
    }
}

/// Makes a portfolio from the items of an agreement's partition.
pub(crate) fn assemble(items: Vec<Item>) -> Result<Option<Portfolio>, StoreError> {
    let mut agreement: Option<CustomerAgreement> = None;
    let mut plans: Vec<SubscriptionPlan> = Vec::new();
    let mut renewals: Vec<SubscriptionPlanRenewal> = Vec::new();
    for item in items {
        match Key::of(&item).as_ref().map(AgreementPart::of) {
            Some(AgreementPart::Agreement) => agreement = Some(rows::from_item(item)?),
            Some(AgreementPart::Plan) => plans.push(rows::from_item(item)?),
            Some(AgreementPart::Renewal) => renewals.push(rows::from_item(item)?),
            Some(AgreementPart::Other) | None => {}
        }
    }
    Ok(agreement.map(|agreement| Portfolio { agreement, plans, renewals }))
}

/// A plan's counts: the sums over its buckets.
pub(crate) fn sum(total: u64, buckets: &[Bucket]) -> SeatCounts {
    // If licenses change while buckets are read, their sum can be negative.
    let share = |of: fn(&Bucket) -> i64| {
        let sum = buckets.iter().map(of).sum::<i64>().max(0);
        u64::try_from(sum).expect("it is not negative")
    };
    SeatCounts {
        total,
        assigned: share(|bucket| bucket.assigned),
        activated: share(|bucket| bucket.activated),
        revoked: share(|bucket| bucket.revoked),
        revoked_without_person: share(|bucket| bucket.revoked_without_person),
    }
}
