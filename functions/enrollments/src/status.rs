//! `GET /api/v1/bulk-license-enrollment?enterprise_customer_uuid=…&bulk_enrollment_job_uuid=…`: where the results of a
//! job are; null until it is done. Admins see the customer's jobs, learners their own.
//!
//! ```json
//! {"job_id": "…", "download_url": null}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_clients::ClientError;
use license_domain::{JobId, JobKind};
use license_web::{
    ADMINS, ApiError, Caller, Doc, Grants, LEARNERS_AND_ADMINS, Missing, Params, Route,
    doc::{self, Kind, Param, Shape},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, customer};

/// A job.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/bulk-license-enrollment/",
    access: Grants::Roles { roles: LEARNERS_AND_ADMINS, listing: false, missing: Missing::UnanchoredLearnerOrAdmin },
    doc: &Doc {
        summary: "Where the results of an enrolment job are",
        query: &[doc::THE_ENTERPRISE, Param::required("bulk_enrollment_job_uuid", Kind::Uuid, "The job.")],
        body: &[],
        answers: &[doc::Answer::new(
            200,
            "The job; without results until it is done.",
            Shape::Of(doc::schema::<Answer>),
        )],
    },
};

/// The job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EnrollmentJob")]
pub struct Answer {
    job_id: JobId,
    download_url: Option<String>,
}

fn upstream(error: &ClientError) -> ApiError {
    ApiError::Upstream { service: "file store", cause: error.to_string(), retryable: error.is_retryable() }
}

pub async fn handle(State(context): State<Context>, caller: Caller, params: Params) -> Result<Json<Answer>, ApiError> {
    let portfolio = customer::find(&context, &caller, &params).await?;
    let enterprise = portfolio.agreement.enterprise_customer_uuid;
    let Some(id) = params.uuid::<JobId>("bulk_enrollment_job_uuid")? else {
        let text = "Missing the following required request data: ['bulk_enrollment_job_uuid']";
        return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
    };
    let job = context.jobs.job(id).await?.filter(|job| job.kind == JobKind::Enroll);
    let sees_all = caller.access(ADMINS).includes(enterprise);
    let job = job.filter(|job| {
        job.enterprise_customer_uuid == enterprise && (sees_all || job.requested_by == caller.principal.username)
    });
    let job = job.ok_or_else(|| ApiError::not_found("BulkEnrollmentJob"))?;
    let download_url = match &job.results {
        Some(file) => Some(context.exports.link(file).await.map_err(|error| upstream(&error))?),
        None => None,
    };
    Ok(Json(Answer { job_id: job.uuid, download_url }))
}
