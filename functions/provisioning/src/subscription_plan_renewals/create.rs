//! `POST /api/v1/provisioning-admins/subscription-plan-renewals/`: creates a renewal of a plan.
//!
//! ```json
//! {"prior_subscription_plan": "…", "renewed_subscription_plan": "…", "salesforce_opportunity_id": "00k…",
//!  "number_of_licenses": 500, "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z"}
//! ```
//! 201 if it was created; 200 if these two plans have this renewal already; 422 with the other renewal if one of the
//! plans has another one.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Complaints, Doc, Field, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, Shape},
    fields::{BOOLEAN, Format, MOMENT, UUID, integer, one_of, text},
    wire,
};
use license_domain::{
    LicenseTypesToCopy, PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal, Timestamp,
    maxima::{MAX_LINE_ITEM, MAX_TITLE, MIN_SOURCE_ID},
};
use license_storage::{Attempt, RenewalError, RenewalOutcome};

use serde_json::json;

use crate::Context;

const COPIES: Format = one_of(|| LicenseTypesToCopy::ALL.iter().map(|types| types.as_str().to_owned()).collect());

/// The future plan.
pub const RENEWED_PLAN: Field =
    Field::new(UUID, "The plan that follows; made by processing, if left out.").nullable().optional();
/// Line items in Salesforce have 18 characters.
const LINE_ITEM: Format = Format::Text { min: MIN_SOURCE_ID, max: MAX_LINE_ITEM, takes_numbers: true };

/// The line item under which the future plan is sold.
pub const SALE: Field = Field::new(LINE_ITEM, "The line item that the future plan is sold under.")
    .nullable()
    .example(|| json!("00k000000000000002"));
/// The future plan's licenses.
pub const NUMBER_OF_LICENSES: Field =
    Field::new(integer(1, i64::MAX), "How many licenses the future plan gets.").example(|| json!(500));
/// The future plan's start.
pub const EFFECTIVE_DATE: Field =
    Field::new(MOMENT, "When the future plan starts.").example(|| json!("2028-01-01T00:00:00Z"));
/// The future plan's end.
pub const RENEWED_EXPIRATION_DATE: Field =
    Field::new(MOMENT, "When it ends.").example(|| json!("2029-01-01T00:00:00Z"));
/// The future plan's title.
pub const RENEWED_PLAN_TITLE: Field = Field::new(text(MAX_TITLE), "Its title.").nullable().optional();
/// Which licenses are copied.
pub const LICENSE_TYPES_TO_COPY: Field = Field::new(COPIES, "Which licenses are copied.").optional();
/// Whether auto-apply ends.
pub const DISABLE_AUTO_APPLY: Field = Field::new(BOOLEAN, "Whether auto-apply ends with the prior plan.").optional();
/// Whether the schedule leaves it alone.
pub const EXEMPT: Field = Field::new(BOOLEAN, "Whether the schedule leaves it alone.").optional();

body! {
    struct CreateBody {
        prior_subscription_plan: PlanId = Field::new(UUID, "The plan that ends."),
        renewed_subscription_plan: Option<PlanId> = RENEWED_PLAN,
        salesforce_opportunity_id: Option<String> = SALE,
        number_of_licenses: u64 = NUMBER_OF_LICENSES,
        effective_date: Timestamp = EFFECTIVE_DATE,
        renewed_expiration_date: Timestamp = RENEWED_EXPIRATION_DATE,
        renewed_plan_title: Option<String> = RENEWED_PLAN_TITLE,
        license_types_to_copy: LicenseTypesToCopy =
            LICENSE_TYPES_TO_COPY.default(|| json!(LicenseTypesToCopy::default().as_str())),
        disable_auto_apply_licenses: bool = DISABLE_AUTO_APPLY.default(|| json!(false)),
        exempt_from_batch_processing: bool = EXEMPT.default(|| json!(false)),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Create a renewal",
        query: &[],
        body: CreateBody::FIELDS,
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
            // Another request committed first: read again what is stored.
            Err(RenewalError::Taken | RenewalError::Changed | RenewalError::UnderWay) => Ok(Attempt::Retry(())),
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("create renewal", attempt).await
}

/// The existing renewal of one of the plans.
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

/// The renewal in the body, with the agreement of its plans; it has no number yet.
async fn parse(context: &Context, body: &Body) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
    let body = CreateBody::read(body)?;
    let (prior, renewed) = (body.prior_subscription_plan, body.renewed_subscription_plan);
    let portfolio = context.portfolios.portfolio_of_plan(prior).await?;
    let portfolio = portfolio.ok_or_else(|| unknown("prior_subscription_plan", prior))?;
    if let Some(plan) = renewed.filter(|plan| portfolio.plan(*plan).is_none() || *plan == prior) {
        return Err(unknown("renewed_subscription_plan", plan).into());
    }
    let now = context.app.now();
    let renewal = SubscriptionPlanRenewal {
        id: RenewalId(0),
        customer_agreement: portfolio.agreement.uuid,
        prior_subscription_plan: prior,
        renewed_subscription_plan: renewed,
        salesforce_opportunity_id: body.salesforce_opportunity_id,
        number_of_licenses: body.number_of_licenses,
        effective_date: body.effective_date,
        renewed_expiration_date: body.renewed_expiration_date,
        processed: false,
        processed_datetime: None,
        renewed_plan_title: body.renewed_plan_title,
        license_types_to_copy: body.license_types_to_copy,
        disable_auto_apply_licenses: body.disable_auto_apply_licenses,
        exempt_from_batch_processing: body.exempt_from_batch_processing,
        created: now,
        modified: now,
    };
    Ok((portfolio, renewal))
}

/// The complaint about a plan that does not belong to the agreement, or may not be used here.
pub fn unknown(field: &str, plan: PlanId) -> Complaints {
    Complaints::of(field, format!("Invalid pk \"{plan}\" - object does not exist."))
}
