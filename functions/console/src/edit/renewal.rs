//! The form of a renewal.

use axum::http::StatusCode;
use license_api::{ApiError, Body, Conditions, Requester, etag};
use license_domain::{LicenseTypesToCopy, PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal};
use license_use_cases::renewals::{self, Created};
use serde_json::{Map, Value, json};

use super::{
    Draft, Subject,
    field::{Ask, Field, moment},
};
use crate::{Context, error::PageError, moment, plan};

fn fields(portfolio: &Portfolio, prior: PlanId) -> Vec<Field> {
    let others = portfolio.plans.iter().filter(|plan| plan.uuid != prior);
    let plans = std::iter::once((Value::Null, "a new plan, made by processing".to_owned()))
        .chain(others.map(|plan| (json!(plan.uuid), plan.title.clone())));
    let copies =
        LicenseTypesToCopy::ALL.iter().map(|copied| (json!(copied.as_str()), copied.as_str().replace('_', " ")));
    vec![
        Field::nullable("renewed_subscription_plan", "Plan that follows", "", Ask::OneOf(plans.collect())),
        Field::nullable(
            "salesforce_opportunity_id",
            "Salesforce line item",
            "18 characters; the future plan is sold under it.",
            Ask::Line,
        ),
        Field::new("number_of_licenses", "Licenses of the future plan", "1 or more.", Ask::Number),
        Field::new("effective_date", "Takes effect (UTC)", "When the future plan starts.", Ask::Moment),
        Field::new("renewed_expiration_date", "Future plan ends (UTC)", "", Ask::Moment),
        Field::nullable("renewed_plan_title", "Title of the future plan", "The usual one, if empty.", Ask::Line),
        Field::new("license_types_to_copy", "Licenses that are carried over", "", Ask::OneOf(copies.collect())),
        Field::new("disable_auto_apply_licenses", "Auto-apply ends with the prior plan", "", Ask::YesNo),
        Field::new("exempt_from_batch_processing", "The schedule leaves it alone", "", Ask::YesNo),
    ]
}

fn values(renewal: &SubscriptionPlanRenewal) -> Map<String, Value> {
    let values = json!({
        "renewed_subscription_plan": renewal.renewed_subscription_plan,
        "salesforce_opportunity_id": renewal.salesforce_opportunity_id,
        "number_of_licenses": renewal.number_of_licenses,
        "effective_date": moment(renewal.effective_date),
        "renewed_expiration_date": moment(renewal.renewed_expiration_date),
        "renewed_plan_title": renewal.renewed_plan_title,
        "license_types_to_copy": renewal.license_types_to_copy.as_str(),
        "disable_auto_apply_licenses": renewal.disable_auto_apply_licenses,
        "exempt_from_batch_processing": renewal.exempt_from_batch_processing,
    });
    let Value::Object(values) = values else { unreachable!("it is an object") };
    values
}

pub async fn of_new(context: &Context, prior: PlanId) -> Result<Subject, PageError> {
    let (portfolio, plan) = plan::find(context, &prior.to_string()).await?;
    let mut values = Map::new();
    for (name, value) in [
        ("number_of_licenses", json!(plan.desired_num_licenses.unwrap_or(plan.seats.total))),
        ("effective_date", moment(plan.expiration_date)),
        ("license_types_to_copy", json!(LicenseTypesToCopy::default().as_str())),
    ] {
        values.insert(name.to_owned(), value);
    }
    Ok(Subject {
        title: format!("Renew the plan “{}”", plan.title),
        back: (format!("/admin/plans/{prior}/"), plan.title),
        path: format!("/admin/plans/{prior}/renew/"),
        fields: fields(&portfolio, prior),
        values,
        version: None,
    })
}

pub async fn of_there(context: &Context, id: RenewalId) -> Result<Subject, PageError> {
    let (portfolio, renewal) = renewals::find(&context.provisioning, id).await?;
    let prior = renewal.prior_subscription_plan;
    let title = portfolio.plan(prior).map(|plan| plan.title.clone()).unwrap_or_default();
    Ok(Subject {
        title: format!("Change renewal {id}"),
        back: (format!("/admin/plans/{prior}/"), title),
        path: format!("/admin/renewals/{id}/change/"),
        fields: fields(&portfolio, prior),
        values: values(&renewal),
        version: Some(etag::version(renewal.modified)),
    })
}

