//! `GET /api/v1/license-subsidy?enterprise_customer_uuid=…&course_key=…`: the subsidy of a learner's license for a
//! course. The license must be activated, in an active and current plan of the customer whose catalog contains the
//! course; of several licenses the one whose plan ends last is used. 404 if there is none.
//!
//! ```json
//! {"discount_type": "percentage", "discount_value": 100, "status": "activated", "subsidy_id": "…",
//!  "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z", "subsidy_checksum": "…"}
//! ```
//! The checksum is the base64 of the HMAC-SHA256 of `<LMS user id>:<course key>:<license>` with a secret that the
//! service which enrolls the learner has, too.

use std::cmp::Reverse;

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::try_join;
use hmac::{Hmac, KeyInit, Mac};
use license_api::{
    ApiError, Doc, Field, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess, SecretText,
    doc::{self, Shape},
    fields::TEXT,
    wire,
};
use license_clients::ClientError;
use license_domain::{
    EnterpriseId, License, LicenseId, LicenseStatus, LmsUserId, Portfolio, SubscriptionPlan, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::Sha256;

use crate::{Context, lms_user};

const COURSE_KEY: Field = Field::new(TEXT, "The course.").named("course_key");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/license-subsidy/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::UnanchoredLearnerOrAdmin,
    },
    doc: &Doc {
        summary: "What the caller's license pays of a course",
        query: &[doc::THE_ENTERPRISE, COURSE_KEY],
        body: &[],
        answers: &[
            doc::ResponseDoc::new(200, "The subsidy.", Shape::Of(doc::schema::<SubsidyResponse>)),
            doc::ResponseDoc::new(404, "No license pays for the course, or there is no such customer.", Shape::Any),
            doc::ResponseDoc::new(502, "Another service, or a setting, is missing.", Shape::Detail),
        ],
    },
};

/// The response.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Subsidy")]
pub struct SubsidyResponse {
    discount_type: &'static str,
    discount_value: u8,
    status: LicenseStatus,
    subsidy_id: LicenseId,
    #[serde(serialize_with = "wire::time::serialize")]
    start_date: Timestamp,
    #[serde(serialize_with = "wire::time::serialize")]
    expiration_date: Timestamp,
    subsidy_checksum: String,
}

/// The learner's licenses, the customer's agreement and, if the token has none, the learner's LMS id are read at the
/// same time.
pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
) -> Result<Json<SubsidyResponse>, ApiError> {
    let enterprise: Option<EnterpriseId> = params.uuid(&doc::THE_ENTERPRISE)?;
    let unknown = || ApiError::not_found("CustomerAgreement");
    let enterprise = enterprise.ok_or_else(unknown)?;
    let email = requester.principal.email.clone();
    let held = async {
        match &email {
            Some(email) => context.learners.licenses_of(&email.key()).await,
            None => Ok(Vec::new()),
        }
    };
    let (held, portfolio, user) = try_join!(held, context.portfolios.portfolio_of_enterprise(enterprise), async {
        Ok(lms_user::number(&context, &requester).await)
    },)?;
    let portfolio = portfolio.ok_or_else(unknown)?;
    requester.require(LEARNERS_AND_ADMINS, Some(enterprise), RequiredPermission::UnanchoredLearnerOrAdmin)?;
    let course = params.text(&COURSE_KEY);
    let course = course
        .ok_or_else(|| ApiError::text(StatusCode::BAD_REQUEST, "You must supply the course_key query parameter"))?;
    let Some(secret) = &context.subsidy_key else {
        return Err(unavailable("no secret is set to sign subsidies with", false));
    };
    let (license, plan) = paying(&context, &held, &portfolio, course).await?;
    // Without an LMS id the other service could not verify the checksum.
    let Some(user) = user.or(license.lms_user_id) else {
        return Err(unavailable("the learner's number is not known", true));
    };
    Ok(Json(SubsidyResponse {
        discount_type: "percentage",
        discount_value: 100,
        status: license.status,
        subsidy_id: license.uuid,
        start_date: plan.start_date,
        expiration_date: plan.expiration_date,
        subsidy_checksum: checksum(secret, user, course, license.uuid),
    }))
}

/// The license whose plan's catalog contains the course.
async fn paying<'a>(
    context: &Context,
    held: &'a [License],
    portfolio: &'a Portfolio,
    course: &str,
) -> Result<(&'a License, &'a SubscriptionPlan), ApiError> {
    let now = context.app.now();
    let mut candidates: Vec<(&License, &SubscriptionPlan)> = held
        .iter()
        .filter(|license| license.status == LicenseStatus::Activated)
        .filter_map(|license| Some((license, portfolio.plan(license.subscription_plan)?)))
        .filter(|(_, plan)| plan.is_active && plan.is_current(now))
        .collect();
    candidates.sort_by_key(|(license, plan)| (Reverse(plan.expiration_date), license.uuid));
    for (license, plan) in candidates {
        let Some(catalog) = portfolio.catalog_of(plan) else { continue };
        if context.catalogs.contains(catalog, course).await.map_err(|error| upstream(&error))? {
            return Ok((license, plan));
        }
    }
    let text =
        "This course was not found in the subscription plan catalogs associated with the specified enterprise UUID.";
    Err(ApiError::text(StatusCode::NOT_FOUND, text))
}

fn upstream(error: &ClientError) -> ApiError {
    let retryable = error.is_retryable();
    ApiError::Upstream { service: "catalog service", cause: error.to_string(), retryable }
}

fn unavailable(cause: &str, retryable: bool) -> ApiError {
    ApiError::Upstream { service: "subsidy signature", cause: cause.to_owned(), retryable }
}

fn checksum(secret: &SecretText, user: LmsUserId, course: &str, license: LicenseId) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{user}:{course}:{license}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_checksum_is_an_hmac_in_base64() {
        // Computed by: printf %s '7:edX+DemoX:0000…' | openssl dgst -sha256 -hmac hush -binary | base64
        let sum = checksum(&SecretText("hush".to_owned()), LmsUserId(7), "edX+DemoX", LicenseId(Uuid::nil()));
        assert_eq!(sum, "+TbZDT5nDp37Y5Hw26E1XEMXbAblgQLd4wyEUC4HV6E=");
    }
}
