//! `POST /licenses/revoke/`: as [`crate::bulk_revoke`], with the plan in the body; or with the licenses' ids, all of
//! one plan.
//!
//! ```json
//! {"subscription_plan": "…", "user_emails": ["ann@example.com"]}
//! {"licenses": ["11110000-…", "11110001-…"]}
//! ```

use axum::{extract::State, response::Response};
use futures::{StreamExt, TryStreamExt, stream};
use license_api::{
    ADMINS, ApiError, Body, Complaints, Doc, Field, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    fields::{UUID, list},
};
use license_domain::{EmailAddress, LicenseId, PlanId};
use serde_json::{Value, json};

use crate::{
    Context, plan,
    recipients::{EMAILS_OR_FILTERS, FILTERS, Recipients},
    subscriptions::bulk_revoke::{self, UnknownLicense},
};

/// The most ids of licenses in a request.
const MAX: usize = 1_000;

body! {
    /// The licenses to revoke.
    pub struct RevokeBody {
        subscription_plan: Option<PlanId> =
            Field::new(UUID, "The plan; may be left out where licenses are named.")
                .nullable()
                .optional()
                .example(|| json!("11110000-0000-4000-8000-000000000001")),
        user_emails: Option<Vec<EmailAddress>> = EMAILS_OR_FILTERS,
        filters: Option<Vec<Value>> = FILTERS,
        licenses: Option<Vec<LicenseId>> =
            Field::new(list(&UUID).at_most(MAX), "The licenses, all of one plan, in place of learners.").optional(),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/licenses/revoke/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Revoke licenses",
        query: &[],
        body: RevokeBody::FIELDS,
        answers: &[
            ResponseDoc::new(200, "All are revoked.", Shape::Of(doc::schema::<bulk_revoke::BulkRevokeResponse>)),
            ResponseDoc::new(207, "Some are revoked.", Shape::Of(doc::schema::<bulk_revoke::BulkRevokeResponse>)),
            ResponseDoc::new(
                400,
                "The body is not valid, or the cap does not allow it: no license was revoked.",
                Shape::Complaints,
            ),
            ResponseDoc::new(404, "None of the learners holds a license, or there is no such plan.", Shape::Any),
        ],
    },
};
pub const ALIAS: Route = ROUTE.at("/licenses/revoke/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    plan::require_some_role(&requester)?;
    let RevokeBody { subscription_plan: named, user_emails, filters, licenses } = RevokeBody::read(&body?)?;
    let Some(licenses) = licenses else {
        let plan = named.ok_or_else(|| Complaints::of("subscription_plan", "This field is required."))?;
        let recipients = Recipients::new(user_emails, filters)?;
        return bulk_revoke::revoke(&context, &requester, plan, Ok(recipients), Vec::new()).await;
    };
    if user_emails.is_some() || filters.is_some() {
        let complaint = "Either licenses or user_emails must be provided, but not both.";
        return Err(Complaints::of("non_field_errors", complaint).into());
    }
    let found = find(&context, &requester, &licenses, named).await?;
    if found.is_of_several_plans {
        return Err(Complaints::of("licenses", "All of them must be licenses of one plan.").into());
    }
    match found.plan.or(found.plan_without_live).or(named) {
        Some(plan) => {
            let recipients = Ok(Recipients::Learners(found.learners));
            bulk_revoke::revoke(&context, &requester, plan, recipients, found.unknown).await
        }
        // The requester may not know of any of these licenses.
        None => Ok(bulk_revoke::none(&found.unknown)),
    }
}

/// The most licenses that are read at the same time.
const PARALLEL: usize = 8;

#[derive(Default)]
struct LicenseToRevoke {
    plan: Option<PlanId>,
    /// The plan, if all given licenses are not live, for example because an earlier attempt has revoked them.
    plan_without_live: Option<PlanId>,
    is_of_several_plans: bool,
    learners: Vec<EmailAddress>,
    unknown: Vec<UnknownLicense>,
}

/// The learners who hold these licenses. A license is unknown if it does not exist, belongs to another customer or to
/// another plan than the given one, or has no learner.
async fn find(
    context: &Context,
    requester: &Requester,
    licenses: &[LicenseId],
    named: Option<PlanId>,
) -> Result<LicenseToRevoke, ApiError> {
    let mut found = LicenseToRevoke::default();
    let plans = licenses.iter().map(|license| context.licenses.plan_of(*license));
    let plans: Vec<Option<PlanId>> = stream::iter(plans.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await?;
    for (license, plan) in licenses.iter().zip(plans) {
        let plan = plan.filter(|plan| named.is_none_or(|named| named == *plan));
        let portfolio = match plan {
            Some(plan) => context.portfolios.portfolio_of_plan(plan).await?,
            None => None,
        };
        let reached = portfolio
            .filter(|portfolio| requester.access(ADMINS).includes(portfolio.agreement.enterprise_customer_uuid));
        if reached.is_some() {
            found.plan_without_live = found.plan_without_live.or(plan);
        }
        let row = match reached.as_ref().zip(plan).and_then(|(portfolio, plan)| portfolio.plan(plan)) {
            Some(plan) => context.licenses.license(plan, *license).await?,
            None => None,
        };
        let live = row.filter(|row| row.status.is_live());
        match live.and_then(|row| Some((row.subscription_plan, row.user_email?))) {
            Some((plan, email)) => {
                found.is_of_several_plans |= found.plan.is_some_and(|other| other != plan);
                found.plan = Some(plan);
                found.learners.push(email);
            }
            None => found.unknown.push(UnknownLicense(*license)),
        }
    }
    Ok(found)
}