fn with_prior(mut body: Map<String, Value>, prior: PlanId) -> Body {
    body.insert("prior_subscription_plan".to_owned(), json!(prior));
    Body::json(body)
}

fn rivaled(there: &SubscriptionPlanRenewal) -> ApiError {
    let text = format!("One of the plans has a renewal already, of the number {}.", there.id);
    ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, text)
}

pub async fn draft_of_new(context: &Context, prior: PlanId, body: Map<String, Value>) -> Result<Draft, ApiError> {
    let (portfolio, renewal) = renewals::draft(&context.provisioning, &with_prior(body, prior)).await?;
    if let Some(there) = renewals::rival(&portfolio, &renewal) {
        return Err(rivaled(there));
    }
    renewals::check_dates(&portfolio, &renewal)?;
    Ok(Draft { consequences: of(context, &portfolio, &renewal).await?, after: values(&renewal) })
}

pub async fn draft(context: &Context, id: RenewalId, body: Map<String, Value>) -> Result<Draft, ApiError> {
    let (portfolio, before) = renewals::find(&context.provisioning, id).await?;
    let after = renewals::changed(&context.provisioning, &Body::json(body), &portfolio, &before)?;
    Ok(Draft { consequences: of(context, &portfolio, &after).await?, after: values(&after) })
}

/// What processing the renewal would do, as far as can be said now.
pub async fn of(
    context: &Context,
    portfolio: &Portfolio,
    renewal: &SubscriptionPlanRenewal,
) -> Result<Vec<String>, ApiError> {
    let Some(prior) = portfolio.plan(renewal.prior_subscription_plan) else { return Ok(Vec::new()) };
    let given = renewal.renewed_subscription_plan.and_then(|plan| portfolio.plan(plan));
    let plans: Vec<_> = std::iter::once(prior).chain(given).collect();
    let counts = context.portfolios.seat_counts(&plans).await?;
    let of = |plan: PlanId| counts.get(&plan).copied().unwrap_or_default();
    let licenses = of(prior.uuid);
    let title = given.map_or_else(|| renewal.future_title(prior), |plan| plan.title.clone());
    let mut lines = vec![
        format!(
            "Nothing happens to licenses before {}, when the renewal is processed.",
            moment::utc(renewal.effective_date)
        ),
        format!("The plan “{title}” then has {} licenses.", renewal.number_of_licenses),
        format!(
            "{} licenses would be carried over, as they stand now.",
            renewal.license_types_to_copy.count(&licenses)
        ),
    ];
    let there = given.map(|plan| (plan, of(plan.uuid)));
    if let Err(refusal) = renewal.check((prior, &licenses), there.as_ref().map(|(plan, counts)| (*plan, counts))) {
        lines.push(format!("As things stand, processing would be refused. {refusal}"));
    }
    if renewal.effective_date <= context.app.now() {
        lines.push("The effective date is over: the schedule processes it at its next run.".to_owned());
    }
    Ok(lines)
}

pub async fn create(
    context: &Context,
    requester: Requester,
    prior: PlanId,
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let body = with_prior(body, prior);
    // The API's clients may create what the form refuses.
    let (portfolio, renewal) = renewals::draft(&context.provisioning, &body).await?;
    renewals::check_dates(&portfolio, &renewal)?;
    match renewals::create(&context.provisioning, &requester, Ok(body)).await? {
        Created::New(..) | Created::There(..) => Ok(format!("/admin/plans/{prior}/")),
        Created::Rival(_, there) => Err(rivaled(&there)),
    }
}

pub async fn change(
    context: &Context,
    requester: Requester,
    (id, version): (RenewalId, &str),
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let conditions = Conditions::of_version(version);
    let body = Ok(Body::json(body));
    let (_, renewal) = renewals::update(&context.provisioning, &requester, &conditions, id, body).await?;
    Ok(format!("/admin/plans/{}/", renewal.prior_subscription_plan))
}
