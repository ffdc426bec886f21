//! `POST /api/v1/subscriptions/{plan}/licenses/bulk-revoke/`: revokes the licenses of the given learners, or of those
//! whom the filters match. Only activated licenses count against the plan's cap. If the cap does not allow the whole
//! request, nothing is revoked.
//!
//! ```json
//! {"user_emails": ["ann@example.com"]}
//! {"filters": [{"name": "user_email", "filter_value": "@example.com"}]}
//! ```
//! 200: all are revoked; 207: some; 404 or 400: none, and the body holds only `unsuccessful_revocations`.
//! ```json
//! {"successful_revocations": [{"license_uuid": "…", "original_status": "assigned", "user_email": "ann@example.com"}],
//!  "unsuccessful_revocations": [{"error": "…", "error_response_status": 404, "user_email": "bob@example.com"}]}
//! ```

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::try_join;
use license_api::{
    ADMINS, ApiError, Body, Complaints, Doc, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, Shape},
    id,
};
use license_domain::{EmailAddress, EmailKey, LicenseId, LicenseStatus, PlanId};
use license_storage::{Prefetch, Revocation, Revocations, RevokeRequest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Context,
    inline::inline_error,
    plan,
    recipients::{EMAILS_OR_FILTERS, FILTERS, Recipients},
};

body! {
    /// The learners whose licenses are revoked.
    pub struct RevokeBody {
        user_emails: Option<Vec<EmailAddress>> = EMAILS_OR_FILTERS,
        filters: Option<Vec<Value>> = FILTERS,
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/bulk-revoke/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Revoke licenses of a plan",
        query: &[],
        body: RevokeBody::FIELDS,
        answers: &[
            doc::ResponseDoc::new(200, "All are revoked.", Shape::Of(doc::schema::<BulkRevokeResponse>)),
            doc::ResponseDoc::new(207, "Some are revoked.", Shape::Of(doc::schema::<BulkRevokeResponse>)),
            doc::ResponseDoc::new(
                400,
                "The body is not valid, or the cap does not allow it: no license was revoked.",
                Shape::Complaints,
            ),
            doc::ResponseDoc::new(404, "None of the learners holds a license, or there is no such plan.", Shape::Any),
        ],
    },
};

/// Which licenses were revoked, and which were not.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Revocations")]
pub struct BulkRevokeResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    successful_revocations: Option<Vec<Success>>,
    unsuccessful_revocations: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Revoked")]
struct Success {
    license_uuid: LicenseId,
    original_status: LicenseStatus,
    user_email: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NotRevoked")]
struct Failure {
    error: String,
    error_response_status: u16,
    user_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_uuid: Option<LicenseId>,
}

/// As in assigning, reads run at the same time, and an invalid body gets 400 only from requesters who may revoke.
pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let recipients = body.and_then(|body| Ok(parse(&body)?));
    revoke(&context, &requester, plan, recipients, Vec::new()).await
}

/// A given license of which the requester may not know.
#[derive(Clone, Copy, Debug)]
pub struct UnknownLicense(pub LicenseId);

/// Revokes licenses of that plan; the response lists `unknown` as not found.
pub async fn revoke(
    context: &Context,
    requester: &Requester,
    plan: PlanId,
    recipients: Result<Recipients, ApiError>,
    unknown: Vec<UnknownLicense>,
) -> Result<Response, ApiError> {
    let emails: Vec<EmailKey> = recipients.as_ref().map(Recipients::keys).unwrap_or_default();
    let (portfolio, prefetch) =
        try_join!(context.portfolios.portfolio_of_plan(plan), context.prefetches.prefetch(plan, &emails))?;
    plan::require(requester, portfolio.as_ref())?;
    let recipients = recipients?;
    let Ok((portfolio, plan)) = plan::found(portfolio.as_ref(), plan) else { return Ok(no_plan()) };
    // The recipients of filters were not known at the time of the prefetch.
    let prefetch = if emails.is_empty() { Prefetch::default() } else { prefetch };
    if let Some(outcome) = requester.recorded().await? {
        return Ok(revoked(&outcome, unknown));
    }
    let emails = recipients.learners(context.licenses.as_ref(), plan).await?;
    let change = requester.change("bulk-revoke").await?;
    let request = RevokeRequest { emails, prefetch, change };
    let outcome = context.runs.revoke(portfolio, plan, request).await.map_err(inline_error)?;
    Ok(revoked(&outcome, unknown))
}

/// The response to a revocation, by this attempt or an earlier one. After an earlier one the licenses are no longer
/// live.
fn revoked(outcome: &Revocations, mut unknown: Vec<UnknownLicense>) -> Response {
    let is_revoked = |id: LicenseId| {
        outcome.iter().any(|(_, one)| matches!(one, Revocation::Revoked { license, .. } if *license == id))
    };
    unknown.retain(|UnknownLicense(id)| !is_revoked(*id));
    let (status, response) = response_of(outcome, &unknown);
    (status, Json(response)).into_response()
}

