//! `GET /admin/renewals/`: the renewals of all customers, the newest number first.

use std::collections::BTreeSet;

use askama::Template;
use axum::{extract::State, response::Response};
use license_domain::AgreementId;

use crate::{
    Access, Context, Page, Right,
    customer::{RenewalLine, renewals},
    error::PageError,
    form::Query,
    guard::Operator,
    paging::Next,
    render::{Frame, page},
};

/// The renewals.
pub const ROUTE: Page = Page::get("/admin/renewals/", Access::Needs(Right::View));

/// How many renewals a page shows.
const RENEWALS: usize = 50;

#[derive(Template)]
#[template(path = "all_renewals.html")]
struct AllRenewals {
    frame: Frame,
    renewals: Vec<RenewalLine>,
    next: Option<Next>,
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let before: Option<i64> = query.get("before").and_then(|number| number.parse().ok());
    let all = context.provisioning.renewals.all_renewals().await?;
    let older = all.iter().rev().filter(|(renewal, _)| before.is_none_or(|before| renewal.0 < before));
    let mut part: Vec<_> = older.take(RENEWALS + 1).copied().collect();
    let is_cut = part.len() > RENEWALS;
    part.truncate(RENEWALS);
    let numbers: BTreeSet<i64> = part.iter().map(|(renewal, _)| renewal.0).collect();
    let agreements: BTreeSet<AgreementId> = part.iter().map(|(_, agreement)| *agreement).collect();
    let agreements: Vec<AgreementId> = agreements.into_iter().collect();
    let portfolios = context.portfolios.portfolios(&agreements).await?;
    let mut lines: Vec<RenewalLine> = portfolios.iter().flat_map(|portfolio| renewals(portfolio, |_| true)).collect();
    lines.retain(|line| numbers.contains(&line.id));
    lines.sort_by_key(|line| std::cmp::Reverse(line.id));
    let last = part.last().filter(|_| is_cut).map(|(renewal, _)| renewal.0.to_string());
    Ok(page(&AllRenewals {
        frame: Frame::of(&operator, "All renewals"),
        renewals: lines,
        next: last.map(|last| Next::new(ROUTE.path, &[("before", &last)], "Older renewals")),
    }))
}
