//! Stopping a job, and letting it go on: what would happen, then a reason and the change, by the API's own rule.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_domain::Job;
use license_use_cases::jobs::{self, Control};

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Form,
    guard::Operator,
    job,
    once::{self, NO_REASON},
    render::{Frame, page, redirect},
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// What would happen.
pub const FORM: Page = Page::get("/admin/jobs/{job}/{control}/", OPERATE);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/jobs/{job}/{control}/", OPERATE);

#[derive(Template)]
#[template(path = "control_job.html")]
struct ControlPage {
    frame: Frame,
    path: String,
    job: String,
    consequence: &'static str,
    title: &'static str,
    key: String,
    complaint: &'static str,
}

/// A job that a person controls, and how. Internal runs are not controlled, as in the API.
async fn find(context: &Context, job: &str, control: &str) -> Result<(Job, Control), PageError> {
    let control = match control {
        "cancel" => Control::Cancel,
        "resume" => Control::Resume,
        _ => return Err(PageError::not_found()),
    };
    let job = job::find(context, job).await?;
    if job.is_internal { Err(PageError::not_found()) } else { Ok((job, control)) }
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((job, control)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (job, control) = find(&context, &job, &control).await?;
    jobs::decide(&job, control, context.app.now()).map_err(PageError::refusal)?;
    Ok(show((&context, &operator), &job, control, None))
}

fn show((context, operator): (&Context, &Operator), job: &Job, control: Control, form: Option<&Form>) -> Response {
    let (title, consequence) = words(control);
    let complaint = if form.is_some() { NO_REASON } else { "" };
    let mut response = page(&ControlPage {
        frame: Frame::of(operator, title),
        path: path(job, control),
        job: job.uuid.to_string(),
        consequence,
        title,
        key: once::key(context, form),
        complaint,
    });
    if form.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

const fn words(control: Control) -> (&'static str, &'static str) {
    match control {
        Control::Cancel => ("Cancel the job", "Rows that are done stay done. The others are not begun any more."),
        Control::Resume => {
            ("Resume the job", "It goes on where it stopped, or begins with the rows that were uploaded.")
        }
    }
}

fn path(job: &Job, control: Control) -> String {
    let word = if control == Control::Cancel { "cancel" } else { "resume" };
    format!("/admin/jobs/{}/{word}/", job.uuid)
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((job, control)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let (job, control) = find(&context, &job, &control).await?;
    let Some(reason) = once::reason(&form) else { return Ok(show((&context, &operator), &job, control, Some(&form))) };
    let path = path(&job, control);
    let (context, seen) = (&context, &job);
    let change = |requester| async move {
        let ports = (context.jobs.as_ref(), context.portfolios.as_ref());
        jobs::control(ports, &requester, seen, control, context.app.now()).await
    };
    once::once(context, &operator, (&path, &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{}/", job.uuid)))
}
