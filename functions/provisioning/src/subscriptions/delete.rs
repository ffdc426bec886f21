//! `DELETE /subscriptions/{plan}/`: deletes a plan of which no learner has or had a license, and which no renewal
//! refers to. 409 otherwise.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
    id,
};
use license_domain::PlanId;
use license_storage::{Attempt, DeletePlanError};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "DELETE",
    path: "/api/v1/subscriptions/{plan}/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Delete a plan that no learner has used",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(204, "It is deleted.", Shape::Nothing),
            ResponseDoc::new(404, "There is no such plan.", Shape::Error),
            ResponseDoc::new(409, "It is in use.", Shape::Error),
        ],
    },
};
pub const ALIAS: Route = ROUTE.at("/subscriptions/{plan}/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(plan): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: PlanId = id(&plan)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let refused = |text: &str| ApiError::error(StatusCode::CONFLICT, text);
    let attempt = || async {
        let not_found = || ApiError::error(StatusCode::NOT_FOUND, "No record found.");
        let portfolio = context.provisioning.portfolios.portfolio_of_plan(id).await?.ok_or_else(not_found)?;
        let plan = portfolio.plan(id).ok_or_else(not_found)?;
        conditions.check(plan.modified)?;
        let is_renewed = portfolio.renewal_of(id).is_some() || portfolio.prior_renewals_of(id).next().is_some();
        if is_renewed {
            return Err(refused("A renewal leaves this plan, or leads to it."));
        }
        let change = requester.change("delete-plan").await?;
        match context.provisioning.update.delete_plan(&portfolio, plan, &change).await {
            Ok(()) => Ok(Attempt::Done(StatusCode::NO_CONTENT)),
            Err(DeletePlanError::InUse) => Err(refused("Learners have, or had, licenses of this plan.")),
            Err(DeletePlanError::Changed) => Ok(Attempt::Retry(())),
            Err(DeletePlanError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("delete plan", attempt).await
}
