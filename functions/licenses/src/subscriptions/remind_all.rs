//! `POST /api/v1/subscriptions/{plan}/licenses/remind-all/`: reminds every learner of the plan who has not activated.
//! 204, or 404 if there is none. The body may contain `greeting` and `closing`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ADMINS, ApiError, Body, Doc, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{CLOSING, GREETING, ResponseDoc, Shape},
    id,
};
use license_domain::PlanId;

use crate::{
    Context, plan,
    subscriptions::remind::{MailTexts, send_to_all},
};

body! {
    /// The texts of a reminder.
    pub struct RemindAllBody {
        greeting: Option<String> = GREETING,
        closing: Option<String> = CLOSING,
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/remind-all/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Remind all learners who have not activated",
        query: &[],
        body: RemindAllBody::FIELDS,
        answers: &[
            ResponseDoc::new(204, "They are reminded.", Shape::Nothing),
            ResponseDoc::new(404, "No learner has a license that is not activated.", Shape::Any),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<StatusCode, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&requester, portfolio.as_ref())?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let RemindAllBody { greeting, closing } = RemindAllBody::read(&body?)?;
    let words = MailTexts::new(greeting, closing);
    let (portfolio, plan) = plan::found_or_text(portfolio.as_ref(), plan)?;
    send_to_all(&context, &requester, portfolio, plan, words).await
}
