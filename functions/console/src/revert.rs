//! Reverting licenses of a plan to a time, as the job of the API and `lmctl`: a form, a preview, then a reason and the job. A dry run
//! changes nothing, and its rows say what would become of each license.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_domain::{Job, JobKind, JobParams, LicenseId, PlanId, Row, SubscriptionPlan, Timestamp};

use crate::{
    Access, Context, Page, Right,
    confirm::{Confirmation, DRY_RUN},
    error::PageError,
    form::Form,
    guard::Operator,
    moment,
    new_job::{self, NewJob},
    once, plan,
    render::{Frame, page, redirect},
};

const PROVISION: Access = Access::Needs(Right::Provision);

/// The form.
pub const FORM: Page = Page::get("/admin/plans/{plan}/revert/", PROVISION);
/// What would happen.
pub const PREVIEW: Page = Page::post("/admin/plans/{plan}/revert/preview/", PROVISION);
/// The job.
pub const CONFIRM: Page = Page::post("/admin/plans/{plan}/revert/", PROVISION);

/// The most licenses that one form names.
const MAX_LICENSES: usize = 1_000;

#[derive(Template)]
#[template(path = "revert_form.html")]
struct FormPage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    to: &'a str,
    licenses: &'a str,
    force: bool,
    complaint: &'static str,
}

/// What the form asks for.
struct Order {
    to: Timestamp,
    /// These, or all where none is named.
    licenses: Vec<LicenseId>,
    force: bool,
}

impl Order {
    fn read(form: &Form, now: Timestamp) -> Result<Self, &'static str> {
        let typed = form.get("to").unwrap_or_default();
        let to = moment::typed(typed).ok_or(moment::NOT_TYPED)?;
        if to > now {
            return Err(moment::YET_TO_COME);
        }
        let named = form.get("licenses").unwrap_or_default();
        let words = named.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let licenses: Result<Vec<LicenseId>, _> = words.take(MAX_LICENSES + 1).map(str::parse).collect();
        let mut licenses = licenses.map_err(|_| "Licenses are named by their UUIDs.")?;
        if licenses.len() > MAX_LICENSES {
            return Err("A form names 1,000 licenses at most. Without any, all licenses of the plan are meant.");
        }
        licenses.sort_unstable();
        licenses.dedup();
        Ok(Self { to, licenses, force: form.get("force").is_some() })
    }

    fn confirmation(&self, plan: &SubscriptionPlan) -> Confirmation {
        let which = match self.licenses.len() {
            0 => "all licenses of the plan that a learner has or had".to_owned(),
            count => format!("{count} licenses"),
        };
        let mut lines = vec![
            format!("The job makes {which} what they were at {}, as far as their histories say.", moment::utc(self.to)),
            "Mails are not sent, enrollments stay as they are, deleted licenses stay deleted.".to_owned(),
            "Licenses whose learner of then is not on record any more are refused.".to_owned(),
        ];
        lines.push(if self.force {
            "What learners or other users changed after the first change since then is lost.".to_owned()
        } else {
            "Licenses that learners or other users changed after the first change since then are refused.".to_owned()
        });
        let texts = self.licenses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let mut hidden = vec![("to", self.to.to_rfc3339()), ("licenses", texts)];
        if self.force {
            hidden.push(("force", "1".to_owned()));
        }
        Confirmation {
            title: "Revert licenses".to_owned(),
            back: (format!("/admin/plans/{}/", plan.uuid), plan.title.clone()),
            path: path(plan.uuid),
            lines,
            hidden,
            has_dry_run: true,
        }
    }

    /// The job. Without named licenses it reads its rows later.
    fn job(&self, job: Job, plan: PlanId, (reason, dry_run): (&str, bool)) -> NewJob {
        let reverting = JobParams::reverting(self.licenses.is_empty());
        let params = JobParams { revert_to: Some(self.to), force: self.force, ..reverting };
        let job = Job { subscription_plan: Some(plan), params, dry_run, reason: Some(reason.to_owned()), ..job };
        if self.licenses.is_empty() {
            (job, Vec::new())
        } else {
            job.with_rows(&Row::of_licenses(self.licenses.clone()))
        }
    }
}

fn path(plan: PlanId) -> String {
    format!("/admin/plans/{plan}/revert/")
}

fn form_page(
    operator: &Operator,
    plan: &SubscriptionPlan,
    (sent, complaint): (Option<&Form>, &'static str),
) -> Response {
    let get = |name: &str| sent.and_then(|form| form.get(name)).unwrap_or_default();
    let mut response = page(&FormPage {
        frame: Frame::of(operator, "Revert licenses"),
        plan,
        to: get("to"),
        licenses: get("licenses"),
        force: !get("force").is_empty(),
        complaint,
    });
    if !complaint.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
) -> Result<Response, PageError> {
    let (_, plan) = plan::find(&context, &plan).await?;
    Ok(form_page(&operator, &plan, (None, "")))
}

pub async fn preview(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let (_, plan) = plan::find(&context, &plan).await?;
    Ok(match Order::read(&form, context.app.now()) {
        Ok(order) => order.confirmation(&plan).page((&context, &operator), None),
        Err(complaint) => form_page(&operator, &plan, (Some(&form), complaint)),
    })
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let (portfolio, plan) = plan::find(&context, &plan).await?;
    let order = match Order::read(&form, context.app.now()) {
        Ok(order) => order,
        Err(complaint) => return Ok(form_page(&operator, &plan, (Some(&form), complaint))),
    };
    let Some(reason) = once::reason(&form) else {
        return Ok(order.confirmation(&plan).page((&context, &operator), Some(&form)));
    };
    let dry_run = form.get(DRY_RUN).is_some();
    let job = |job| order.job(job, plan.uuid, (reason, dry_run));
    let begin = |requester| new_job::begin(&context, &portfolio, JobKind::Revert, requester, &job);
    let path = path(plan.uuid);
    let job = once::once(&context, &operator, (&path, &form), reason, begin).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{job}/")))
}
