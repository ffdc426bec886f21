//! `GET /api/v1/bulk-license-enrollment?enterprise_customer_uuid=…&bulk_enrollment_job_uuid=…`: the URL of a job's
//! results; null until it is done. Admins see all jobs of the customer, learners their own.
//!
//! ```json
//! {"job_id": "…", "download_url": null}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, Doc, Field, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Shape},
    fields::UUID,
};
use license_clients::{ClientError, FileWriter};
use license_domain::{JobId, JobKind};
use license_work::{ResultsTable, WorkError, write_results};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, customer};

const JOB: Field = Field::new(UUID, "The job.").named("bulk_enrollment_job_uuid");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/bulk-license-enrollment/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::UnanchoredLearnerOrAdmin,
    },
    doc: &Doc {
        summary: "Where the results of an enrollment job are",
        query: &[doc::THE_ENTERPRISE, JOB],
        body: &[],
        answers: &[doc::ResponseDoc::new(
            200,
            "The job; without results until it is done.",
            Shape::Of(doc::schema::<StatusResponse>),
        )],
    },
};

/// The job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EnrollmentJob")]
pub struct StatusResponse {
    job_id: JobId,
    download_url: Option<String>,
}

fn failed(error: WorkError) -> ApiError {
    match error {
        WorkError::Store(error) => error.into(),
        WorkError::Client(error) => upstream(&error),
        error => ApiError::Upstream { service: "job", cause: error.to_string(), retryable: error.is_retryable() },
    }
}

fn upstream(error: &ClientError) -> ApiError {
    ApiError::Upstream { service: "file store", cause: error.to_string(), retryable: error.is_retryable() }
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
) -> Result<Json<StatusResponse>, ApiError> {
    let portfolio = customer::find(&context, &requester, &params).await?;
    let enterprise = portfolio.agreement.enterprise_customer_uuid;
    let Some(id) = params.uuid::<JobId>(&JOB)? else {
        let text = "Missing the following required request data: ['bulk_enrollment_job_uuid']";
        return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
    };
    let job = context.jobs.job(id).await?.filter(|job| job.kind == JobKind::Enroll);
    let sees_all = requester.access(ADMINS).includes(enterprise);
    let job = job.filter(|job| {
        job.enterprise_customer_uuid == enterprise && (sees_all || job.requested_by == requester.principal.username)
    });
    let job = job.ok_or_else(|| ApiError::not_found("BulkEnrollmentJob"))?;
    let download_url = match &job.results {
        Some(file) => {
            // The file may be deleted: retirement deletes files, because they name learners.
            if !context.exports.is_there(file).await.map_err(|error| upstream(&error))? {
                let mut writer = FileWriter::new(context.exports.as_ref(), file.clone());
                let written = write_results(context.jobs.as_ref(), &job, ResultsTable::Enrollments, &mut writer).await;
                writer.end(written).await.map_err(failed)?;
            }
            Some(context.exports.link(file).await.map_err(|error| upstream(&error))?)
        }
        None => None,
    };
    Ok(Json(StatusResponse { job_id: job.uuid, download_url }))
}
