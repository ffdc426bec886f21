//! `GET`, `PUT`, `PATCH` and `DELETE /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/`. PUT, like PATCH,
//! leaves what it does not name; a field that there is not, or that cannot be changed, is refused. While a renewal is
//! being processed it is neither changed nor deleted: 422.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{
    ApiError, Body, Conditions, Doc, Fields, PROVISIONERS, Presence, Requester, RequiredPermission, Route, RouteAccess,
    Text,
    doc::{self, ResponseDoc, Shape},
    etag, wire,
};
use license_domain::{
    PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal,
    maxima::{MAX_LINE_ITEM, MAX_TITLE},
};
use license_storage::{Attempt, RenewalError};

use crate::{Context, change::Change, subscription_plan_renewals::create::FIELDS as CREATED};

const PATH: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/";
pub(crate) const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans };

/// One renewal.
pub const GET: Route = Route {
    method: "GET",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "A renewal",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>))],
    },
};
/// Changing it.
pub const PUT: Route = PATCH.by("PUT");
/// Changing it.
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Changes a renewal; what is left out stays",
        query: &[],
        body: &doc::optional_from(doc::without_first::<10, 9>(CREATED), 0),
        answers: &[
            ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>)),
            ResponseDoc::new(422, "Another renewal leads to the plan, or it is being processed.", Shape::Text),
        ],
    },
};
/// Deleting it.
pub const DELETE: Route = Route {
    method: "DELETE",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Deletes a renewal",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(204, "It is deleted.", Shape::Nothing),
            ResponseDoc::new(422, "It is being processed.", Shape::Text),
        ],
    },
};

/// What can be changed.
const FIELDS: [&str; 9] = [
    "renewed_subscription_plan",
    "salesforce_opportunity_id",
    "number_of_licenses",
    "effective_date",
    "renewed_expiration_date",
    "renewed_plan_title",
    "license_types_to_copy",
    "disable_auto_apply_licenses",
    "exempt_from_batch_processing",
];

pub(crate) fn not_found() -> ApiError {
    ApiError::not_found("SubscriptionPlanRenewal")
}

fn under_way() -> ApiError {
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "The renewal is being processed.")
}

/// Reads the number after the caller is known to be allowed.
pub(crate) fn number(requester: &Requester, text: &str) -> Result<RenewalId, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    text.parse().map(RenewalId).map_err(|_| ApiError::malformed())
}

async fn find(context: &Context, id: RenewalId) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
    let portfolio = context.renewals.portfolio_of_renewal(id).await?.ok_or_else(not_found)?;
    let renewal = portfolio.renewals.iter().find(|renewal| renewal.id == id).cloned().ok_or_else(not_found)?;
    Ok((portfolio, renewal))
}

pub async fn get(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
) -> Result<Response, ApiError> {
    let (portfolio, renewal) = find(&context, number(&requester, &renewal)?).await?;
    Ok(conditions.read(renewal.modified, wire::Renewal::new(&portfolio, &renewal)))
}

pub async fn update(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let id = number(&requester, &renewal)?;
    if let Some(renewal) = requester.recorded::<SubscriptionPlanRenewal>().await? {
        let (portfolio, _) = find(&context, id).await?;
        return Ok(updated(&portfolio, &renewal));
    }
    let body = &body?;
    let attempt = || async {
        let (portfolio, before) = find(&context, id).await?;
        conditions.check(before.modified)?;
        let after = changed(&context, body, &portfolio, &before)?;
        let change = requester.change("update-renewal").await?.recording(&after);
        match context.renewals.update_renewal(&portfolio, &before, &after, &change).await {
            Ok(()) => Ok(Attempt::Done(updated(&portfolio, &after))),
            Err(RenewalError::Changed) => Ok(Attempt::Retry(())),
            Err(RenewalError::UnderWay) => Err(under_way()),
            Err(RenewalError::Taken) => {
                let text = "Another renewal leads to that plan.";
                Err(ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, text))
            }
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("update renewal", attempt).await
}

fn updated(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal) -> Response {
    etag::changed(StatusCode::OK, renewal.modified, wire::Renewal::new(portfolio, renewal))
}

pub async fn delete(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = number(&requester, &renewal)?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let attempt = || async {
        let (portfolio, renewal) = find(&context, id).await?;
        conditions.check(renewal.modified)?;
        let change = requester.change("delete-renewal").await?;
        match context.renewals.delete_renewal(&portfolio, &renewal, &change).await {
            Ok(()) => Ok(Attempt::Done(StatusCode::NO_CONTENT)),
            Err(RenewalError::Changed | RenewalError::Taken) => Ok(Attempt::Retry(())),
            Err(RenewalError::UnderWay) => Err(under_way()),
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("delete renewal", attempt).await
}

/// The renewal with the changes that the body names.
fn changed(
    context: &Context,
    body: &Body,
    portfolio: &Portfolio,
    before: &SubscriptionPlanRenewal,
) -> Result<SubscriptionPlanRenewal, ApiError> {
    let mut fields = Fields::new(body);
    for name in body.0.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        fields.fail(name, "This field cannot be changed.");
    }
    let there = |name: &str| body.0.contains_key(name);
    let text = |max| Text { presence: Presence::Nullable, blank: false, max };
    let renewed = fields.uuid("renewed_subscription_plan", Presence::Nullable).map(PlanId);
    let sale = fields.text("salesforce_opportunity_id", text(MAX_LINE_ITEM));
    let licenses = fields.integer("number_of_licenses", Presence::Optional, Some(1), None);
    let effective_date = fields.datetime("effective_date", Presence::Optional);
    let renewed_expiration_date = fields.datetime("renewed_expiration_date", Presence::Optional);
    let title = fields.text("renewed_plan_title", text(MAX_TITLE));
    let license_types_to_copy = fields.choice("license_types_to_copy", Presence::Optional);
    let disable_auto_apply = fields.boolean("disable_auto_apply_licenses", Presence::Optional);
    let exempt = fields.boolean("exempt_from_batch_processing", Presence::Optional);
    if let Some(plan) = renewed
        && (portfolio.plan(plan).is_none() || plan == before.prior_subscription_plan)
    {
        fields.fail("renewed_subscription_plan", format!("Invalid pk \"{plan}\" - object does not exist."));
    }
    fields.finish()?;
    let before = before.clone();
    let licenses = licenses.map(|licenses| u64::try_from(licenses).expect("the field is 1 at least"));
    Ok(SubscriptionPlanRenewal {
        renewed_subscription_plan: Change::new(there("renewed_subscription_plan"), renewed)
            .over(before.renewed_subscription_plan),
        salesforce_opportunity_id: Change::new(there("salesforce_opportunity_id"), sale)
            .over(before.salesforce_opportunity_id),
        number_of_licenses: licenses.unwrap_or(before.number_of_licenses),
        effective_date: effective_date.unwrap_or(before.effective_date),
        renewed_expiration_date: renewed_expiration_date.unwrap_or(before.renewed_expiration_date),
        renewed_plan_title: Change::new(there("renewed_plan_title"), title).over(before.renewed_plan_title),
        license_types_to_copy: license_types_to_copy.unwrap_or(before.license_types_to_copy),
        disable_auto_apply_licenses: disable_auto_apply.unwrap_or(before.disable_auto_apply_licenses),
        exempt_from_batch_processing: exempt.unwrap_or(before.exempt_from_batch_processing),
        modified: context.app.now(),
        ..before
    })
}
