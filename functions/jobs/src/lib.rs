//! Jobs: work on many rows, asked for here and carried out afterwards.

mod compose;
mod control;
mod create;
mod list;
mod one;
mod results;
mod reverse;
mod shape;
mod wish;

use std::{fmt, sync::Arc};

use axum::{Router, extract::FromRef};
use license_clients::{ClientError, Exports};
use license_domain::{Job, JobId, Portfolio};
use license_store::{
    Store,
    ports::{Jobs, Portfolios},
};
use license_web::{ADMINS, ApiError, Caller, CsvLimit, Endpoints, Missing, Route, Web, id};

pub use self::compose::{SETTINGS, compose};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// Clock, settings, users.
    pub web: Web,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// Jobs on record.
    pub jobs: Arc<dyn Jobs>,
    /// Files that are uploaded and fetched.
    pub exports: Arc<dyn Exports>,
    /// Up to which size results are the response itself.
    pub csv_limit: CsvLimit,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

impl FromRef<Context> for Web {
    fn from_ref(context: &Context) -> Self {
        context.web.clone()
    }
}

/// The context over that store.
pub fn context(web: Web, store: &Arc<Store>, exports: Arc<dyn Exports>, csv_limit: CsvLimit) -> Context {
    Context { web, portfolios: store.clone(), jobs: store.clone(), exports, csv_limit }
}

/// The routes of this function.
pub const ROUTES: &[Route] =
    &[create::ROUTE, list::ROUTE, one::ROUTE, results::ROUTE, control::CANCEL, control::RESUME, reverse::ROUTE];

/// The function's router.
pub fn router(context: Context) -> Router {
    Endpoints::new(context)
        .add(create::ROUTE, create::handle)
        .add(list::ROUTE, list::handle)
        .add(one::ROUTE, one::handle)
        .add(results::ROUTE, results::handle)
        .add(control::CANCEL, control::cancel)
        .add(control::RESUME, control::resume)
        .add(reverse::ROUTE, reverse::handle)
        .router()
}

/// The job that a path names, for an admin of its customer. To anybody else one that there is and one that there is
/// not are the same.
pub(crate) async fn find(context: &Context, caller: &Caller, job: &str) -> Result<Job, ApiError> {
    let job: JobId = id(job)?;
    if caller.access(ADMINS).is_empty() && !caller.principal.is_superuser {
        return Err(Missing::Admin.refusal());
    }
    let job = context.jobs.job(job).await?;
    caller.require(ADMINS, job.as_ref().map(|job| job.enterprise_customer_uuid), Missing::Admin)?;
    job.ok_or_else(|| ApiError::not_found("Job"))
}

/// The agreement of a job.
pub(crate) async fn portfolio_of(context: &Context, job: &Job) -> Result<Portfolio, ApiError> {
    let found = context.portfolios.portfolio(job.customer_agreement).await?;
    found.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
}

pub(crate) fn upstream(error: &ClientError) -> ApiError {
    ApiError::Upstream { service: "file store", cause: error.to_string(), retryable: error.is_retryable() }
}
