//! Stopping a job, letting it go on, and undoing a transfer: what would happen, then a reason and the change, by the API's own
//! rule.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{Job, JobId};
use license_use_cases::jobs::{self, Control};
use license_work::transferred;

use crate::{
    Access, Context, Page, Right, confirm::Confirmation, error::PageError, form::Form, guard::Operator, job, once,
    render::redirect,
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// What would happen.
pub const FORM: Page = Page::get("/admin/jobs/{job}/{control}/", OPERATE);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/jobs/{job}/{control}/", OPERATE);

/// What is done to a job.
#[derive(Clone, Copy)]
enum Wanted {
    Control(Control),
    Reverse,
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, PageError> {
        match text {
            "cancel" => Ok(Self::Control(Control::Cancel)),
            "resume" => Ok(Self::Control(Control::Resume)),
            "reverse" => Ok(Self::Reverse),
            _ => Err(PageError::not_found()),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Control(Control::Cancel) => "cancel",
            Self::Control(Control::Resume) => "resume",
            Self::Reverse => "reverse",
        }
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Control(Control::Cancel) => {
                ("Cancel the job", "Rows that are done stay done. The others are not begun any more.")
            }
            Self::Control(Control::Resume) => {
                ("Resume the job", "It goes on where it stopped, or begins with the rows that were uploaded.")
            }
            Self::Reverse => (
                "Transfer the licenses back",
                "Another job transfers back what this job transferred. What was not transferred stays.",
            ),
        }
    }

    /// Refuses what the job's state does not allow.
    fn check(self, context: &Context, job: &Job) -> Result<(), ApiError> {
        match self {
            Self::Control(control) => jobs::decide(job, control, context.app.now()).map(|_| ()),
            Self::Reverse => jobs::check_reversible(job),
        }
    }

    /// Makes the change: the job whose page shows it.
    async fn carry_out(
        self,
        context: &Context,
        requester: Requester,
        job: &Job,
        reason: &str,
    ) -> Result<JobId, ApiError> {
        let ports = (context.jobs.as_ref(), context.portfolios.as_ref());
        match self {
            Self::Control(control) => {
                jobs::control(ports, &requester, job, control, context.app.now()).await?;
                Ok(job.uuid)
            }
            Self::Reverse => {
                let moved = async { Ok(transferred(context.jobs.as_ref(), job).await?) };
                Ok(jobs::reverse(&context.app, ports, (&requester, Some(reason)), job, moved).await?.uuid)
            }
        }
    }
}

/// A job that a person controls, and how. Internal runs are not controlled, as in the API.
async fn find(context: &Context, job: &str, wanted: &str) -> Result<(Job, Wanted), PageError> {
    let wanted = Wanted::parse(wanted)?;
    let job = job::find(context, job).await?;
    if job.is_internal { Err(PageError::not_found()) } else { Ok((job, wanted)) }
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((job, wanted)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (job, wanted) = find(&context, &job, &wanted).await?;
    wanted.check(&context, &job).map_err(PageError::refusal)?;
    Ok(confirmation(&job, wanted).page((&context, &operator), None))
}

fn confirmation(job: &Job, wanted: Wanted) -> Confirmation {
    let (title, consequence) = wanted.texts();
    Confirmation {
        title: title.to_owned(),
        back: (format!("/admin/jobs/{}/", job.uuid), format!("Job {}", job.uuid)),
        path: path(job, wanted),
        lines: vec![consequence.to_owned()],
        ..Confirmation::default()
    }
}

fn path(job: &Job, wanted: Wanted) -> String {
    format!("/admin/jobs/{}/{}/", job.uuid, wanted.word())
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((job, wanted)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let (job, wanted) = find(&context, &job, &wanted).await?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&job, wanted).page((&context, &operator), Some(&form)));
    };
    let path = path(&job, wanted);
    let change = |requester| wanted.carry_out(&context, requester, &job, reason);
    let shown = once::once(&context, &operator, (&path, &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{shown}/")))
}
