//! `GET /admin/attention/`: the plans that an operator is to look at, the most urgent first. The sweeper notes them at each look,
//! so that one query of an index finds them.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::{extract::State, response::Response};
use license_domain::{
    AgreementId, PlanId, Portfolio,
    plan_work::{Concern, ConcerningPlan},
};
use license_storage::StoreError;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::Next,
    render::{Frame, page},
};

/// The plans that an operator is to look at.
pub const ROUTE: Page = Page::get("/admin/attention/", Access::Needs(Right::View));

/// How many plans a page shows.
const PLANS: usize = 50;

/// The most characters of a place in the list.
const MAX_PLACE: usize = 100;

#[derive(Template)]
#[template(path = "attention.html")]
struct AttentionPage {
    frame: Frame,
    plans: Vec<PlanLine>,
    next: Option<Next>,
}

/// A plan of the list.
#[derive(Debug)]
pub struct PlanLine {
    pub plan: PlanId,
    pub title: String,
    pub agreement: AgreementId,
    pub customer: String,
    pub concerns: Vec<&'static str>,
    pub ends: Moment,
}

const fn words(concern: Concern) -> &'static str {
    match concern {
        Concern::RenewalRefused => "its renewal will be refused",
        Concern::Ends => "it ends soon, and nothing renews it",
        Concern::FewSeats => "at most a tenth of its licenses is unassigned",
    }
}

impl PlanLine {
    /// The line, unless the plan was deleted meanwhile.
    fn of(found: &ConcerningPlan, portfolios: &HashMap<AgreementId, Portfolio>) -> Option<Self> {
        let portfolio = portfolios.get(&found.agreement)?;
        Some(Self {
            plan: found.plan,
            title: portfolio.plan(found.plan)?.title.clone(),
            agreement: found.agreement,
            customer: portfolio.agreement.enterprise_customer_name.clone().unwrap_or_default(),
            concerns: found.concerns.list.iter().copied().map(words).collect(),
            ends: found.concerns.ends.into(),
        })
    }
}

/// The first plans behind that place, and the place of the last one if there are more.
pub async fn plans(
    context: &Context,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<PlanLine>, Option<String>), StoreError> {
    let mut found = context.plan_works.concerning_plans(after, limit + 1).await?;
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let agreements: Vec<AgreementId> =
        found.iter().map(|found| found.agreement).collect::<BTreeSet<_>>().into_iter().collect();
    let portfolios = context.portfolios.portfolios(&agreements).await?;
    let portfolios = portfolios.into_iter().map(|portfolio| (portfolio.agreement.uuid, portfolio)).collect();
    let last = found.last().filter(|_| is_cut).map(|last| last.place.clone());
    Ok((found.iter().filter_map(|found| PlanLine::of(found, &portfolios)).collect(), last))
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let after = query.get("after");
    if after.is_some_and(|after| after.len() > MAX_PLACE) {
        return Err(PageError::not_found());
    }
    let (plans, last) = plans(&context, after, PLANS).await?;
    Ok(page(&AttentionPage {
        frame: Frame::of(&operator, "Plans that need attention"),
        plans,
        next: last.map(|last| Next::new(ROUTE.path, &[("after", &last)], "Next plans")),
    }))
}
