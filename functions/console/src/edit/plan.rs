//! The form of a plan.

use license_api::{ApiError, Body, Conditions, Requester, etag};
use license_domain::{AgreementId, ChangeReason, PlanId, Portfolio, ProductCatalog, SeatCounts, SubscriptionPlan};
use license_use_cases::plans::{
    self,
    body::PlanPatch,
    rules::{self, Refusal},
};
use serde_json::{Map, Value, json};

use super::{
    CHANGE_REASON, Draft, Subject,
    field::{Ask, Field, moment},
};
use crate::{Context, customer::name_of, error::PageError, plan};

fn fields(products: &ProductCatalog) -> Vec<Field> {
    let products = products.products.iter().map(|product| (json!(product.id), product.name.clone()));
    let reasons = ChangeReason::ALL.iter().map(|reason| (json!(reason.as_str()), reason.as_str().replace('_', " ")));
    let auto_apply = [(Value::Null, "never chosen"), (json!(true), "yes"), (json!(false), "not any more")];
    let auto_apply = auto_apply.map(|(value, text)| (value, text.to_owned()));
    vec![
        Field::new("title", "Title", "Unique in the agreement, at most 128 characters.", Ask::Line),
        Field::new("start_date", "Starts (UTC)", "", Ask::Moment),
        Field::new("expiration_date", "Ends (UTC)", "", Ask::Moment),
        Field::new(
            "desired_num_licenses",
            "Licenses",
            "At most 1,000,000 unless for internal use. A plan grows at once; it never shrinks.",
            Ask::Number,
        ),
        Field::new("product", "Product", "", Ask::OneOf(products.collect())),
        Field::nullable(
            "salesforce_opportunity_line_item",
            "Salesforce line item",
            "18 characters, 00k…; may be empty where the product's plan type allows it.",
            Ask::Line,
        ),
        Field::nullable("enterprise_catalog_uuid", "Catalog", "The agreement's default, if empty.", Ask::Line),
        Field::new("is_active", "Active", "Learners of an inactive plan have nothing.", Ask::YesNo),
        Field::new("for_internal_use_only", "For internal use only", "", Ask::YesNo),
        Field::new("is_revocation_cap_enabled", "Revocations are limited", "", Ask::YesNo),
        Field::new("revoke_max_percentage", "Limit, in percent", "0 to 100.", Ask::Number),
        Field::new("can_freeze_unused_licenses", "Unused licenses may be frozen", "", Ask::YesNo),
        Field::nullable(
            "should_auto_apply_licenses",
            "Gives licenses by the universal link",
            "",
            Ask::OneOf(auto_apply.into()),
        ),
        Field::new("change_reason", "Kind of the reason", "", Ask::OneOf(reasons.collect())),
    ]
}

fn values(plan: &SubscriptionPlan) -> Map<String, Value> {
    let values = json!({
        "title": plan.title,
        "start_date": moment(plan.start_date),
        "expiration_date": moment(plan.expiration_date),
        "desired_num_licenses": plan.desired_num_licenses,
        "product": plan.product,
        "salesforce_opportunity_line_item": plan.salesforce_opportunity_line_item,
        "enterprise_catalog_uuid": plan.enterprise_catalog_uuid,
        "is_active": plan.is_active,
        "for_internal_use_only": plan.for_internal_use_only,
        "is_revocation_cap_enabled": plan.is_revocation_cap_enabled,
        "revoke_max_percentage": plan.revoke_max_percentage,
        "can_freeze_unused_licenses": plan.can_freeze_unused_licenses,
        "should_auto_apply_licenses": plan.should_auto_apply_licenses,
    });
    let Value::Object(values) = values else { unreachable!("it is an object") };
    values
}

pub async fn of_new(context: &Context, agreement: AgreementId) -> Result<Subject, PageError> {
    let (portfolio, products) =
        futures::try_join!(context.portfolios.portfolio(agreement), context.portfolios.products())?;
    let name = name_of(&portfolio.ok_or_else(PageError::not_found)?);
    let mut values = Map::new();
    for (name, value) in
        [("is_active", json!(true)), ("revoke_max_percentage", json!(5)), ("change_reason", json!("new"))]
    {
        values.insert(name.to_owned(), value);
    }
    Ok(Subject {
        title: format!("New plan of {name}"),
        back: (format!("/admin/customers/{agreement}/"), name),
        path: format!("/admin/customers/{agreement}/plans/new/"),
        fields: fields(&products),
        values,
        version: None,
    })
}

