//! The form of an agreement.

use license_api::{ApiError, Body, Conditions, Requester, etag};
use license_domain::{AgreementId, CustomerAgreement};
use license_use_cases::agreements::{self, AgreementChange, PatchBody};
use serde_json::{Map, Value, json};

use super::{
    Draft, Subject,
    field::{Ask, Field},
};
use crate::{Context, customer::name_of, error::PageError};

fn fields(is_new: bool) -> Vec<Field> {
    let customer = Field::new("enterprise_customer_uuid", "Customer", "The customer's UUID in the LMS.", Ask::Line);
    let others = [
        Field::nullable("enterprise_customer_slug", "Slug", "The customer's short name in links.", Ask::Line),
        Field::nullable(
            "default_enterprise_catalog_uuid",
            "Default catalog",
            "The catalog of plans without their own.",
            Ask::Line,
        ),
        Field::new(
            "disable_expiration_notifications",
            "No expiration mails",
            "Learners are not informed that their plan ends.",
            Ask::YesNo,
        ),
        Field::new(
            "enable_auto_applied_subscriptions_with_universal_link",
            "Universal link gives licenses",
            "Learners who come by the universal link get a license of the plan that is chosen for it.",
            Ask::YesNo,
        ),
    ];
    is_new.then_some(customer).into_iter().chain(others).collect()
}

fn values(agreement: &CustomerAgreement) -> Map<String, Value> {
    let values = json!({
        "enterprise_customer_uuid": agreement.enterprise_customer_uuid,
        "enterprise_customer_slug": agreement.enterprise_customer_slug,
        "default_enterprise_catalog_uuid": agreement.default_enterprise_catalog_uuid,
        "disable_expiration_notifications": agreement.disable_expiration_notifications,
        "enable_auto_applied_subscriptions_with_universal_link":
            agreement.enable_auto_applied_subscriptions_with_universal_link,
    });
    let Value::Object(values) = values else { unreachable!("it is an object") };
    values
}

pub fn of_new() -> Subject {
    Subject {
        title: "New customer agreement".to_owned(),
        back: ("/admin/".to_owned(), "All customers".to_owned()),
        path: "/admin/customers/new/".to_owned(),
        fields: fields(true),
        values: Map::new(),
        version: None,
    }
}

pub async fn of_there(context: &Context, id: AgreementId) -> Result<Subject, PageError> {
    let portfolio = context.portfolios.portfolio(id).await?.ok_or_else(PageError::not_found)?;
    let name = name_of(&portfolio);
    Ok(Subject {
        title: format!("Change the agreement of {name}"),
        back: (format!("/admin/customers/{id}/"), name),
        path: format!("/admin/customers/{id}/change/"),
        fields: fields(false),
        values: values(&portfolio.agreement),
        version: Some(etag::version(portfolio.agreement.modified)),
    })
}

pub async fn draft_of_new(context: &Context, body: Map<String, Value>) -> Result<Draft, ApiError> {
    let agreement = agreements::draft(&context.provisioning, &Body::json(body))?;
    if context.portfolios.portfolio_of_enterprise(agreement.enterprise_customer_uuid).await?.is_some() {
        return Err(agreements::taken(true, false).into());
    }
    let consequences = vec!["The customer gets an agreement, without plans yet.".to_owned()];
    Ok(Draft { after: values(&agreement), consequences })
}

pub async fn draft(context: &Context, id: AgreementId, body: Map<String, Value>) -> Result<Draft, ApiError> {
    let portfolio = context.portfolios.portfolio(id).await?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let change = AgreementChange::from(PatchBody::read(&Body::json(body))?);
    let (before, after) = (&portfolio.agreement, change.apply(&portfolio.agreement, context.app.now()));
    let mut consequences = Vec::new();
    let universal_link = |one: &CustomerAgreement| one.enable_auto_applied_subscriptions_with_universal_link;
    match (universal_link(before), universal_link(&after)) {
        (true, false) => consequences.push("The universal link gives no more licenses.".to_owned()),
        (false, true) => consequences.push(match portfolio.plan_for_auto_applied_licenses(context.app.now()) {
            Some(plan) => format!("The universal link gives licenses of “{}”.", plan.title),
            None => "The universal link gives no license yet: no current plan is chosen for it.".to_owned(),
        }),
        _ => {}
    }
    if before.default_enterprise_catalog_uuid != after.default_enterprise_catalog_uuid {
        let plans = portfolio.plans.iter().filter(|plan| plan.enterprise_catalog_uuid.is_none()).count();
        consequences.push(format!("The catalog of {plans} plans changes: they have none of their own."));
    }
    if before.enterprise_customer_slug != after.enterprise_customer_slug {
        consequences.push("Links with the old slug do not lead to the customer any more.".to_owned());
    }
    Ok(Draft { after: values(&after), consequences })
}

pub async fn create(context: &Context, requester: Requester, body: Map<String, Value>) -> Result<String, ApiError> {
    let agreement = agreements::create(&context.provisioning, &requester, Ok(Body::json(body))).await?;
    Ok(format!("/admin/customers/{}/", agreement.uuid))
}

pub async fn change(
    context: &Context,
    requester: Requester,
    (id, version): (AgreementId, &str),
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let change = AgreementChange::from(PatchBody::read(&Body::json(body))?);
    let conditions = Conditions::of_version(version);
    agreements::update(&context.provisioning, &requester, &conditions, id, &change).await?;
    Ok(format!("/admin/customers/{id}/"))
}
