//! Processing all renewals of a customer that are due, as `lmctl process-renewals` does it for all customers: which would be
//! processed and which refused, then a reason and the runs.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{PlanWorkKind, Portfolio, Prospect, ProspectState, SubscriptionPlan};

use super::{begin::ask, prospects};
use crate::{
    Access, Context, Page, Right,
    confirm::Confirmation,
    customer::{self, name_of},
    done::done_page,
    error::PageError,
    form::Form,
    guard::Operator,
    once,
};

const PROVISION: Access = Access::Needs(Right::Provision);
const TITLE: &str = "Process the renewals that are due";

/// What would happen.
pub const RENEWALS_FORM: Page = Page::get("/admin/customers/{agreement}/process-renewals/", PROVISION);
/// The runs.
pub const RENEWALS: Page = Page::post("/admin/customers/{agreement}/process-renewals/", PROVISION);

fn path(portfolio: &Portfolio) -> String {
    format!("/admin/customers/{}/process-renewals/", portfolio.agreement.uuid)
}

fn back(portfolio: &Portfolio) -> (String, String) {
    (format!("/admin/customers/{}/", portfolio.agreement.uuid), name_of(portfolio))
}

/// The plans whose renewal's time has come, with how it stands.
async fn due<'a>(
    context: &Context,
    portfolio: &'a Portfolio,
) -> Result<Vec<(&'a SubscriptionPlan, Prospect)>, ApiError> {
    let now = context.app.now();
    let mut found = Vec::new();
    for plan in &portfolio.plans {
        if portfolio.renewal_of(plan.uuid).is_none_or(|renewal| renewal.processed) {
            continue;
        }
        let is_wanted = |prospect: &Prospect| {
            let is_late = prospect.state == ProspectState::Refused && prospect.at.is_some_and(|at| at <= now);
            prospect.work == PlanWorkKind::ProcessRenewal && (prospect.state == ProspectState::Due || is_late)
        };
        found.extend(prospects(context, plan).await?.into_iter().find(is_wanted).map(|prospect| (plan, prospect)));
    }
    Ok(found)
}

async fn confirmation(context: &Context, portfolio: &Portfolio) -> Result<Confirmation, PageError> {
    let due = due(context, portfolio).await?;
    if due.is_empty() {
        return Err(PageError::refused(StatusCode::CONFLICT, "Not done", "No renewal of the customer is due."));
    }
    let line = |(plan, prospect): &(&SubscriptionPlan, Prospect)| format!("“{}”: {}", plan.title, prospect.why);
    let mut lines: Vec<String> = due.iter().map(line).collect();
    lines.push("What is refused does not hold up the others. A processed renewal cannot be undone.".to_owned());
    Ok(Confirmation {
        title: TITLE.to_owned(),
        back: back(portfolio),
        path: path(portfolio),
        lines,
        ..Confirmation::default()
    })
}

pub async fn process_form(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
) -> Result<Response, PageError> {
    let portfolio = customer::find(&context, &agreement).await?;
    Ok(confirmation(&context, &portfolio).await?.page((&context, &operator), None))
}

pub async fn process(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let portfolio = customer::find(&context, &agreement).await?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&context, &portfolio).await?.page((&context, &operator), Some(&form)));
    };
    let begin = |requester| begin(&context, &portfolio, requester);
    let path = path(&portfolio);
    let lines = once::once(&context, &operator, (&path, &form), reason, begin).await.map_err(PageError::refusal)?;
    Ok(done_page(&operator, TITLE, &back(&portfolio), &lines))
}

/// Begins each that is due: what came of each, in sentences.
async fn begin(context: &Context, portfolio: &Portfolio, requester: Requester) -> Result<Vec<String>, ApiError> {
    if let Some(lines) = requester.recorded().await? {
        return Ok(lines);
    }
    let change = requester.change(PlanWorkKind::ProcessRenewal.as_str()).await?;
    let mut lines = Vec::new();
    for (plan, prospect) in due(context, portfolio).await? {
        if prospect.state == ProspectState::Refused {
            lines.push(format!("The renewal of “{}” is not begun. {}", plan.title, prospect.why));
            continue;
        }
        let asked = ask(context, plan, PlanWorkKind::ProcessRenewal, &change.stamp).await?;
        lines.push(match asked {
            Ok(run) => format!("The renewal of “{}” is begun, as run {run}.", plan.title),
            Err(why) => format!("The renewal of “{}” is not begun. {why}", plan.title),
        });
    }
    requester.record(&change.recording(&lines)).await?;
    Ok(lines)
}
