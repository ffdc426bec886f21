//! `POST /api/v1/provisioning-admins/subscription-plan-renewals/`: a plan is to be renewed.
//!
//! ```json
//! {"prior_subscription_plan": "…", "renewed_subscription_plan": "…", "salesforce_opportunity_id": "00k…",
//!  "number_of_licenses": 500, "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z"}
//! ```
//! Created: 201. The renewal of just these two plans is there already: 200 with it. One of the plans has another
//! renewal: 422 with that one.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Fields, PROVISIONERS, Presence, Requester, RequiredPermission, Route, RouteAccess, Text,
    doc::{self, Kind, Param, Shape},
    wire,
};
use license_domain::{
    PlanId, Portfolio, SubscriptionPlanRenewal,
    maxima::{MAX_LINE_ITEM, MAX_TITLE},
};
use license_storage::{Attempt, RenewalError, RenewalOutcome};

use serde_json::json;

use crate::Context;

/// The fields of a renewal; the first one does not change.
pub const FIELDS: [Param; 10] = [
    Param::required("prior_subscription_plan", Kind::Uuid, "The plan that ends."),
    Param::optional(
        "renewed_subscription_plan",
        Kind::OptionalUuid,
        "The plan that follows; made by processing, if left out.",
    ),
    Param::required(
        "salesforce_opportunity_id",
        Kind::OptionalText(MAX_LINE_ITEM),
        "The line item that the future plan is sold under.",
    ),
    Param::required("number_of_licenses", Kind::Integer(1), "How many licenses the future plan gets."),
    Param::required("effective_date", Kind::Moment, "When the future plan starts."),
    Param::required("renewed_expiration_date", Kind::Moment, "When it ends."),
    Param::optional("renewed_plan_title", Kind::OptionalText(MAX_TITLE), "Its title."),
    Param::optional(
        "license_types_to_copy",
        Kind::OneOf(&["assigned_and_activated", "activated", "nothing"]),
        "Which licenses are carried over.",
    ),
    Param::optional("disable_auto_apply_licenses", Kind::Boolean, "Whether auto-apply ends with the prior plan."),
    Param::optional("exempt_from_batch_processing", Kind::Boolean, "Whether the schedule leaves it alone."),
];

/// A new renewal.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Makes a renewal",
        query: &[],
        body: &FIELDS,
        answers: &[
            doc::ResponseDoc::new(201, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>)),
            doc::ResponseDoc::new(
                200,
                "The renewal of just these plans, which was there.",
                Shape::Of(doc::schema::<wire::Renewal>),
            ),
            doc::ResponseDoc::new(
                422,
                "The other renewal that one of the plans has.",
                Shape::Of(doc::schema::<wire::Renewal>),
            ),
        ],
    },
};

type RenewalResponse = (StatusCode, Json<wire::Renewal>);

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<RenewalResponse, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    if let Some(RenewalOutcome { renewal, is_new }) = requester.recorded().await? {
        let portfolio = context.portfolios.portfolio(renewal.customer_agreement).await?;
        let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        return Ok((status, Json(wire::Renewal::new(&portfolio, &renewal))));
    }
    let body = &body?;
    let attempt = || async {
        let (portfolio, mut renewal) = parse(&context, body).await?;
        if let Some(there) = rival(&portfolio, &renewal) {
            let status = status_of(there, &renewal);
            if status.is_success() {
                let outcome = RenewalOutcome { renewal: there.clone(), is_new: false };
                requester.record(&requester.change("create-renewal").await?.recording(&outcome)).await?;
            }
            return Ok(Attempt::Done((status, Json(wire::Renewal::new(&portfolio, there)))));
        }
        renewal.id = context.renewals.next_renewal_id().await?;
        let outcome = RenewalOutcome { renewal, is_new: true };
        let change = requester.change("create-renewal").await?.recording(&outcome);
        match context.renewals.create_renewal(&portfolio, &outcome.renewal, &change).await {
            Ok(()) => {
                let response = wire::Renewal::new(&portfolio, &outcome.renewal);
                Ok(Attempt::Done((StatusCode::CREATED, Json(response))))
            }
            // Another request was faster: look again what is there.
            Err(RenewalError::Taken | RenewalError::Changed | RenewalError::UnderWay) => Ok(Attempt::Retry(())),
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("create renewal", attempt).await
}

/// The renewal that stands in the way.
fn rival<'a>(portfolio: &'a Portfolio, wanted: &SubscriptionPlanRenewal) -> Option<&'a SubscriptionPlanRenewal> {
    let leaves = |there: &&SubscriptionPlanRenewal| there.prior_subscription_plan == wanted.prior_subscription_plan;
    let enters = |there: &&SubscriptionPlanRenewal| {
        wanted.renewed_subscription_plan.is_some()
            && there.renewed_subscription_plan == wanted.renewed_subscription_plan
    };
    let renewals = &portfolio.renewals;
    renewals.iter().find(leaves).or_else(|| renewals.iter().find(enters))
}

