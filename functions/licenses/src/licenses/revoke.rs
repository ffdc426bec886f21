//! `POST /licenses/revoke/`: as [`crate::bulk_revoke`], with the plan in the body; or the licenses by their ids, all of
//! one plan.
//!
//! ```json
//! {"subscription_plan": "…", "user_emails": ["ann@example.com"]}
//! {"licenses": ["11110000-…", "11110001-…"]}
//! ```

use axum::{extract::State, response::Response};
use futures::{StreamExt, TryStreamExt, stream};
use license_api::{
    ADMINS, ApiError, Body, Doc, Fields, Presence, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Kind, Param, ResponseDoc, Shape},
};
use license_domain::{EmailAddress, LicenseId, PlanId};
use serde_json::Value;

use crate::{
    Context, plan,
    recipients::Meant,
    subscriptions::bulk_revoke::{self, UnknownLicense},
};

/// Revoking.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/licenses/revoke/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Revokes licenses",
        query: &[],
        body: &[
            Param::optional("subscription_plan", Kind::Uuid, "The plan; may be left out where licenses are named."),
            doc::USER_EMAILS,
            doc::FILTERS,
            Param::optional("licenses", Kind::Uuids, "The licenses, at most 1,000 of one plan, in place of learners."),
        ],
        answers: &[
            ResponseDoc::new(200, "All are revoked.", Shape::Of(doc::schema::<bulk_revoke::BulkRevokeResponse>)),
            ResponseDoc::new(207, "Some are revoked.", Shape::Of(doc::schema::<bulk_revoke::BulkRevokeResponse>)),
            ResponseDoc::new(
                400,
                "The body is not valid, or the cap does not allow it: nobody was revoked.",
                Shape::Complaints,
            ),
            ResponseDoc::new(404, "Nobody named holds a license, or there is no such plan.", Shape::Any),
        ],
    },
};
/// The same where the product's own description names it.
pub const ALIAS: Route = ROUTE.at("/licenses/revoke/");

/// The most licenses that are named by their ids.
const MAX: usize = 1_000;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    plan::require_some_role(&requester)?;
    let body = body?;
    let mut fields = Fields::new(&body);
    if !fields.has("licenses") {
        let plan = fields.uuid("subscription_plan", Presence::Required).map(PlanId);
        let meant = Meant::parse(&mut fields);
        fields.finish()?;
        return match (plan, meant) {
            (Some(plan), Some(meant)) => bulk_revoke::revoke(&context, &requester, plan, Ok(meant), Vec::new()).await,
            _ => Err(ApiError::malformed()),
        };
    }
    let named = fields.uuid("subscription_plan", Presence::Nullable).map(PlanId);
    let licenses = fields.list("licenses", Presence::Required, false, license).unwrap_or_default();
    if fields.has("user_emails") || fields.has("filters") {
        fields.fail("non_field_errors", "Either licenses or user_emails must be provided, but not both.");
    }
    if licenses.len() > MAX {
        fields.fail("licenses", format!("Ensure this field has no more than {MAX} elements."));
    }
    let found = if fields.is_valid() {
        find(&context, &requester, &licenses, named).await?
    } else {
        LicenseToRevoke::default()
    };
    if found.is_of_several_plans {
        fields.fail("licenses", "All of them must be licenses of one plan.");
    }
    fields.finish()?;
    match found.plan.or(found.plan_without_live).or(named) {
        Some(plan) => {
            let meant = Ok(Meant::Learners(found.learners));
            bulk_revoke::revoke(&context, &requester, plan, meant, found.unknown).await
        }
        // None of them is one that the caller could know of.
        None => Ok(bulk_revoke::none(&found.unknown)),
    }
}

/// How many licenses are looked up at once, at most.
const PARALLEL: usize = 8;

/// An id in the list.
fn license(value: &Value) -> Result<LicenseId, String> {
    value.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| "Must be a valid UUID.".to_owned())
}

#[derive(Default)]
struct LicenseToRevoke {
    plan: Option<PlanId>,
    /// A plan of which only licenses are named that are not live, such as those that an earlier attempt has revoked.
    plan_without_live: Option<PlanId>,
    is_of_several_plans: bool,
    learners: Vec<EmailAddress>,
    unknown: Vec<UnknownLicense>,
}

/// Who holds these licenses. One that does not exist, is another customer's, of another plan than the one that is
/// named, or nobody's, is not known.
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