pub async fn of_there(context: &Context, id: PlanId) -> Result<Subject, PageError> {
    let text = id.to_string();
    let ((_, plan), products) = futures::try_join!(plan::find(context, &text), async {
        context.portfolios.products().await.map_err(PageError::from)
    })?;
    let mut values = values(&plan);
    values.insert(CHANGE_REASON.to_owned(), json!(ChangeReason::default().as_str()));
    Ok(Subject {
        title: format!("Change the plan “{}”", plan.title),
        back: (format!("/admin/plans/{id}/"), plan.title.clone()),
        path: format!("/admin/plans/{id}/change/"),
        fields: fields(&products),
        values,
        version: Some(etag::version(plan.modified)),
    })
}

fn with_agreement(mut body: Map<String, Value>, agreement: AgreementId) -> Body {
    body.insert("customer_agreement".to_owned(), json!(agreement));
    Body::json(body)
}

/// The title is unique in the agreement.
fn check_title(portfolio: &Portfolio, plan: &SubscriptionPlan) -> Result<(), ApiError> {
    let is_taken = portfolio.plans.iter().any(|other| other.uuid != plan.uuid && other.title == plan.title);
    if is_taken { Err(Refusal::TitleTaken.into()) } else { Ok(()) }
}

pub async fn draft_of_new(
    context: &Context,
    agreement: AgreementId,
    body: Map<String, Value>,
) -> Result<Draft, ApiError> {
    let body = rules::read(Ok(with_agreement(body, agreement)))?;
    let new = plans::draft(&context.provisioning, body).await?;
    check_title(&new.portfolio, &new.plan)?;
    let plan = &new.plan;
    let mut consequences = vec![format!("The plan gets {} unassigned licenses.", plan.seats.total)];
    consequences.extend(of_terms(context, plan));
    Ok(Draft { after: values(plan), consequences })
}

pub async fn draft(context: &Context, id: PlanId, body: Map<String, Value>) -> Result<Draft, ApiError> {
    let patch = PlanPatch::read(&Body::json(body)).map_err(rules::complain)?;
    let (portfolio, products) =
        futures::try_join!(context.portfolios.portfolio_of_plan(id), context.portfolios.products())?;
    let portfolio = portfolio.ok_or_else(plans::not_found)?;
    let before = portfolio.plan(id).ok_or_else(plans::not_found)?;
    let after = plans::changed(&context.provisioning, &patch, &portfolio, before, &products).await?;
    check_title(&portfolio, &after)?;
    let counts = context.portfolios.seat_counts(&[before]).await?.remove(&id).unwrap_or_default();
    Ok(Draft { consequences: of_change(context, before, &after, counts), after: values(&after) })
}

fn of_change(
    context: &Context,
    before: &SubscriptionPlan,
    after: &SubscriptionPlan,
    counts: SeatCounts,
) -> Vec<String> {
    let mut lines = Vec::new();
    let (now, held) = (context.app.now(), counts.allocated());
    let added = after.seats.total.saturating_sub(before.seats.total);
    if added > 0 {
        lines.push(format!("The plan gets {added} more unassigned licenses: {} in all.", after.seats.total));
    } else if after.desired_num_licenses.is_some_and(|desired| desired > after.seats.total) {
        lines.push("The plan gets no more licenses: its unused ones were frozen.".to_owned());
    } else if after.desired_num_licenses.is_some_and(|desired| desired < after.seats.total) {
        lines.push(format!("No license is taken away: the plan keeps its {}.", after.seats.total));
    }
    if before.is_active && !after.is_active {
        lines.push(format!("{held} learners lose what the plan gives them while it is inactive."));
    }
    if before.expiration_date > now && after.expiration_date <= now {
        lines.push(format!("The plan is over at once: {held} learners lose what it gives them."));
    }
    lines.extend(of_terms(context, after));
    lines
}

/// What is strange about a plan's terms, though it is allowed.
fn of_terms(context: &Context, plan: &SubscriptionPlan) -> Vec<String> {
    let mut lines = Vec::new();
    if plan.expiration_date <= plan.start_date {
        lines.push("The plan ends before it starts.".to_owned());
    } else if plan.start_date > context.app.now() {
        lines.push("The plan has not started yet; licenses can be assigned before.".to_owned());
    }
    lines
}

pub async fn create(
    context: &Context,
    requester: Requester,
    agreement: AgreementId,
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let new = plans::create(&context.provisioning, &requester, Ok(with_agreement(body, agreement))).await?;
    Ok(format!("/admin/plans/{}/", new.plan.uuid))
}

pub async fn change(
    context: &Context,
    requester: Requester,
    (id, version): (PlanId, &str),
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let patch = PlanPatch::read(&Body::json(body)).map_err(rules::complain)?;
    let conditions = Conditions::of_version(version);
    plans::update(&context.provisioning, &requester, &conditions, id, &patch, true).await?;
    Ok(format!("/admin/plans/{id}/"))
}
