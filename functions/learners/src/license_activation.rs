//! `POST /api/v1/license-activation?activation_key=…`: activates a license. The key and the token's address must both
//! belong to the license, in an active and current plan. If it is activated already: success, and nothing changes.
//!
//! The response is the license with its plan and agreement:
//! ```json
//! {"uuid": "…", "status": "activated", …, "customer_agreement": {…}, "subscription_plan": {…}}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use futures::try_join;
use license_api::{
    ApiError, Doc, Field, LEARNERS_AND_ADMINS, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    fields::UUID,
    wire,
};
use license_domain::{Access, ActivationKey, EnterpriseId, License, LicenseStatus, Portfolio, Timestamp};
use license_storage::{ActivateError, StoreError, with_key};

use crate::{Context, lms_user};

/// The key identifies the license, and proves that it is the requester's.
const ACTIVATION_KEY: Field = Field::new(UUID, "The secret of the learner's link.").named("activation_key");

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/license-activation/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::UnanchoredLearnerOrAdmin,
    },
    doc: &Doc {
        summary: "Activates a license",
        query: &[ACTIVATION_KEY],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The activated license.", Shape::Of(doc::schema::<wire::LearnerLicense>)),
            ResponseDoc::new(422, "The license is revoked.", Shape::Text),
        ],
    },
};

/// The learner's licenses, the agreement in the roles, the products and, if the token has none, the learner's LMS id
/// are read at the same time, so that an activation takes one round trip for reading and one for writing.
pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
) -> Result<Json<wire::LearnerLicense>, ApiError> {
    let Some(email) = requester.principal.email.clone() else {
        let detail = "`email` is required and could not be found in your jwt";
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, detail));
    };
    let Some(key) = params.uuid::<ActivationKey>(&ACTIVATION_KEY)? else {
        return Err(ApiError::detail(StatusCode::BAD_REQUEST, "activation_key is a required parameter"));
    };
    let email_key = email.key();
    let (held, portfolio, products, lms_user_id) = try_join!(
        context.learners.licenses_of(&email_key),
        likely_portfolio(&context, &requester),
        context.portfolios.products(),
        async { Ok(lms_user::number(&context, &requester).await) },
    )?;

    let now = context.app.now();
    let (license, portfolio) = find(&context, &held, key, portfolio, now).await?;
    let enterprise = portfolio.agreement.enterprise_customer_uuid;
    requester.require(LEARNERS_AND_ADMINS, Some(enterprise), RequiredPermission::UnanchoredLearnerOrAdmin)?;
    if let Some(license) = requester.recorded::<License>().await? {
        return Ok(Json(wire::LearnerLicense::new(&license, &portfolio, &products, now)));
    }
    if license.status == LicenseStatus::Revoked {
        return Err(revoked());
    }
    let change = requester.change("activate").await?;
    match context.activate.activate(&portfolio, &license, lms_user_id, &change).await {
        Ok(license) => Ok(Json(wire::LearnerLicense::new(&license, &portfolio, &products, now))),
        Err(ActivateError::Revoked) => Err(revoked()),
        Err(ActivateError::Gone) => Err(ApiError::not_found("License")),
        Err(ActivateError::Store(error)) => Err(error.into()),
    }
}

/// The license with that key, and the agreement of its plan, which must be active and current.
async fn find(
    context: &Context,
    held: &[License],
    key: ActivationKey,
    mut portfolio: Option<Portfolio>,
    now: Timestamp,
) -> Result<(License, Portfolio), ApiError> {
    // A renewal copies the key: the old and the new license both have it, and one of their plans is current.
    for license in with_key(held, key) {
        let id = license.subscription_plan;
        let at_hand = portfolio.take().filter(|portfolio| portfolio.plan(id).is_some());
        let found = match at_hand {
            Some(at_hand) => Some(at_hand),
            None => context.portfolios.portfolio_of_plan(id).await?,
        };
        if let Some(found) = found {
            if found.plan(id).is_some_and(|plan| plan.is_active && plan.is_current(now)) {
                return Ok((license.clone(), found));
            }
            portfolio = Some(found);
        }
    }
    Err(ApiError::not_found("License"))
}

/// The agreement of the customer in the requester's roles, if they name exactly one.
async fn likely_portfolio(context: &Context, requester: &Requester) -> Result<Option<Portfolio>, StoreError> {
    match only_customer(&requester.access(LEARNERS_AND_ADMINS)) {
        Some(enterprise) => context.portfolios.portfolio_of_enterprise(enterprise).await,
        None => Ok(None),
    }
}

fn only_customer(access: &Access) -> Option<EnterpriseId> {
    match access {
        Access::Only(enterprises) if enterprises.len() == 1 => enterprises.first().copied(),
        _ => None,
    }
}

fn revoked() -> ApiError {
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "The license is revoked and can't be activated.")
}
