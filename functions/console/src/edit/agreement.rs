//! The form of an agreement.

use license_api::{ApiError, Body, Conditions, Requester, etag};
use license_domain::{AgreementId, CustomerAgreement, Portfolio, SubscriptionPlan, Timestamp, plan_work::growing_plan};
use license_use_cases::agreements::{self, AgreementChange, operated::purge_days};
use serde_json::{Map, Value, json};

use super::{
    Draft, Subject,
    field::{Ask, Field},
};
use crate::{Context, customer::name_of, error::PageError};

fn fields(is_new: bool) -> Vec<Field> {
    let customer = Field::new("enterprise_customer_uuid", "Customer", "The customer's UUID in the LMS.", Ask::Line);
    let others = vec![
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
        Field::new(
            "enable_weekly_utilization_mails",
            "Weekly mails on utilization",
            "The customer's admins get a mail on each plan every week.",
            Ask::YesNo,
        ),
        Field::new(
            "enable_auto_scaling_of_current_plan",
            "The current plan grows by itself",
            "It needs the three numbers below.",
            Ask::YesNo,
        ),
        Field::nullable("auto_scaling_max_licenses", "Most licenses", "The plan grows to so many.", Ask::Number),
        Field::nullable(
            "auto_scaling_threshold_percentage",
            "Threshold, in percent",
            "1 to 100: it grows while more of its licenses have a learner.",
            Ask::Number,
        ),
        Field::nullable("auto_scaling_increment_percentage", "Growth, in percent", "1 to 100, at once.", Ask::Number),
    ];
    let customer = is_new.then_some(customer).into_iter();
    customer.chain(others).chain(if is_new { Vec::new() } else { operated_fields() }).collect()
}

/// What only an agreement that is there has in its form.
fn operated_fields() -> Vec<Field> {
    vec![
        Field::new("disable_onboarding_notifications", "No invitations", "No mail invites learners.", Ask::YesNo),
        Field::new(
            "license_duration_before_purge_days",
            "Days before personal data is purged",
            "Counted from a plan's end.",
            Ask::Number,
        ),
        Field::new(
            "has_custom_license_expiration_messaging_v2",
            "Own message for learners of an expired plan",
            "It needs the text below.",
            Ask::YesNo,
        ),
        Field::nullable("modal_header_text_v2", "Title of the message", "At most 512 characters.", Ask::Line),
        Field::nullable(
            "expired_subscription_modal_messaging_v2",
            "Text of the message",
            "HTML: paragraphs, headings, lists, emphasis and links stay, everything else is removed.",
            Ask::Text,
        ),
        Field::nullable("button_label_in_modal_v2", "Label of its button", "At most 255 characters.", Ask::Line),
        Field::nullable("url_for_button_in_modal_v2", "Address of its button", "https, http or mailto.", Ask::Line),
    ]
}

fn values(agreement: &CustomerAgreement) -> Map<String, Value> {
    let messaging = agreement.messaging_v2.clone().unwrap_or_default();
    let values = json!({
        "enterprise_customer_uuid": agreement.enterprise_customer_uuid,
        "enterprise_customer_slug": agreement.enterprise_customer_slug,
        "default_enterprise_catalog_uuid": agreement.default_enterprise_catalog_uuid,
        "disable_expiration_notifications": agreement.disable_expiration_notifications,
        "enable_auto_applied_subscriptions_with_universal_link":
            agreement.enable_auto_applied_subscriptions_with_universal_link,
        "enable_weekly_utilization_mails": agreement.enable_weekly_utilization_mails,
        "enable_auto_scaling_of_current_plan": agreement.enable_auto_scaling_of_current_plan,
        "auto_scaling_max_licenses": agreement.auto_scaling_max_licenses,
        "auto_scaling_threshold_percentage": agreement.auto_scaling_threshold_percentage,
        "auto_scaling_increment_percentage": agreement.auto_scaling_increment_percentage,
        "disable_onboarding_notifications": agreement.disable_onboarding_notifications,
        "license_duration_before_purge_days": purge_days(agreement),
        "has_custom_license_expiration_messaging_v2": messaging.has_custom_license_expiration_messaging,
        "modal_header_text_v2": messaging.modal_header_text,
        "expired_subscription_modal_messaging_v2": messaging.expired_subscription_modal_messaging,
        "button_label_in_modal_v2": messaging.button_label_in_modal,
        "url_for_button_in_modal_v2": messaging.url_for_button_in_modal,
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
    let change = AgreementChange::of_operator(&Body::json(body))?;
    let (before, after) = (&portfolio.agreement, change.apply(&portfolio.agreement, context.app.now()));
    change.check(before, &after)?;
    let mut consequences = of_scaling_and_purging(&portfolio, &after, context.app.now());
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

fn of_scaling_and_purging(portfolio: &Portfolio, after: &CustomerAgreement, now: Timestamp) -> Vec<String> {
    let before = &portfolio.agreement;
    let mut lines = Vec::new();
    if let Ok(scaling) = after.auto_scaling()
        && after.enable_auto_scaling_of_current_plan
        && (!before.enable_auto_scaling_of_current_plan || before.auto_scaling() != Ok(scaling))
    {
        lines.push(match growing_plan(portfolio, now) {
            Some(plan) => format!("“{}” grows to {} licenses at most.", plan.title, scaling.maximum),
            None => "No plan grows as yet: none is active and current.".to_owned(),
        });
    }
    if before.enable_auto_scaling_of_current_plan && !after.enable_auto_scaling_of_current_plan {
        lines.push("No plan grows by itself any more.".to_owned());
    }
    let (days_before, days) = (purge_days(before), purge_days(after));
    if days < days_before {
        let ended = |plan: &&SubscriptionPlan| plan.days_until_expiration(now) <= -days;
        let plans = portfolio.plans.iter().filter(ended).count();
        lines.push(format!(
            "Personal data of {plans} plans that ended {days} days ago or earlier is purged by the schedule, if not done before. \
             This cannot be undone."
        ));
    } else if days > days_before {
        lines.push(format!("Personal data is kept for {days} days after a plan's end. What was purged stays so."));
    }
    if !before.disable_onboarding_notifications && after.disable_onboarding_notifications {
        lines.push("Learners to whom licenses are assigned get no invitation any more.".to_owned());
    }
    lines
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
    let change = AgreementChange::of_operator(&Body::json(body))?;
    let conditions = Conditions::of_version(version);
    agreements::update(&context.provisioning, &requester, &conditions, id, &change).await?;
    Ok(format!("/admin/customers/{id}/"))
}
