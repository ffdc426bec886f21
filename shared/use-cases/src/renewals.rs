//! Renewals: new ones and changes.

use axum::http::StatusCode;
use license_api::{
    ApiError, Body, Change, Complaints, Conditions, Field, Requester, body,
    fields::{BOOLEAN, Format, MOMENT, UUID, integer, one_of, text},
};
use license_domain::{
    LicenseTypesToCopy, PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal, Timestamp,
    maxima::{MAX_LINE_ITEM, MAX_TITLE, MIN_SOURCE_ID},
};
use license_storage::{Attempt, RenewalError, RenewalOutcome};
use serde_json::json;

use crate::Provisioning;

const COPIES: Format = one_of(|| LicenseTypesToCopy::ALL.iter().map(|types| types.as_str().to_owned()).collect());

/// The future plan.
pub const RENEWED_PLAN: Field =
    Field::new(UUID, "The plan that follows; made by processing, if left out.").nullable().optional();
/// Line items of the sales system have 18 characters.
const LINE_ITEM: Format = Format::Text { min: MIN_SOURCE_ID, max: MAX_LINE_ITEM, takes_numbers: true };

/// What the future plan is sold under.
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
    /// A new renewal.
    pub struct CreateBody {
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

/// It can be changed, and not be taken away.
const SALE_THAT_STAYS: Field = Field { is_nullable: false, ..SALE.optional() };

body! {
    /// A change to a renewal. What is left out stays as it is.
    pub struct PatchBody {
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

/// The outcome of a request for a renewal.
#[derive(Debug)]
pub enum Created {
    New(Portfolio, SubscriptionPlanRenewal),
    /// The renewal of exactly these plans exists already.
    There(Portfolio, SubscriptionPlanRenewal),
    /// One of the plans has this other renewal.
    Rival(Portfolio, SubscriptionPlanRenewal),
}

/// Puts a new renewal on record, as the body has it.
pub async fn create(
    context: &Provisioning,
    requester: &Requester,
    body: Result<Body, ApiError>,
) -> Result<Created, ApiError> {
    if let Some(RenewalOutcome { renewal, is_new }) = requester.recorded().await? {
        let portfolio = context.portfolios.portfolio(renewal.customer_agreement).await?;
        let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
        return Ok(if is_new { Created::New(portfolio, renewal) } else { Created::There(portfolio, renewal) });
    }
    let body = &body?;
    let attempt = || async {
        let (portfolio, mut renewal) = draft(context, body).await?;
        if let Some(there) = rival(&portfolio, &renewal).cloned() {
            if !is_same(&there, &renewal) {
                return Ok(Attempt::Done(Created::Rival(portfolio, there)));
            }
            let outcome = RenewalOutcome { renewal: there, is_new: false };
            requester.record(&requester.change("create-renewal").await?.recording(&outcome)).await?;
            return Ok(Attempt::Done(Created::There(portfolio, outcome.renewal)));
        }
        renewal.id = context.renewals.next_renewal_id().await?;
        let outcome = RenewalOutcome { renewal, is_new: true };
        let change = requester.change("create-renewal").await?.recording(&outcome);
        match context.renewals.create_renewal(&portfolio, &outcome.renewal, &change).await {
            Ok(()) => Ok(Attempt::Done(Created::New(portfolio, outcome.renewal))),
            // Another request was faster: look again what is there.
            Err(RenewalError::Taken | RenewalError::Changed | RenewalError::UnderWay) => Ok(Attempt::Retry(())),
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("create renewal", attempt).await
}

/// 404: there is no such renewal.
pub fn not_found() -> ApiError {
    ApiError::not_found("SubscriptionPlanRenewal")
}

/// 422: it is being processed.
pub fn under_way() -> ApiError {
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "The renewal is being processed.")
}

/// The renewal of that number with its agreement.
pub async fn find(context: &Provisioning, id: RenewalId) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
    let portfolio = context.renewals.portfolio_of_renewal(id).await?.ok_or_else(not_found)?;
    let renewal = portfolio.renewals.iter().find(|renewal| renewal.id == id).cloned().ok_or_else(not_found)?;
    Ok((portfolio, renewal))
}

/// Changes a renewal: the renewal as it is then, with its agreement.
pub async fn update(
    context: &Provisioning,
    requester: &Requester,
    conditions: &Conditions,
    id: RenewalId,
    body: Result<Body, ApiError>,
) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
    if let Some(renewal) = requester.recorded::<SubscriptionPlanRenewal>().await? {
        let (portfolio, _) = find(context, id).await?;
        return Ok((portfolio, renewal));
    }
    let body = &body?;
    let attempt = || async {
        let (portfolio, before) = find(context, id).await?;
        conditions.check(before.modified)?;
        let after = changed(context, body, &portfolio, &before)?;
        let change = requester.change("update-renewal").await?.recording(&after);
        match context.renewals.update_renewal(&portfolio, &before, &after, &change).await {
            Ok(()) => Ok(Attempt::Done((portfolio, after))),
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

/// The renewal with the changes that the body names.
pub fn changed(
    context: &Provisioning,
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

/// The future plan begins within the prior one, or later, and ends after it has begun.
pub fn check_dates(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal) -> Result<(), Complaints> {
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

/// The existing renewal that excludes the wanted one.
pub fn rival<'a>(portfolio: &'a Portfolio, wanted: &SubscriptionPlanRenewal) -> Option<&'a SubscriptionPlanRenewal> {
    let leaves = |there: &&SubscriptionPlanRenewal| there.prior_subscription_plan == wanted.prior_subscription_plan;
    let enters = |there: &&SubscriptionPlanRenewal| {
        wanted.renewed_subscription_plan.is_some()
            && there.renewed_subscription_plan == wanted.renewed_subscription_plan
    };
    let renewals = &portfolio.renewals;
    renewals.iter().find(leaves).or_else(|| renewals.iter().find(enters))
}

fn is_same(there: &SubscriptionPlanRenewal, wanted: &SubscriptionPlanRenewal) -> bool {
    let plans =
        |renewal: &SubscriptionPlanRenewal| (renewal.prior_subscription_plan, renewal.renewed_subscription_plan);
    plans(there) == plans(wanted)
}

/// The renewal as the body has it, with the agreement of its plans; it has no number yet.
pub async fn draft(context: &Provisioning, body: &Body) -> Result<(Portfolio, SubscriptionPlanRenewal), ApiError> {
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

/// The complaint about a plan that is not one of the agreement's, or is the wrong one.
pub fn unknown(field: &str, plan: PlanId) -> Complaints {
    Complaints::of(field, format!("Invalid pk \"{plan}\" - object does not exist."))
}
