//! `POST /api/v1/bulk-license-enrollment?enterprise_customer_uuid=…`: the learners named, as far as they hold
//! activated or assigned licenses of the customer (or of the plan `subscription_uuid`), are to be enrolled in all of
//! these courses. The job is on record once this answers; how it ended is asked with GET.
//!
//! ```json
//! {"emails": ["ann@example.com"], "course_run_keys": ["course-v1:edX+DemoX+2026"], "notify": true}
//! ```
//! ```json
//! {"job_id": "…"}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Fields, LEARNERS_AND_ADMINS, Params, Presence, Requester, RequiredPermission, Route,
    RouteAccess,
    doc::{self, Kind, Param, Shape},
    email, text_item,
};
use license_domain::{
    EmailAddress, Job, JobId, JobKind, JobParams, LicenseStatus, PlanId, Portfolio, Row, RowFilter,
    job::chunks::MAX_COURSE_BYTES, maxima::MAX_COURSE_KEY,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{Context, customer};

/// A new job.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/bulk-license-enrollment/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::UnanchoredLearnerOrAdmin,
    },
    doc: &Doc {
        summary: "Enrols licensed learners in courses, many at once",
        query: &[
            doc::THE_ENTERPRISE,
            Param::optional("subscription_uuid", Kind::Uuid, "Only licenses of this plan count."),
            Param::optional("enroll_all", Kind::Boolean, "Whether every learner of the plan is meant."),
        ],
        body: &[
            Param::required("emails", Kind::Emails, "The learners."),
            Param::required("course_run_keys", Kind::Texts(MAX_COURSE_KEY), "The courses."),
            Param::required("notify", Kind::Boolean, "Whether the learners are told."),
        ],
        answers: &[doc::ResponseDoc::new(201, "The job is on record.", Shape::Of(doc::schema::<CreateResponse>))],
    },
};

/// The job's id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EnrollmentJobCreated")]
pub struct CreateResponse {
    job_id: JobId,
}

/// What is asked for.
struct CreateBody {
    emails: Vec<EmailAddress>,
    course_run_keys: Vec<String>,
    notify: bool,
    plan: Option<PlanId>,
    enroll_all: bool,
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<CreateResponse>), ApiError> {
    let portfolio = customer::find(&context, &requester, &params).await?;
    if let Some(job_id) = requester.recorded().await? {
        return Ok(created(job_id));
    }
    let body = CreateBody::parse(&body?, &params)?;
    body.check(&portfolio, context.limit.0)?;
    let live = vec![LicenseStatus::Activated, LicenseStatus::Assigned];
    let everybody = RowFilter { statuses: live, search: Vec::new() };
    let id = context.app.random().job_id();
    let job = Job {
        subscription_plan: body.plan,
        params: JobParams {
            notify: body.notify,
            course_run_keys: body.course_run_keys,
            filter: body.enroll_all.then_some(everybody),
            ..JobParams::default()
        },
        ..Job::new(id, JobKind::Enroll, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let (job, chunks) = if body.enroll_all {
        (job, Vec::new())
    } else {
        let emails = (0..).zip(body.emails);
        let rows = emails.map(|(row, email)| Row { row, user_email: Some(email), ..Row::default() });
        job.with_rows(&rows.collect::<Vec<_>>())
    };
    let change = requester.change("bulk-enroll").await?.recording(&job.uuid);
    context.jobs.create_job(&portfolio, &job, &chunks, &change).await?;
    Ok(created(job.uuid))
}

fn created(job_id: JobId) -> (StatusCode, Json<CreateResponse>) {
    (StatusCode::CREATED, Json(CreateResponse { job_id }))
}

impl CreateBody {
    fn parse(body: &Body, params: &Params) -> Result<Self, ApiError> {
        // The parameters are checked with the body, and complained about together.
        let mut all = body.clone();
        for name in ["subscription_uuid", "enroll_all"] {
            if let Some(value) = params.get(name).filter(|value| !value.trim().is_empty()) {
                all.0.insert(name.to_owned(), Value::from(value));
            }
        }
        let mut fields = Fields::new(&all);
        let emails = fields.list("emails", Presence::Required, false, email);
        let course_run_keys = fields.list("course_run_keys", Presence::Required, false, key);
        let notify = fields.boolean("notify", Presence::Required);
        let plan = fields.uuid("subscription_uuid", Presence::Nullable).map(PlanId);
        let enroll_all = fields.boolean("enroll_all", Presence::Optional).unwrap_or_default();
        fields.finish()?;
        let mut emails = emails.unwrap_or_default();
        let mut known = std::collections::HashSet::new();
        emails.retain(|email| known.insert(email.key()));
        let mut course_run_keys = course_run_keys.unwrap_or_default();
        let mut known = std::collections::HashSet::new();
        course_run_keys.retain(|key| known.insert(key.clone()));
        Ok(Self { emails, course_run_keys, notify: notify.unwrap_or_default(), plan, enroll_all })
    }

    /// A job has at most so many enrollments, and its plan is one of the customer's.
    fn check(&self, portfolio: &Portfolio, limit: usize) -> Result<(), ApiError> {
        let wanted = self.emails.len().saturating_mul(self.course_run_keys.len());
        if wanted > limit {
            let text = format!("At most {limit} enrollments can be requested at once; these are {wanted}.");
            return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
        }
        if self.course_run_keys.iter().map(String::len).sum::<usize>() > MAX_COURSE_BYTES {
            let text = format!("The keys of all courses together may not be longer than {MAX_COURSE_BYTES} bytes.");
            return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
        }
        match self.plan {
            Some(plan) if portfolio.plan(plan).is_none() => Err(ApiError::not_found("SubscriptionPlan")),
            _ => Ok(()),
        }
    }
}

/// The key of a course run.
fn key(value: &Value) -> Result<String, String> {
    text_item(value, MAX_COURSE_KEY)
}
