//! `GET /admin/search/?q=…`: leads to the page of a thing by the UUID of a plan, license, agreement, customer or job,
//! by a slug, or by a part of a customer's name or of a plan's title. An address is looked up at `/admin/learners/`,
//! which needs another right.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::try_join;
use license_domain::{AgreementId, EnterpriseId, JobId, LicenseId, PlanId, Portfolio, Subject};

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    history,
    render::{Frame, page, redirect},
};

pub const ROUTE: Page = Page::get("/admin/search/", Access::Needs(Right::View));

/// How many agreements one read returns.
const AT_ONCE: usize = 100;

/// The most agreements that are searched for a word.
const MAX_AGREEMENTS: usize = 2_000;

/// The most hits that are shown.
const MAX_HITS: usize = 50;

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    frame: Frame,
    query: String,
    hits: Vec<Hit>,
    is_cut: bool,
}

struct Hit {
    href: String,
    text: String,
    what: &'static str,
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let text = query.get("q").unwrap_or_default();
    if text.contains('@') {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("email", text).finish();
        return Ok(redirect(&format!("/admin/learners/?{query}")));
    }
    if let Some(to) = by_id(&context, text).await? {
        return Ok(redirect(&to));
    }
    let (hits, is_cut) = if text.is_empty() { (Vec::new(), false) } else { by_word(&context, text).await? };
    Ok(page(&Search { frame: Frame::of(&operator, "Search"), query: text.to_owned(), hits, is_cut }))
}

/// The page of the thing with that id.
async fn by_id(context: &Context, text: &str) -> Result<Option<String>, PageError> {
    let Ok(plan) = text.parse::<PlanId>() else { return Ok(None) };
    let id = plan.0;
    let (of_plan, agreement, of_customer, license, job) = try_join!(
        context.portfolios.portfolio_of_plan(plan),
        context.portfolios.portfolio(AgreementId(id)),
        context.portfolios.portfolio_of_enterprise(EnterpriseId(id)),
        context.licenses.plan_of(LicenseId(id)),
        context.jobs.job(JobId(id)),
    )?;
    let customer = agreement.or(of_customer).map(|found| format!("/admin/customers/{}/", found.agreement.uuid));
    let of_plan = of_plan.map(|_| format!("/admin/plans/{id}/"));
    let license = license.map(|plan| format!("/admin/plans/{plan}/licenses/{id}/"));
    let job = job.map(|_| format!("/admin/jobs/{id}/"));
    if let Some(to) = of_plan.or(customer).or(license).or(job) {
        return Ok(Some(to));
    }
    // What is deleted has its history yet.
    for subject in [Subject::Plan(plan), Subject::License(LicenseId(id)), Subject::Agreement(AgreementId(id))] {
        if history::exists(context, subject).await? {
            return Ok(Some(history::path(subject)));
        }
    }
    Ok(None)
}

/// Customers and plans with that word in their names, and whether there may be more of them.
async fn by_word(context: &Context, text: &str) -> Result<(Vec<Hit>, bool), PageError> {
    let word = text.to_lowercase();
    let all = context.portfolios.all_agreements().await?;
    let mut hits = Vec::new();
    for ids in all[..all.len().min(MAX_AGREEMENTS)].chunks(AT_ONCE) {
        for portfolio in context.portfolios.portfolios(ids).await? {
            hits.extend(hits_of(&portfolio, &word));
        }
        if hits.len() > MAX_HITS {
            break;
        }
    }
    let is_cut = hits.len() > MAX_HITS || all.len() > MAX_AGREEMENTS;
    hits.truncate(MAX_HITS);
    Ok((hits, is_cut))
}

fn hits_of(portfolio: &Portfolio, word: &str) -> Vec<Hit> {
    let agreement = &portfolio.agreement;
    let names = [&agreement.enterprise_customer_name, &agreement.enterprise_customer_slug];
    let is_named = names.into_iter().flatten().any(|name| name.to_lowercase().contains(word));
    let name = agreement.enterprise_customer_name.clone().or_else(|| agreement.enterprise_customer_slug.clone());
    let customer = is_named.then(|| Hit {
        href: format!("/admin/customers/{}/", agreement.uuid),
        text: name.unwrap_or_else(|| agreement.uuid.to_string()),
        what: "customer",
    });
    let plans = portfolio.plans.iter().filter(|plan| plan.title.to_lowercase().contains(word));
    let plans =
        plans.map(|plan| Hit { href: format!("/admin/plans/{}/", plan.uuid), text: plan.title.clone(), what: "plan" });
    customer.into_iter().chain(plans).collect()
}
