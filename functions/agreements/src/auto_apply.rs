//! `POST /api/v1/customer-agreement/{agreement}/auto-apply/`: assigns the requester a seat of the agreement's plan for
//! auto-applied licenses, and activates it. A requester who holds a license gets that one. The body is empty, because
//! the token names the learner.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Doc, LEARNERS_AND_ADMINS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::{AgreementId, License};
use license_storage::AutoApplyError;

use crate::Context;

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/customer-agreement/{agreement}/auto-apply/",
    access: RouteAccess::Roles {
        roles: LEARNERS_AND_ADMINS,
        listing: false,
        missing: RequiredPermission::LearnerOrAdmin,
    },
    doc: &Doc {
        summary: "Gives the caller a license without an invitation",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The caller's license, new or not.", Shape::Of(doc::schema::<wire::LearnerLicense>)),
            ResponseDoc::new(422, "There is no such plan, no license left, or the caller's was revoked.", Shape::Text),
        ],
    },
};
pub const ALIAS: [Route; 2] = [
    ROUTE.at("/customer-agreements/{agreement}/auto-apply/"),
    ROUTE.at("/api/v1/customer-agreements/{agreement}/auto-apply/"),
];

const NO_EMAIL: &str = "`email` is required and could not be found in your jwt";
const NO_PLAN: &str = "The agreement has no active and current plan whose licenses are applied automatically.";
const REVOKED: &str = "The learner's license of this plan was revoked.";
const NO_SEAT: &str = "The plan has no unassigned license left.";

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(agreement): Path<String>,
) -> Result<Json<wire::LearnerLicense>, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    let (portfolio, products) =
        futures::try_join!(context.portfolios.portfolio(agreement), context.portfolios.products())?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(LEARNERS_AND_ADMINS, owner, RequiredPermission::LearnerOrAdmin)?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let email = requester.principal.email.clone();
    let email = email.ok_or_else(|| ApiError::detail(StatusCode::BAD_REQUEST, NO_EMAIL))?;

    if let Some(license) = requester.recorded::<License>().await? {
        return Ok(Json(wire::LearnerLicense::new(&license, &portfolio, &products, license.modified)));
    }
    let change = requester.change("auto-apply").await?;
    let refused = |reason: &str| ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, reason);
    let plan = portfolio.plan_for_auto_applied_licenses(change.at).ok_or_else(|| refused(NO_PLAN))?.uuid;
    let user = requester.principal.lms_user_id;
    let license =
        context.auto_apply.auto_apply(&portfolio, plan, &email, user, &change).await.map_err(|error| match error {
            AutoApplyError::Revoked => refused(REVOKED),
            AutoApplyError::NoSeat => refused(NO_SEAT),
            AutoApplyError::Store(error) => error.into(),
        })?;
    Ok(Json(wire::LearnerLicense::new(&license, &portfolio, &products, change.at)))
}
