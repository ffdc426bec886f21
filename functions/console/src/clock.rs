//! What the clock does to a plan: what is due, what is ahead, and why, by the rules of the sweeper; and beginning now what is due,
//! as `lmctl` does it.

mod begin;
mod renewals;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use license_api::ApiError;
use license_domain::{PlanId, PlanWorkKind, Prospect, ProspectState, SubscriptionPlan, plan_work};

pub use self::{
    begin::{CONFIRM, FORM, confirm, form},
    renewals::{RENEWALS, RENEWALS_FORM, process, process_form},
};
use crate::{
    Access, Context, Page, Right,
    error::{PageError, work_failed},
    guard::Operator,
    moment::Moment,
    plan,
    render::{Frame, page},
    show,
};

/// What the clock does to a plan.
pub const ROUTE: Page = Page::get("/admin/plans/{plan}/clock/", Access::Needs(Right::View));

#[derive(Template)]
#[template(path = "clock.html")]
struct ClockPage {
    frame: Frame,
    plan: PlanId,
    title: String,
    lines: Vec<ProspectLine>,
}

struct ProspectLine {
    work: &'static str,
    what: &'static str,
    state: String,
    at: Moment,
    why: String,
    is_due: bool,
}

impl From<&Prospect> for ProspectLine {
    fn from(prospect: &Prospect) -> Self {
        Self {
            work: path_of(prospect.work),
            what: words(prospect.work),
            state: show::word(&prospect.state),
            at: Moment(prospect.at),
            why: prospect.why.clone(),
            is_due: prospect.state == ProspectState::Due,
        }
    }
}

/// What it is called on pages.
pub const fn words(work: PlanWorkKind) -> &'static str {
    match work {
        PlanWorkKind::ProcessRenewal => "Process its renewal",
        PlanWorkKind::GrowPlan => "Grow by a step of auto-scaling",
        PlanWorkKind::ReportUtilization => "Inform the admins of its utilization",
        PlanWorkKind::ReportWeek => "Inform the admins of its week",
        PlanWorkKind::RemindOfExpiration => "Remind learners of its end",
        PlanWorkKind::ExpireSubscription => "Expire the plan",
        PlanWorkKind::SendExpirationMails => "Inform learners of its end",
        PlanWorkKind::SendLicenseEvents => "Send events of long activated licenses",
        PlanWorkKind::UnlinkLearners => "Unlink its learners",
        PlanWorkKind::RetireLicenses => "Purge personal data of its licenses",
    }
}

/// Its name in paths, which is the one of the command of `lmctl`.
const fn path_of(work: PlanWorkKind) -> &'static str {
    work.as_str()
}

/// What may happen to a plan.
async fn prospects(context: &Context, plan: &SubscriptionPlan) -> Result<Vec<Prospect>, ApiError> {
    let prospects = context.plans.prospects(plan.customer_agreement, plan.uuid).await.map_err(work_failed)?;
    Ok(prospects.unwrap_or_default())
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
) -> Result<Response, PageError> {
    let (_, plan) = plan::find(&context, &plan).await?;
    let prospects = plan_work::forecast(prospects(&context, &plan).await?, None);
    Ok(page(&ClockPage {
        frame: Frame::of(&operator, format!("What the clock does to “{}”", plan.title)),
        plan: plan.uuid,
        title: plan.title,
        lines: prospects.iter().map(ProspectLine::from).collect(),
    }))
}
