//! `GET /admin/jobs/{job}/`: a job, or an internal run, with what became of its rows, page by page.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_domain::{AgreementId, Job, JobId, JobState};
use license_use_cases::jobs;

use crate::{
    Access, Context, Page, Right,
    customer::JobLine,
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::Next,
    render::{Frame, page},
    show,
};

/// A job.
pub const ROUTE: Page = Page::get("/admin/jobs/{job}/", Access::Needs(Right::View));

/// How many chunks of rows a page has. A chunk has 80 rows at most.
const CHUNKS: u64 = 2;

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    id: JobId,
    job: JobLine,
    agreement: AgreementId,
    plan: Option<license_domain::PlanId>,
    is_dry_run: bool,
    /// What can be done to it: the last part of the form's path, and the link's text.
    actions: Vec<(&'static str, &'static str)>,
    reverses: Option<JobId>,
    reversed_by: Option<JobId>,
    problem: String,
    modified: Moment,
    counts: [(&'static str, u64); 5],
    rows: Vec<RowLine>,
    next: Option<Next>,
}

struct RowLine {
    row: u64,
    email: String,
    outcome: String,
    detail: String,
}

/// The job of that id.
pub async fn find(context: &Context, job: &str) -> Result<Job, PageError> {
    let id: JobId = job.parse().map_err(|_| PageError::not_found())?;
    context.jobs.job(id).await?.ok_or_else(PageError::not_found)
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(job): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let job = find(&context, &job).await?;
    let id = job.uuid;
    let from: u64 = match query.get("from") {
        None => 0,
        Some(from) => from.parse().map_err(|_| PageError::not_found())?,
    };
    let to = from.saturating_add(CHUNKS);
    let (results, lanes) = try_join!(context.jobs.results(id, from, to), context.jobs.lanes(id))?;
    let mut rows: Vec<RowLine> = results
        .into_iter()
        .flat_map(|(_, _, rows)| rows)
        .map(|row| RowLine {
            row: row.row,
            email: row.user_email.map(|email| email.as_given().to_owned()).unwrap_or_default(),
            outcome: show::word(&row.outcome),
            detail: row.detail.unwrap_or_default(),
        })
        .collect();
    rows.sort_by_key(|row| row.row);
    let counts = job.counts.unwrap_or_else(|| job.counts_of(&lanes));
    let now = context.app.now();
    // Internal runs belong to a request of their own, which the API does not let others stop either.
    let actions = [
        (job.canceled(now).is_some(), ("cancel", "Cancel the job")),
        (job.state != JobState::Pending && job.resumed(now).is_ok(), ("resume", "Resume the job")),
        (job.reversed_by.is_none() && jobs::check_reversible(&job).is_ok(), ("reverse", "Transfer the licenses back")),
    ];
    Ok(page(&JobPage {
        frame: Frame::of(&operator, format!("{} {id}", if job.is_internal { "Internal run" } else { "Job" })),
        id,
        agreement: job.customer_agreement,
        plan: job.subscription_plan,
        is_dry_run: job.dry_run,
        actions: actions.into_iter().filter(|(may, _)| !job.is_internal && *may).map(|(_, action)| action).collect(),
        reverses: job.reverses,
        reversed_by: job.reversed_by,
        problem: job.problem.clone().unwrap_or_default(),
        modified: job.modified.into(),
        counts: [
            ("Looked at", counts.processed),
            ("Done", counts.succeeded),
            ("Nothing to do", counts.unchanged),
            ("Failed", counts.failed),
            ("Waiting for seats", counts.waiting),
        ],
        next: (to < job.chunks)
            .then(|| Next::new(&format!("/admin/jobs/{id}/"), &[("from", &to.to_string())], "Next rows").at("rows")),
        job: JobLine::of(&job),
        rows,
    }))
}