fn status_of(there: &SubscriptionPlanRenewal, wanted: &SubscriptionPlanRenewal) -> StatusCode {
    let plans =
        |renewal: &SubscriptionPlanRenewal| (renewal.prior_subscription_plan, renewal.renewed_subscription_plan);
    if plans(there) == plans(wanted) { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// The renewal as the body has it, with the agreement of its plans; it has no number yet.
async fn parse(context: &Context, body: &Body) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
    let mut fields = Fields::new(body);
    let text = |presence, max| Text { presence, blank: false, max };
    let prior = fields.uuid("prior_subscription_plan", Presence::Required).map(PlanId);
    let renewed = fields.uuid("renewed_subscription_plan", Presence::Nullable).map(PlanId);
    let sale = fields.text("salesforce_opportunity_id", text(Presence::RequiredNullable, MAX_LINE_ITEM));
    let licenses = fields.integer("number_of_licenses", Presence::Required, Some(1), None);
    let effective_date = fields.datetime("effective_date", Presence::Required);
    let renewed_expiration_date = fields.datetime("renewed_expiration_date", Presence::Required);
    let renewed_plan_title = fields.text("renewed_plan_title", text(Presence::Nullable, MAX_TITLE));
    let license_types_to_copy = fields.choice("license_types_to_copy", Presence::Optional).unwrap_or_default();
    let disable_auto_apply_licenses =
        fields.boolean("disable_auto_apply_licenses", Presence::Optional).unwrap_or_default();
    let exempt_from_batch_processing =
        fields.boolean("exempt_from_batch_processing", Presence::Optional).unwrap_or_default();

    // Whether the plans are there is looked at once the rest is right.
    let portfolio = match prior.filter(|_| fields.is_valid()) {
        Some(plan) => context.portfolios.portfolio_of_plan(plan).await?,
        None => None,
    };
    let unknown = |plan: PlanId| format!("Invalid pk \"{plan}\" - object does not exist.");
    match (prior.filter(|_| fields.is_valid()), &portfolio) {
        (Some(plan), None) => fields.fail("prior_subscription_plan", unknown(plan)),
        (_, Some(portfolio)) => {
            if let Some(plan) = renewed.filter(|plan| portfolio.plan(*plan).is_none() || Some(*plan) == prior) {
                fields.fail("renewed_subscription_plan", unknown(plan));
            }
        }
        (None, None) => {}
    }
    fields.finish()?;
    let now = context.app.now();
    let renewal = (|| {
        let portfolio = portfolio?;
        let renewal = SubscriptionPlanRenewal {
            id: license_domain::RenewalId(0),
            customer_agreement: portfolio.agreement.uuid,
            prior_subscription_plan: prior?,
            renewed_subscription_plan: renewed,
            salesforce_opportunity_id: sale,
            number_of_licenses: u64::try_from(licenses?).ok()?,
            effective_date: effective_date?,
            renewed_expiration_date: renewed_expiration_date?,
            processed: false,
            processed_datetime: None,
            renewed_plan_title,
            license_types_to_copy,
            disable_auto_apply_licenses,
            exempt_from_batch_processing,
            created: now,
            modified: now,
        };
        Some((portfolio, renewal))
    })();
    // Each of these is there, as nothing was complained about.
    renewal.ok_or_else(|| ApiError::json(StatusCode::BAD_REQUEST, json!({ "non_field_errors": ["Invalid data."] })))
}
