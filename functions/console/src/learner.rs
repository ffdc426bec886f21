//! `GET /admin/learners/?email=…`: the licenses of one address, of all customers, for support. The person who looked is
//! logged, without the address.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::EmailKey;

use crate::{
    Access, Context, Page, Right,
    customer::name_of,
    error::PageError,
    form::Query,
    guard::Operator,
    render::{Frame, page},
    show::LicenseLine,
};

/// A learner.
pub const ROUTE: Page = Page::get("/admin/learners/", Access::Needs(Right::Support));

/// How many plans are read at the same time.
const PARALLEL: usize = 8;

#[derive(Template)]
#[template(path = "learner.html")]
struct Learner {
    frame: Frame,
    email: String,
    licenses: Vec<Held>,
}

struct Held {
    customer: String,
    plan: String,
    license: LicenseLine,
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let email = query.get("email").unwrap_or_default().to_owned();
    let held = if email.is_empty() { Vec::new() } else { context.learners.licenses_of(&EmailKey::of(&email)).await? };
    tracing::info!(actor = operator.person.username, licenses = held.len(), "a learner was looked up");
    let portfolios: Vec<_> =
        held.iter().map(|license| context.portfolios.portfolio_of_plan(license.subscription_plan)).collect();
    let portfolios: Vec<_> = stream::iter(portfolios).buffered(PARALLEL).try_collect().await?;
    let line = |(license, portfolio): (&license_domain::License, &Option<license_domain::Portfolio>)| Held {
        customer: portfolio.as_ref().map(name_of).unwrap_or_default(),
        plan: portfolio
            .as_ref()
            .and_then(|portfolio| portfolio.plan(license.subscription_plan))
            .map(|plan| plan.title.clone())
            .unwrap_or_default(),
        license: LicenseLine::from(license),
    };
    let licenses = held.iter().zip(&portfolios).map(line).collect();
    Ok(page(&Learner { frame: Frame::of(&operator, "Learner"), email, licenses }))
}
