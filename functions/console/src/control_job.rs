//! Stopping a job, and letting it go on: what would happen, then a reason and the change, by the API's own rule.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::Job;
use license_use_cases::jobs::{self, Control};

use crate::{
    Access, Context, Page, Right, confirm::Confirmation, error::PageError, form::Form, guard::Operator, job, once,
    render::redirect,
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// What would happen.
pub const FORM: Page = Page::get("/admin/jobs/{job}/{control}/", OPERATE);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/jobs/{job}/{control}/", OPERATE);

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
    Ok(confirmation(&job, control).page((&context, &operator), None))
}

fn confirmation(job: &Job, control: Control) -> Confirmation {
    let (title, consequence) = words(control);
    Confirmation {
        title: title.to_owned(),
        back: (format!("/admin/jobs/{}/", job.uuid), format!("Job {}", job.uuid)),
        path: path(job, control),
        lines: vec![consequence.to_owned()],
        hidden: Vec::new(),
    }
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
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&job, control).page((&context, &operator), Some(&form)));
    };
    let path = path(&job, control);
    let (context, seen) = (&context, &job);
    let change = |requester| async move {
        let ports = (context.jobs.as_ref(), context.portfolios.as_ref());
        jobs::control(ports, &requester, seen, control, context.app.now()).await
    };
    once::once(context, &operator, (&path, &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{}/", job.uuid)))
}