/// The response for a plan that does not exist. Clients read `unsuccessful_revocations` of every 400 and 404.
fn no_plan() -> Response {
    let failure = Failure::of_all("There is no such subscription plan.", StatusCode::NOT_FOUND);
    let body = BulkRevokeResponse { successful_revocations: None, unsuccessful_revocations: vec![failure] };
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

impl Failure {
    /// An error of the request as a whole.
    fn of_all(error: &str, status: StatusCode) -> Self {
        let error_response_status = status.as_u16();
        Self { error: error.to_owned(), error_response_status, user_email: None, license_uuid: None }
    }
}

/// The response if none of the given licenses is known.
pub fn none(unknown: &[UnknownLicense]) -> Response {
    let (status, response) = response_of(&[], unknown);
    (status, Json(response)).into_response()
}

fn parse(body: &Body) -> Result<Recipients, Complaints> {
    let RevokeBody { user_emails, filters } = RevokeBody::read(body)?;
    Recipients::new(user_emails, filters)
}

fn response_of(outcome: &[(EmailAddress, Revocation)], unknown: &[UnknownLicense]) -> (StatusCode, BulkRevokeResponse) {
    let mut successes = Vec::new();
    let mut failures = Vec::new();
    let mut is_refused = false;
    for (email, revocation) in outcome {
        let user_email = email.as_given().to_owned();
        match revocation {
            Revocation::Revoked { license, original_status } => {
                let (license_uuid, original_status) = (*license, *original_status);
                successes.push(Success { license_uuid, original_status, user_email });
            }
            Revocation::NotFound => failures.push(Failure {
                error: format!("{user_email} has no assigned or activated license of this plan."),
                error_response_status: StatusCode::NOT_FOUND.as_u16(),
                user_email: Some(user_email),
                license_uuid: None,
            }),
            // The cap refuses the whole request.
            Revocation::CapReached => is_refused = true,
        }
    }
    failures.extend(unknown.iter().map(|UnknownLicense(license)| Failure {
        error: format!("{license} is no assigned or activated license."),
        error_response_status: StatusCode::NOT_FOUND.as_u16(),
        user_email: None,
        license_uuid: Some(*license),
    }));
    if is_refused {
        let error = "The plan's revocation cap does not allow to revoke these licenses.";
        failures.push(Failure::of_all(error, StatusCode::BAD_REQUEST));
    }
    let status = match (successes.is_empty(), failures.is_empty()) {
        (_, true) => StatusCode::OK,
        (false, false) => StatusCode::MULTI_STATUS,
        (true, false) if is_refused => StatusCode::BAD_REQUEST,
        (true, false) => StatusCode::NOT_FOUND,
    };
    let successes = status.is_success().then_some(successes);
    (status, BulkRevokeResponse { successful_revocations: successes, unsuccessful_revocations: failures })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn refusal(body: &Value) -> Value {
        parse(&Body::json(body.as_object().expect("an object").clone())).expect_err("complaints").into_value()
    }

    #[test]
    fn either_learners_or_filters_are_named() {
        let complaint = |text: &str| json!({"non_field_errors": [text]});
        assert_eq!(refusal(&json!({})), complaint("Either user_emails or filters must be provided."));
        assert_eq!(
            refusal(&json!({"user_emails": ["a@b.example"], "filters": [{"name": "user_email", "filter_value": "a"}]})),
            complaint("Either user_emails or filters must be provided, but not both.")
        );
        assert_eq!(
            refusal(&json!({"filters": [{"name": "user_email", "filter_value": 3}]})),
            complaint("Malformed filters, user_email must be a string.")
        );
        assert_eq!(refusal(&json!({"user_emails": []})), json!({"user_emails": ["This list may not be empty."]}));
    }

    #[test]
    fn the_status_depends_on_how_many_were_revoked() {
        let email = EmailAddress::on_record("a@b.example");
        let license = LicenseId(Uuid::nil());
        let revoked = || Revocation::Revoked { license, original_status: LicenseStatus::Assigned };
        let status = |outcome: Vec<Revocation>| {
            let (status, response) =
                response_of(&outcome.into_iter().map(|one| (email.clone(), one)).collect::<Vec<_>>(), &[]);
            (status.as_u16(), response.successful_revocations.is_some())
        };
        assert_eq!(status(vec![revoked()]), (200, true));
        assert_eq!(status(vec![revoked(), Revocation::NotFound]), (207, true));
        assert_eq!(status(vec![Revocation::NotFound]), (404, false));
        assert_eq!(status(vec![Revocation::NotFound, Revocation::CapReached]), (400, false));
        assert_eq!(status(vec![]), (200, true));
    }
}
