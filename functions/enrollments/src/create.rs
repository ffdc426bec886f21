//! `POST /api/v1/bulk-license-enrollment?enterprise_customer_uuid=…`: enrolls the given learners in all of these
//! courses, if they hold activated or assigned licenses of the customer (or of the plan `subscription_uuid`). The
//! response comes when the job is created; its result is read by GET. A learner may enroll only themself: 403 if the
//! request names another address, or all learners.
//!
//! ```json
//! {"emails": ["ann@example.com"], "course_run_keys": ["course-v1:edX+DemoX+2026"], "notify": true}
//! ```
//! ```json
//! {"job_id": "…"}
//! ```

use std::collections::HashSet;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ADMINS, ApiError, Body, Doc, Field, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess,
    body,
    doc::{self, Shape},
    fields::{BOOLEAN, Format, UUID, list, text_item},
};
use license_domain::{
    EmailAddress, Job, JobId, JobKind, JobParams, LicenseStatus, PlanId, Portfolio, Row, RowFilter,
    job::chunks::MAX_COURSE_BYTES, maxima::MAX_COURSE_KEY,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Context, customer};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/bulk-license-enrollment/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::UnanchoredLearnerOrAdmin,
    },
    doc: &Doc {
        summary: "Enroll licensed learners in courses, many at once",
        query: &[doc::THE_ENTERPRISE, CreateQuery::FIELDS[0], CreateQuery::FIELDS[1]],
        body: CreateBody::FIELDS,
        answers: &[doc::ResponseDoc::new(201, "The job is on record.", Shape::Of(doc::schema::<CreateResponse>))],
    },
};

/// The keys of course runs.
const COURSES: Format = list(&text_item(1, MAX_COURSE_KEY));

body! {
    /// The learners, and the courses.
    struct CreateBody {
        emails: Vec<EmailAddress> = doc::USER_EMAILS,
        course_run_keys: Vec<String> =
            Field::new(COURSES, "The courses.").example(|| json!(["course-v1:edX+DemoX+2026"])),
        notify: bool = Field::new(BOOLEAN, "Whether the learners get a mail."),
    }
}

body! {
    /// Parameters in the query string; those that are missing may be in the body.
    struct CreateQuery {
        subscription_uuid: Option<PlanId> =
            Field::new(UUID, "Only licenses of this plan count.").nullable().optional(),
        enroll_all: bool =
            Field::new(BOOLEAN, "Whether every learner of the plan is enrolled.").default(|| json!(false)),
    }
}

/// The job's id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EnrollmentJobCreated")]
pub struct CreateResponse {
    job_id: JobId,
}

/// The request without repeated learners and courses.
struct CreateRequest {
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
    let request = CreateRequest::read(&body?, &params)?;
    if !request.is_own(&requester) {
        let enterprise = portfolio.agreement.enterprise_customer_uuid;
        requester.require(ADMINS, Some(enterprise), RequiredPermission::UnanchoredAdmin)?;
    }
    request.check(&portfolio, context.limit.0)?;
    let live = vec![LicenseStatus::Activated, LicenseStatus::Assigned];
    let everybody = RowFilter { statuses: live, search: Vec::new() };
    let id = context.app.random().job_id();
    let job = Job {
        subscription_plan: request.plan,
        params: JobParams {
            notify: request.notify,
            course_run_keys: request.course_run_keys,
            filter: request.enroll_all.then_some(everybody),
            ..JobParams::default()
        },
        ..Job::new(id, JobKind::Enroll, &portfolio.agreement, requester.requester(), context.app.now())
    };
    let (job, chunks) = if request.enroll_all {
        (job, Vec::new())
    } else {
        let emails = (0..).zip(request.emails);
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

impl CreateRequest {
    fn read(body: &Body, params: &Params) -> Result<Self, ApiError> {
        // The parameters and the body are checked together, so that one response contains all complaints.
        let mut all = body.clone();
        for field in CreateQuery::FIELDS {
            if let Some(value) = params.text(field) {
                all.0.insert(field.name.to_owned(), Value::from(value));
            }
        }
        let (CreateBody { mut emails, mut course_run_keys, notify }, query) =
            match (CreateBody::read(&all), CreateQuery::read(&all)) {
                (Ok(body), Ok(query)) => (body, query),
                (Err(complaints), Err(others)) => return Err(complaints.with(others).into()),
                (Err(complaints), _) | (_, Err(complaints)) => return Err(complaints.into()),
            };
        let mut known = HashSet::new();
        emails.retain(|email| known.insert(email.key()));
        let mut known = HashSet::new();
        course_run_keys.retain(|key| known.insert(key.clone()));
        if query.enroll_all && query.subscription_uuid.is_none() {
            return Err(ApiError::text(StatusCode::BAD_REQUEST, "enroll_all needs a subscription_uuid."));
        }
        Ok(Self { emails, course_run_keys, notify, plan: query.subscription_uuid, enroll_all: query.enroll_all })
    }

    /// Whether it enrolls only its requester. Its results show who holds a license.
    fn is_own(&self, requester: &Requester) -> bool {
        let own = requester.principal.email.as_ref();
        !self.enroll_all && own.is_some_and(|own| self.emails.iter().all(|email| email == own))
    }

    /// Checks the number of enrollments, and that the plan is one of the customer's.
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
