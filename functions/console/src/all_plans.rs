//! `GET /admin/plans/`: the plans of all customers, the newest start first, by state and by whether they are internal.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::{extract::State, response::Response};
use license_domain::{AgreementId, PlanId, Portfolio, SubscriptionPlan};

use crate::{
    Access, Context, Page, Right,
    customer::{name_of, state_of},
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::Next,
    render::{Frame, page},
};

/// The plans.
pub const ROUTE: Page = Page::get("/admin/plans/", Access::Needs(Right::View));

/// The most plans that a page shows.
const PLANS: usize = 50;

/// How many plans are read at once while a filter looks for more.
const AT_ONCE: usize = 100;

/// The most plans that one page reads.
const MAX_READ: usize = 500;

/// The states by which plans are filtered.
const STATES: [&str; 4] = ["current", "upcoming", "ended", "inactive"];

/// For whom plans are, by which they are filtered.
const AUDIENCES: [&str; 2] = ["customers", "internal"];

#[derive(Template)]
#[template(path = "all_plans.html")]
struct AllPlans {
    frame: Frame,
    states: Vec<Choice>,
    audiences: Vec<Choice>,
    plans: Vec<PlanLine>,
    count: usize,
    next: Option<Next>,
}

struct Choice {
    text: &'static str,
    is_chosen: bool,
}

struct PlanLine {
    id: PlanId,
    title: String,
    agreement: AgreementId,
    customer: String,
    state: &'static str,
    starts: Moment,
    ends: Moment,
    is_internal: bool,
}

/// What the query asks for.
struct Filter<'a> {
    state: &'a str,
    audience: &'a str,
}

impl<'a> Filter<'a> {
    fn read(query: &'a Query) -> Self {
        let of = |name: &str| query.get(name).unwrap_or_default();
        Self { state: of("state"), audience: of("for") }
    }

    fn line(&self, context: &Context, portfolio: &Portfolio, plan: &SubscriptionPlan) -> Option<PlanLine> {
        let state = state_of(plan, context.app.now());
        let audience = if plan.for_internal_use_only { "internal" } else { "customers" };
        let is_meant = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        (is_meant(self.state, state) && is_meant(self.audience, audience)).then(|| PlanLine {
            id: plan.uuid,
            title: plan.title.clone(),
            agreement: portfolio.agreement.uuid,
            customer: name_of(portfolio),
            state,
            starts: plan.start_date.into(),
            ends: plan.expiration_date.into(),
            is_internal: plan.for_internal_use_only,
        })
    }
}

fn choices(all: &[&'static str], chosen: &str) -> Vec<Choice> {
    all.iter().map(|text| Choice { text, is_chosen: *text == chosen }).collect()
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let filter = Filter::read(&query);
    let all = context.portfolios.all_plans().await?;
    let after: Option<PlanId> = query.get("after").and_then(|id| id.parse().ok());
    let begin = after.and_then(|after| all.iter().position(|(plan, _)| *plan == after)).map_or(0, |place| place + 1);
    let (mut lines, mut read) = (Vec::new(), begin);
    for part in all[begin..all.len().min(begin + MAX_READ)].chunks(AT_ONCE) {
        let agreements: BTreeSet<AgreementId> = part.iter().map(|(_, agreement)| *agreement).collect();
        let agreements: Vec<AgreementId> = agreements.into_iter().collect();
        let portfolios = context.portfolios.portfolios(&agreements).await?;
        let portfolios: HashMap<_, _> = portfolios.iter().map(|found| (found.agreement.uuid, found)).collect();
        for (plan, agreement) in part {
            if lines.len() == PLANS {
                break;
            }
            read += 1;
            // A plan that was deleted meanwhile is left out.
            let portfolio = portfolios.get(agreement);
            lines.extend(portfolio.and_then(|found| filter.line(&context, found, found.plan(*plan)?)));
        }
        if lines.len() == PLANS {
            break;
        }
    }
    let last = read.checked_sub(1).filter(|_| read < all.len()).map(|place| all[place].0.to_string());
    let next = last.map(|last| {
        let parameters = [("state", filter.state), ("for", filter.audience), ("after", last.as_str())];
        Next::new(ROUTE.path, &parameters, "Next plans")
    });
    Ok(page(&AllPlans {
        frame: Frame::of(&operator, "Plans"),
        states: choices(&STATES, filter.state),
        audiences: choices(&AUDIENCES, filter.audience),
        plans: lines,
        count: all.len(),
        next,
    }))
}
