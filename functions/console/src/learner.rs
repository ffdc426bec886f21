//! `GET /admin/learners/?email=…`: how many licenses one address has, across all customers, for support. The address stands masked,
//! and the licenses are shown only to a person who asks for them by a form, with a reason: who looked, and why, is recorded in
//! the trails of the licenses and of their customers before anything is shown, and logged, both without the address.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{AgreementId, EmailKey, Event, EventKind, License, LicenseChange, Portfolio, Stamp};

use crate::{
    Access, Context, Page, Right,
    customer::name_of,
    error::PageError,
    form::{Form, Query},
    guard::Operator,
    once::{self, NO_REASON},
    render::{Frame, page},
    show::LicenseLine,
};

/// How many licenses there are.
pub const ROUTE: Page = Page::get("/admin/learners/", Access::Needs(Right::Support));
/// Which they are.
pub const LOOK: Page = Page::post("/admin/learners/", Access::Needs(Right::Support));

/// How many plans are read at the same time.
const PARALLEL: usize = 8;

#[derive(Template)]
#[template(path = "learner.html")]
struct Learner {
    frame: Frame,
    email: String,
    masked: String,
    count: usize,
    complaint: &'static str,
    licenses: Option<Vec<Held>>,
}

struct Held {
    customer: String,
    plan: String,
    license: LicenseLine,
}

/// An address of which only the first characters of its two parts can be read.
fn masked(email: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match email.rsplit_once('@') {
        Some((name, host)) => format!("{}…@{}…", first(name), first(host)),
        None => format!("{}…", first(email)),
    }
}

/// A reason as it may be logged.
fn without_addresses(reason: &str) -> String {
    reason.split(' ').map(|word| if word.contains('@') { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let email = query.get("email").unwrap_or_default();
    overview(&context, &operator, email, "").await
}

async fn overview(
    context: &Context,
    operator: &Operator,
    email: &str,
    complaint: &'static str,
) -> Result<Response, PageError> {
    let held = if email.is_empty() { Vec::new() } else { context.learners.licenses_of(&EmailKey::of(email)).await? };
    let mut response = page(&Learner {
        frame: Frame::of(operator, "Learner"),
        masked: masked(email),
        email: email.to_owned(),
        count: held.len(),
        complaint,
        licenses: None,
    });
    if !complaint.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

pub async fn look(State(context): State<Context>, operator: Operator, form: Form) -> Result<Response, PageError> {
    let email = form.get("email").unwrap_or_default().to_owned();
    let Some(reason) = once::reason(&form) else { return overview(&context, &operator, &email, NO_REASON).await };
    let key = EmailKey::of(&email);
    let held = context.learners.licenses_of(&key).await?;
    tracing::info!(
        audit = "learner-looked-up",
        actor = operator.person.username,
        reason = without_addresses(reason),
        licenses = held.len(),
        "the licenses of a learner were looked at"
    );
    let portfolios: Vec<_> =
        held.iter().map(|license| context.portfolios.portfolio_of_plan(license.subscription_plan)).collect();
    let portfolios: Vec<_> = stream::iter(portfolios).buffered(PARALLEL).try_collect().await?;
    record(&context, &operator, reason, held.iter().zip(&portfolios)).await?;
    let line = |(license, portfolio): (&License, &Option<Portfolio>)| Held {
        customer: portfolio.as_ref().map(name_of).unwrap_or_default(),
        plan: portfolio
            .as_ref()
            .and_then(|portfolio| portfolio.plan(license.subscription_plan))
            .map(|plan| plan.title.clone())
            .unwrap_or_default(),
        license: LicenseLine::from(license),
    };
    let licenses: Vec<Held> = held.iter().zip(&portfolios).map(line).collect();
    Ok(page(&Learner {
        frame: Frame::of(&operator, "Learner"),
        masked: masked(&email),
        email,
        count: licenses.len(),
        complaint: "",
        licenses: Some(licenses),
    }))
}

/// Records who looked and why: one event for each customer, in its trail and in those of its licenses. Nothing follows from it.
async fn record(
    context: &Context,
    operator: &Operator,
    reason: &str,
    shown: impl Iterator<Item = (&License, &Option<Portfolio>)>,
) -> Result<(), PageError> {
    let mut customers: BTreeMap<AgreementId, (&Portfolio, Vec<LicenseChange>)> = BTreeMap::new();
    for (license, portfolio) in shown {
        let Some(portfolio) = portfolio else { continue };
        let (_, licenses) = customers.entry(portfolio.agreement.uuid).or_insert((portfolio, Vec::new()));
        licenses.push(LicenseChange::new(license, license));
    }
    let stamp = Stamp {
        actor: operator.person.username.clone(),
        actor_lms_user_id: operator.person.lms_user_id,
        reason: without_addresses(reason),
        request_id: operator.request_id.clone(),
        at: context.app.now(),
    };
    for (portfolio, licenses) in customers.into_values() {
        let id = context.app.random().event_id(stamp.at);
        let event = Event::new(id, EventKind::LearnerLookedAt, &portfolio.agreement, &stamp);
        context.audit_trails.record(&Event { licenses, ..event }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_of_a_masked_address_is_left() {
        assert_eq!(masked("ann@example.com"), "a…@e…");
        assert_eq!(masked("ünal"), "ü…");
        assert_eq!(masked("@"), "…@…");
        assert_eq!(without_addresses("ann@example.com asked, ticket 7"), "… asked, ticket 7");
    }
}
