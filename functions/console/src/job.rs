//! `GET /admin/jobs/{job}/`: a job, and the outcomes of its first rows.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{AgreementId, JobId};

use crate::{
    Access, Context, Page, Right,
    customer::JobLine,
    error::PageError,
    guard::Operator,
    render::{Frame, page},
    show,
};

/// A job.
pub const ROUTE: Page = Page::get("/admin/jobs/{job}/", Access::Needs(Right::View));

/// How many rows are shown.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: JobLine,
    agreement: AgreementId,
    plan: Option<license_domain::PlanId>,
    is_dry_run: bool,
    problem: String,
    modified: String,
    rows: Vec<RowLine>,
}

struct RowLine {
    row: u64,
    email: String,
    outcome: String,
    detail: String,
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(job): Path<String>,
) -> Result<Response, PageError> {
    let id: JobId = job.parse().map_err(|_| PageError::not_found())?;
    let job = context.jobs.job(id).await?.filter(|job| !job.is_internal).ok_or_else(PageError::not_found)?;
    let results = context.jobs.results(id, 0, 1).await?;
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
    rows.truncate(ROWS);
    Ok(page(&JobPage {
        frame: Frame::of(&operator, format!("Job {id}")),
        agreement: job.customer_agreement,
        plan: job.subscription_plan,
        is_dry_run: job.dry_run,
        problem: job.problem.clone().unwrap_or_default(),
        modified: show::time(job.modified),
        job: JobLine::of(&job),
        rows,
    }))
}
