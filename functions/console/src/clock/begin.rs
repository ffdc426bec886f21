//! Beginning now what is due of a plan: why it is due, then a reason and the run, which stands as the plan's work as if the sweeper
//! had begun it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{JobId, PlanWorkKind, Prospect, ProspectState, SubscriptionPlan};
use license_work::Asked;

use super::{path_of, prospects, words};
use crate::{
    Access, Context, Page, Right,
    confirm::Confirmation,
    error::{PageError, work_failed},
    form::Form,
    guard::Operator,
    once, plan,
    render::redirect,
};

const PROVISION: Access = Access::Needs(Right::Provision);

/// What would happen.
pub const FORM: Page = Page::get("/admin/plans/{plan}/clock/{work}/", PROVISION);
/// The run.
pub const CONFIRM: Page = Page::post("/admin/plans/{plan}/clock/{work}/", PROVISION);

fn path(plan: &SubscriptionPlan, work: PlanWorkKind) -> String {
    format!("/admin/plans/{}/clock/{}/", plan.uuid, path_of(work))
}

/// The plan, and what may happen to it of that name.
async fn find(context: &Context, plan: &str, work: &str) -> Result<(SubscriptionPlan, Prospect), PageError> {
    let (_, plan) = plan::find(context, plan).await?;
    let found = prospects(context, &plan).await?.into_iter().find(|prospect| path_of(prospect.work) == work);
    Ok((plan, found.ok_or_else(PageError::not_found)?))
}

fn confirmation(plan: &SubscriptionPlan, prospect: &Prospect) -> Result<Confirmation, PageError> {
    if prospect.state != ProspectState::Due {
        return Err(PageError::refused(StatusCode::CONFLICT, "Not done", prospect.why.clone()));
    }
    let mut lines = vec![prospect.why.clone()];
    lines.push("The sweeper would begin it by itself. It is begun now, and worked on in the background.".to_owned());
    lines.push("It cannot be stopped once it is begun.".to_owned());
    Ok(Confirmation {
        title: words(prospect.work).to_owned(),
        back: (format!("/admin/plans/{}/clock/", plan.uuid), format!("What the clock does to “{}”", plan.title)),
        path: path(plan, prospect.work),
        lines,
        ..Confirmation::default()
    })
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, work)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (plan, prospect) = find(&context, &plan, &work).await?;
    Ok(confirmation(&plan, &prospect)?.page((&context, &operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, work)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let (plan, prospect) = find(&context, &plan, &work).await?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&plan, &prospect)?.page((&context, &operator), Some(&form)));
    };
    let path = path(&plan, prospect.work);
    let begin = |requester| begin(&context, &plan, prospect.work, requester);
    let run = once::once(&context, &operator, (&path, &form), reason, begin).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{run}/")))
}

/// Begins the work, if it is due. A form that is sent twice finds the same run.
async fn begin(
    context: &Context,
    plan: &SubscriptionPlan,
    work: PlanWorkKind,
    requester: Requester,
) -> Result<JobId, ApiError> {
    if let Some(run) = requester.recorded().await? {
        return Ok(run);
    }
    let change = requester.change(work.as_str()).await?;
    let run =
        ask(context, plan, work, &change.stamp).await?.map_err(|why| ApiError::text(StatusCode::CONFLICT, why))?;
    requester.record(&change.recording(&run)).await?;
    Ok(run)
}

/// The run of that work on the plan, or why there is none.
pub async fn ask(
    context: &Context,
    plan: &SubscriptionPlan,
    work: PlanWorkKind,
    stamp: &license_domain::Stamp,
) -> Result<Result<JobId, String>, ApiError> {
    let plans = context.plans.clone().by(stamp.actor.clone()).because(&stamp.reason);
    let asked = plans.ask(plan.customer_agreement, plan.uuid, work, &stamp.request_id).await.map_err(work_failed)?;
    Ok(match asked {
        Asked::Begun(run) => Ok(run),
        Asked::UnderWay(run) => {
            let is_same = context.jobs.job(run).await?.is_some_and(|job| job.kind == work.run());
            if is_same { Ok(run) } else { Err(format!("Other work on the plan is under way, of the number {run}.")) }
        }
        Asked::Waits(why) | Asked::Refused(why) => Err(why),
    })
}
