//! `POST /api/v1/subscriptions/{plan}/licenses/remind-all/`: reminds every learner of the plan who has not
//! activated. 204, or 404 where there is none. The body may hold `greeting` and `closing`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_domain::PlanId;
use license_store::ports::LicenseFilter;
use license_web::{
    ADMINS, ApiError, Body, Caller, Doc, Fields, Grants, Missing, Route,
    doc::{self, Answer, Shape},
    id,
};

use crate::{
    Context, plan,
    remind::{Words, send_to_all},
};

/// Reminding all.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/remind-all/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "Reminds all learners who have not activated",
        query: &[],
        body: &[doc::GREETING, doc::CLOSING],
        answers: &[
            Answer::new(204, "They are reminded.", Shape::Nothing),
            Answer::new(404, "Nobody has a licence pending.", Shape::Any),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(plan): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<StatusCode, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&caller)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&caller, portfolio.as_ref())?;
    let body = body?;
    let mut fields = Fields::new(&body);
    let words = Words::parse(&mut fields);
    fields.finish()?;
    let (portfolio, plan) = plan::found(portfolio.as_ref(), plan)?;
    send_to_all(&context, &caller, portfolio, plan, LicenseFilter::default(), words).await
}
