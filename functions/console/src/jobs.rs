//! `GET /admin/jobs/`: the work under way, of every customer, and the newest jobs of the customers, page by page.
//! `GET /admin/customers/{agreement}/jobs/`: all jobs of one customer, the newest first.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{AgreementId, Job, JobId};

use crate::{
    Access, Context, Page, Right,
    customer::{self, JobLine, name_of},
    error::PageError,
    form::Query,
    guard::Operator,
    paging::{self, Next},
    render::{Frame, page},
};

const VIEW: Access = Access::Needs(Right::View);

/// Of every customer.
pub const ALL: Page = Page::get("/admin/jobs/", VIEW);
/// Of one customer.
pub const OF_CUSTOMER: Page = Page::get("/admin/customers/{agreement}/jobs/", VIEW);

/// How many runs under way are shown.
const OPEN: usize = 50;

/// How many customers a page has, and how many jobs of each.
const CUSTOMERS: usize = 25;
const JOBS_OF_EACH: usize = 5;

/// How many jobs of one customer a page has.
const JOBS: usize = 50;

/// How many reads are made at once.
const PARALLEL: usize = 8;

#[derive(Template)]
#[template(path = "jobs.html")]
struct AllJobs {
    frame: Frame,
    open: Vec<JobLine>,
    jobs: Vec<JobLine>,
    next: Option<Next>,
}

#[derive(Template)]
#[template(path = "jobs_of_customer.html")]
struct JobsOfCustomer {
    frame: Frame,
    agreement: AgreementId,
    customer: String,
    jobs: Vec<JobLine>,
    next: Option<Next>,
}

pub async fn all(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let (open, agreements) = futures::try_join!(context.jobs.open_jobs(OPEN), context.portfolios.all_agreements())?;
    let (ids, next) = paging::agreements(&agreements, &query, CUSTOMERS);
    let jobs = &context.jobs;
    let open: Vec<_> = open.into_iter().map(|id| jobs.job(id)).collect();
    let newest: Vec<_> = ids.iter().map(|id| jobs.jobs_of(*id, None, JOBS_OF_EACH)).collect();
    let (open, newest): (Vec<Option<Job>>, Vec<Vec<Job>>) = futures::try_join!(
        stream::iter(open).buffered(PARALLEL).try_collect(),
        stream::iter(newest).buffered(PARALLEL).try_collect(),
    )?;
    let mut newest: Vec<Job> = newest.into_iter().flatten().collect();
    newest.sort_by_key(|job| std::cmp::Reverse(job.created));
    Ok(page(&AllJobs {
        frame: Frame::of(&operator, "Jobs"),
        open: open.iter().flatten().map(JobLine::of).collect(),
        jobs: newest.iter().map(JobLine::of).collect(),
        next: next.map(|id| Next::new(ALL.path, &[("after", &id.to_string())], "Jobs of the next customers")),
    }))
}

pub async fn of_customer(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let portfolio = customer::find(&context, &agreement).await?;
    let id = portfolio.agreement.uuid;
    let after = match query.get("after") {
        None => None,
        Some(after) => {
            let after: JobId = after.parse().map_err(|_| PageError::not_found())?;
            let job = context.jobs.job(after).await?.filter(|job| job.customer_agreement == id);
            Some(job.ok_or_else(PageError::not_found)?)
        }
    };
    let jobs = context.jobs.jobs_of(id, after.as_ref(), JOBS).await?;
    let customer = name_of(&portfolio);
    Ok(page(&JobsOfCustomer {
        frame: Frame::of(&operator, format!("Jobs of {customer}")),
        agreement: id,
        customer,
        next: jobs.last().filter(|_| jobs.len() == JOBS).map(|job| {
            let path = format!("/admin/customers/{id}/jobs/");
            Next::new(&path, &[("after", &job.uuid.to_string())], "Older jobs")
        }),
        jobs: jobs.iter().map(JobLine::of).collect(),
    }))
}
