//! `GET`, `PUT`, `PATCH` and `DELETE /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/`. PUT, like
//! PATCH, keeps fields that are left out; unknown fields, and fields that cannot be changed, are refused. While a
//! renewal is being processed it can be neither changed nor deleted: 422.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{
    ApiError, Body, Change, Complaints, Conditions, Doc, Field, PROVISIONERS, Requester, RequiredPermission, Route,
    RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    etag, wire,
};
use license_domain::{LicenseTypesToCopy, PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal, Timestamp};
use license_storage::{Attempt, RenewalError};

use crate::{
    Context,
    subscription_plan_renewals::create::{
        DISABLE_AUTO_APPLY, EFFECTIVE_DATE, EXEMPT, LICENSE_TYPES_TO_COPY, NUMBER_OF_LICENSES, RENEWED_EXPIRATION_DATE,
        RENEWED_PLAN, RENEWED_PLAN_TITLE, SALE,
    },
};

const PATH: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/";
pub(crate) const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans };

pub const GET: Route = Route {
    method: "GET",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Get a renewal",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>))],
    },
};
/// PUT has the meaning of PATCH.
pub const PUT: Route = PATCH.by("PUT");
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a renewal; what is left out stays",
        query: &[],
        body: PatchBody::FIELDS,
        answers: &[
            ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>)),
            ResponseDoc::new(422, "Another renewal leads to the plan, or it is being processed.", Shape::Text),
        ],
    },
};
pub const DELETE: Route = Route {
    method: "DELETE",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Delete a renewal",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(204, "It is deleted.", Shape::Nothing),
            ResponseDoc::new(422, "It is being processed.", Shape::Text),
        ],
    },
};

/// The line item can be changed, but not removed.
const SALE_THAT_STAYS: Field = Field { is_nullable: false, ..SALE.optional() };

body! {
    /// A change of a renewal. Fields that are left out stay.
    struct PatchBody {
        #[serde(default)]
        renewed_subscription_plan: Change<PlanId> = RENEWED_PLAN,
        #[serde(default)]
        salesforce_opportunity_id: Option<String> = SALE_THAT_STAYS,
        number_of_licenses: Option<u64> = NUMBER_OF_LICENSES.optional(),
        effective_date: Option<Timestamp> = EFFECTIVE_DATE.optional(),
        renewed_expiration_date: Option<Timestamp> = RENEWED_EXPIRATION_DATE.optional(),
        #[serde(default)]
        renewed_plan_title: Change<String> = RENEWED_PLAN_TITLE,
        license_types_to_copy: Option<LicenseTypesToCopy> = LICENSE_TYPES_TO_COPY,
        disable_auto_apply_licenses: Option<bool> = DISABLE_AUTO_APPLY,
        exempt_from_batch_processing: Option<bool> = EXEMPT,
    }
}

pub(crate) fn not_found() -> ApiError {
    ApiError::not_found("SubscriptionPlanRenewal")
}

fn under_way() -> ApiError {
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "The renewal is being processed.")
}

/// Reads the number after the requester was authorized.
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

/// The renewal with the changes in the body.
fn changed(
    context: &Context,
    body: &Body,
    portfolio: &Portfolio,
    before: &SubscriptionPlanRenewal,
) -> Result<SubscriptionPlanRenewal, ApiError> {
    let others = body.0.keys().filter(|name| PatchBody::FIELDS.iter().all(|field| field.name != *name));
    let mut complaints = Complaints::default();
    others.for_each(|name| complaints.add("non_field_errors", format!("{name} cannot be changed.")));
    let change = match (complaints.finish(), PatchBody::read(body)) {
        (Ok(()), Ok(change)) => change,
        (Err(complaints), Err(others)) => return Err(complaints.with(others).into()),
        (Err(complaints), _) | (_, Err(complaints)) => return Err(complaints.into()),
    };
    if let Change::To(Some(plan)) = change.renewed_subscription_plan
        && (portfolio.plan(plan).is_none() || plan == before.prior_subscription_plan)
    {
        let text = format!("{plan} is no other plan of the same customer agreement.");
        return Err(Complaints::of("non_field_errors", text).into());
    }
    let before = before.clone();
    let after = SubscriptionPlanRenewal {
        renewed_subscription_plan: change.renewed_subscription_plan.over(before.renewed_subscription_plan),
        salesforce_opportunity_id: change.salesforce_opportunity_id.or(before.salesforce_opportunity_id),
        number_of_licenses: change.number_of_licenses.unwrap_or(before.number_of_licenses),
        effective_date: change.effective_date.unwrap_or(before.effective_date),
        renewed_expiration_date: change.renewed_expiration_date.unwrap_or(before.renewed_expiration_date),
        renewed_plan_title: change.renewed_plan_title.over(before.renewed_plan_title),
        license_types_to_copy: change.license_types_to_copy.unwrap_or(before.license_types_to_copy),
        disable_auto_apply_licenses: change.disable_auto_apply_licenses.unwrap_or(before.disable_auto_apply_licenses),
        exempt_from_batch_processing: change
            .exempt_from_batch_processing
            .unwrap_or(before.exempt_from_batch_processing),
        modified: context.app.now(),
        ..before
    };
    check_dates(portfolio, &after)?;
    Ok(after)
}

/// Checks that the future plan begins after the prior one has begun, and ends after its own beginning.
fn check_dates(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal) -> Result<(), Complaints> {
    let prior = portfolio.plan(renewal.prior_subscription_plan);
    if prior.is_some_and(|prior| renewal.effective_date < prior.start_date) {
        let text = "The effective date is before the start of the prior subscription plan.";
        return Err(Complaints::of("effective_date", text));
    }
    if renewal.renewed_expiration_date <= renewal.effective_date {
        let text = "The expiration date must be after the effective date.";
        return Err(Complaints::of("renewed_expiration_date", text));
    }
    Ok(())
}
