//! Jobs: work on many rows, requested here and carried out by workers.

mod body;
mod compose;
mod control;
mod create;
mod get;
mod list;
mod response;
mod results;
mod reverse;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::{ADMINS, ApiError, AppState, CsvLimit, Endpoints, Requester, RequiredPermission, id};
use license_clients::{ClientError, Exports, UploadForm};
use license_domain::{Job, JobId};
use license_storage::{Jobs, Portfolios};

pub use self::compose::{SETTINGS, compose};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    pub portfolios: Arc<dyn Portfolios>,
    pub jobs: Arc<dyn Jobs>,
    /// Files that are uploaded and fetched.
    pub exports: Arc<dyn Exports>,
    /// The largest results that are the response itself.
    pub csv_limit: CsvLimit,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's routes, each with its handler.
pub fn endpoints() -> Endpoints<Context> {
    Endpoints::new()
        .add(create::ROUTE, create::handle)
        .add(list::ROUTE, list::handle)
        .add(get::ROUTE, get::handle)
        .add(results::ROUTE, results::handle)
        .add(control::CANCEL, control::cancel)
        .add(control::RESUME, control::resume)
        .add(reverse::ROUTE, reverse::handle)
}

pub fn router(context: Context) -> Router {
    endpoints().router(context)
}

/// The job in the path, for an admin of its customer. Other requesters get the same response whether it exists or not.
pub(crate) async fn find(context: &Context, requester: &Requester, job: &str) -> Result<Job, ApiError> {
    let job: JobId = id(job)?;
    if requester.access(ADMINS).is_empty() && !requester.principal.is_superuser {
        return Err(RequiredPermission::Admin.refusal());
    }
    // An internal run is not a job.
    let job = context.jobs.job(job).await?.filter(|job| !job.is_internal);
    requester.require(ADMINS, job.as_ref().map(|job| job.enterprise_customer_uuid), RequiredPermission::Admin)?;
    job.ok_or_else(|| ApiError::not_found("Job"))
}

/// The ways to upload that file: a form and a link.
pub(crate) async fn upload_of(context: &Context, file: &str) -> Result<(UploadForm, String), ApiError> {
    let form = context.exports.upload_form(file).await.map_err(|error| upstream(&error))?;
    let url = context.exports.upload_link(file).await.map_err(|error| upstream(&error))?;
    Ok((form, url))
}

pub(crate) fn upstream(error: &ClientError) -> ApiError {
    ApiError::Upstream { service: "file store", cause: error.to_string(), retryable: error.is_retryable() }
}
