//! `POST /api/v1/staff_lookup_licenses/`: all licenses of an address, for staff. 404 without a body if there are none.
//!
//! ```json
//! {"user_email": "ada@example.com"}
//! ```
//! ```json
//! [{"status": "activated", "assigned_date": "…", …, "subscription_plan_title": "…",
//!   "subscription_plan_expiration_date": "…", "activation_link": "https://…/activate"}]
//! ```

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use license_api::{
    ApiError, Body, Doc, Field, Requester, Route, RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    fields::text,
    wire,
};
use license_domain::{
    EmailAddress, License, LicenseStatus, Portfolio, SubscriptionPlan, Timestamp, email::MAX_EMAIL_LENGTH,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Context, licenses_of_address::Found};

body! {
    /// The address: any text, because a stored address may be older than the rules for addresses.
    struct LookUpBody {
        user_email: String =
            Field::new(text(MAX_EMAIL_LENGTH), "The address.").example(|| json!("ann@example.com")),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/staff_lookup_licenses/",
    access: RouteAccess::Staff,
    doc: &Doc {
        summary: "List all licenses of an address, for staff",
        query: &[],
        body: LookUpBody::FIELDS,
        answers: &[
            ResponseDoc::new(200, "The licenses.", Shape::Of(doc::schema::<Vec<StaffLicense>>)),
            ResponseDoc::new(404, "There are none.", Shape::Nothing),
        ],
    },
};

/// A license as staff see it.
#[derive(Debug, Serialize, JsonSchema)]
struct StaffLicense {
    status: LicenseStatus,
    #[serde(serialize_with = "wire::time::serialize_option")]
    assigned_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    activation_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    revoked_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    last_remind_date: Option<Timestamp>,
    subscription_plan_title: String,
    #[serde(serialize_with = "wire::time::serialize")]
    subscription_plan_expiration_date: Timestamp,
    activation_link: Option<String>,
}

impl StaffLicense {
    fn new(license: &License, portfolio: &Portfolio, plan: &SubscriptionPlan, portal: &str) -> Self {
        Self {
            status: license.status,
            assigned_date: license.assigned_date,
            activation_date: license.activation_date,
            revoked_date: license.revoked_date,
            last_remind_date: license.last_remind_date,
            subscription_plan_title: plan.title.clone(),
            subscription_plan_expiration_date: plan.expiration_date,
            activation_link: wire::activation_link(portal, portfolio, license),
        }
    }
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    requester.require_staff()?;
    let body = body?;
    if body.0.get("user_email").and_then(Value::as_str).is_none_or(|email| email.trim().is_empty()) {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "User email not specified."));
    }
    let LookUpBody { user_email } = LookUpBody::read(&body)?;
    let email = EmailAddress::on_record(user_email);
    let found = Found::by_email(&context, &email.key()).await?;
    let portal = &context.portal.0;
    let shape = |(license, portfolio, plan)| StaffLicense::new(license, portfolio, plan, portal);
    let licenses: Vec<StaffLicense> = found.rows().into_iter().map(shape).collect();
    if licenses.is_empty() {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    Ok(Json(licenses).into_response())
}
