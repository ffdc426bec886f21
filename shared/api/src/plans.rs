//! Pages of plans with their counts, the newest start first.

use license_domain::number::to_u64;
use std::cmp::Reverse;

use futures::try_join;
use license_domain::{Portfolio, SubscriptionPlan, Timestamp};
use license_storage::{Portfolios, StoreError};

use crate::{ApiError, Page, PageQuery, wire};

pub const PAGE_SIZE: usize = 100;

/// A plan with its agreement.
pub type AgreementPlan<'a> = (&'a Portfolio, &'a SubscriptionPlan);

/// Sorts by start, the newest first.
pub fn sort(plans: &mut [AgreementPlan<'_>]) {
    plans.sort_by_key(|(_, plan)| (Reverse(plan.start_date), plan.uuid));
}

/// The page that the request names, cut from a list in memory.
pub async fn page(
    portfolios: &dyn Portfolios,
    mut plans: Vec<AgreementPlan<'_>>,
    query: &PageQuery,
    now: Timestamp,
) -> Result<Page<wire::Plan>, ApiError> {
    sort(&mut plans);
    let window = query.fixed_window(to_u64(plans.len()), PAGE_SIZE)?;
    let shown = show(portfolios, window.of(plans), now).await?;
    Ok(Page::new(query, &window, shown))
}

pub async fn show(
    portfolios: &dyn Portfolios,
    plans: Vec<AgreementPlan<'_>>,
    now: Timestamp,
) -> Result<Vec<wire::Plan>, StoreError> {
    let counted: Vec<&SubscriptionPlan> = plans.iter().map(|(_, plan)| *plan).collect();
    let (counts, products) = try_join!(portfolios.seat_counts(&counted), portfolios.products())?;
    let shape = |(portfolio, plan): AgreementPlan<'_>| {
        let counts = *counts.get(&plan.uuid).expect("seat_counts has every plan that it is asked for");
        wire::Plan::new(portfolio, plan, counts, &products, now)
    };
    Ok(plans.into_iter().map(shape).collect())
}
