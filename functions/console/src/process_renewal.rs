//! Processing a renewal now, whatever its effective date: what would happen, then a reason and the change, by the API's own run.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{RenewalId, SubscriptionPlanRenewal};
use license_storage::{RenewError, RenewalOutcome};
use license_use_cases::renewals;
use license_work::RenewalError;

use crate::{
    Access, Context, Page, Right, confirm::Confirmation, edit, error::PageError, form::Form, guard::Operator, once,
    render::redirect,
};

const PROVISION: Access = Access::Needs(Right::Provision);

/// What would happen.
pub const FORM: Page = Page::get("/admin/renewals/{renewal}/process/", PROVISION);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/renewals/{renewal}/process/", PROVISION);

fn path(id: RenewalId) -> String {
    format!("/admin/renewals/{id}/process/")
}

fn id_of(renewal: &str) -> Result<RenewalId, PageError> {
    renewal.parse().map(RenewalId).map_err(|_| PageError::not_found())
}

async fn confirmation(context: &Context, id: RenewalId) -> Result<Confirmation, PageError> {
    let (portfolio, renewal) = renewals::find(&context.provisioning, id).await?;
    if renewal.processed {
        return Err(PageError::refused(StatusCode::CONFLICT, "Not done", "This renewal was processed before."));
    }
    let prior = portfolio.plan(renewal.prior_subscription_plan).map(|plan| plan.title.clone()).unwrap_or_default();
    let mut lines = vec![format!(
        "The renewal takes effect now, and not on {}. This cannot be undone.",
        crate::moment::utc(renewal.effective_date)
    )];
    lines.extend(edit::renewal_consequences(context, &portfolio, &renewal).await?);
    Ok(Confirmation {
        title: format!("Process renewal {id}"),
        back: (format!("/admin/plans/{}/", renewal.prior_subscription_plan), prior),
        path: path(id),
        lines,
        ..Confirmation::default()
    })
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path(renewal): Path<String>,
) -> Result<Response, PageError> {
    Ok(confirmation(&context, id_of(&renewal)?).await?.page((&context, &operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path(renewal): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let id = id_of(&renewal)?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&context, id).await?.page((&context, &operator), Some(&form)));
    };
    let change = |requester| process(&context, id, requester);
    let done = once::once(&context, &operator, (&path(id), &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/plans/{}/#renewals", done.prior_subscription_plan)))
}

async fn process(context: &Context, id: RenewalId, requester: Requester) -> Result<SubscriptionPlanRenewal, ApiError> {
    if let Some(outcome) = requester.recorded::<RenewalOutcome>().await? {
        return Ok(outcome.renewal);
    }
    let change = requester.change("process-renewal").await?;
    match context.renewal_runs.process(id, &change).await {
        Ok(renewed) => Ok(renewed.outcome().renewal),
        Err(RenewalError::Renew(RenewError::Missing)) => Err(renewals::not_found()),
        Err(RenewalError::Renew(RenewError::Refused(why))) => {
            Err(ApiError::text(StatusCode::CONFLICT, format!("The renewal cannot be processed. {why}")))
        }
        Err(RenewalError::Renew(RenewError::Store(error))) => Err(error.into()),
        Err(RenewalError::Unfinished) => {
            let text = "It goes on by itself. The plan's page shows when it is done.";
            Err(ApiError::text(StatusCode::ACCEPTED, text))
        }
    }
}
