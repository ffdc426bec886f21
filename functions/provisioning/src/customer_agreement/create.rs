//! `POST /api/v1/provisioning-admins/customer-agreement/`: a new agreement with a customer.
//!
//! ```json
//! {"enterprise_customer_uuid": "…", "enterprise_customer_slug": "acme", "default_enterprise_catalog_uuid": "…",
//!  "disable_expiration_notifications": true, "enable_auto_applied_subscriptions_with_universal_link": true}
//! ```
//! Only the customer is required. The answer is the agreement, without plans yet.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Fields, PROVISIONERS, Presence, Requester, RequiredPermission, Route, RouteAccess, Text,
    doc::{self, Kind, Param, ResponseDoc, Shape},
    wire,
};
use license_domain::{
    AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Portfolio, ProductCatalog, Timestamp, maxima::MAX_SLUG,
};
use license_storage::CreateAgreementError;
use serde_json::{Map, Value, json};

use crate::Context;

/// The fields of an agreement; only the first one has to be there.
pub const FIELDS: [Param; 5] = [
    Param::required("enterprise_customer_uuid", Kind::Uuid, "The customer; unique."),
    Param::optional(
        "enterprise_customer_slug",
        Kind::OptionalText(MAX_SLUG),
        "The customer's short name in links, unique.",
    ),
    Param::optional("default_enterprise_catalog_uuid", Kind::OptionalUuid, "The catalog of plans without their own."),
    Param::optional("disable_expiration_notifications", Kind::Boolean, "Whether expiry is kept from learners."),
    Param::optional(
        "enable_auto_applied_subscriptions_with_universal_link",
        Kind::Boolean,
        "Whether the universal link gives a seat.",
    ),
];

/// A new agreement.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/customer-agreement/",
    access: RouteAccess::Roles {
        roles: PROVISIONERS,
        listing: false,
        missing: RequiredPermission::ProvisioningAgreements,
    },
    doc: &Doc {
        summary: "Makes a customer agreement",
        query: &[],
        body: &FIELDS,
        answers: &[ResponseDoc::new(201, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<wire::Agreement>), ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    if let Some(agreement) = requester.recorded().await? {
        return Ok(created(agreement));
    }
    let agreement = parse(&body?, context.app.random().agreement_id(), context.app.now())?;
    let change = requester.change("create-agreement").await?.recording(&agreement);
    match context.provision.create_agreement(&agreement, &change).await {
        Ok(()) => Ok(created(agreement)),
        Err(CreateAgreementError::Taken { enterprise, slug }) => Err(taken(enterprise, slug)),
        Err(CreateAgreementError::Store(error)) => Err(error.into()),
    }
}

/// The response: the agreement has no plans yet.
fn created(agreement: CustomerAgreement) -> (StatusCode, Json<wire::Agreement>) {
    let now = agreement.created;
    let portfolio = Portfolio { agreement, plans: Vec::new(), renewals: Vec::new() };
    let body = wire::Agreement::new(&portfolio, &HashMap::new(), &ProductCatalog::default(), false, now);
    (StatusCode::CREATED, Json(body))
}

fn parse(body: &Body, id: AgreementId, now: Timestamp) -> Result<CustomerAgreement, ApiError> {
    let mut fields = Fields::new(body);
    let enterprise = fields.uuid("enterprise_customer_uuid", Presence::Required);
    let slug = Text { presence: Presence::Nullable, blank: false, max: MAX_SLUG };
    let slug = fields.text("enterprise_customer_slug", slug);
    let catalog = fields.uuid("default_enterprise_catalog_uuid", Presence::Nullable);
    let silent = fields.boolean("disable_expiration_notifications", Presence::Optional);
    let universal = fields.boolean("enable_auto_applied_subscriptions_with_universal_link", Presence::Optional);
    let (Some(enterprise), true) = (enterprise, fields.is_valid()) else {
        return Err(ApiError::json(StatusCode::BAD_REQUEST, Value::Object(fields.into_errors())));
    };
    Ok(CustomerAgreement {
        enterprise_customer_slug: slug,
        default_enterprise_catalog_uuid: catalog.map(CatalogId),
        disable_expiration_notifications: silent.unwrap_or_default(),
        enable_auto_applied_subscriptions_with_universal_link: universal.unwrap_or_default(),
        ..CustomerAgreement::new(id, EnterpriseId(enterprise), now)
    })
}

/// 400: the names that are taken.
pub fn taken(enterprise: bool, slug: bool) -> ApiError {
    let mut fields = Map::new();
    for (is_taken, field, name) in [
        (enterprise, "enterprise_customer_uuid", "enterprise customer uuid"),
        (slug, "enterprise_customer_slug", "enterprise customer slug"),
    ] {
        if is_taken {
            fields.insert(field.to_owned(), json!([format!("Customer Agreement with this {name} already exists.")]));
        }
    }
    ApiError::json(StatusCode::BAD_REQUEST, Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn parsed(body: &Value) -> Result<CustomerAgreement, ApiError> {
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        parse(&Body::json(body.as_object().expect("an object").clone()), AgreementId(Uuid::nil()), now)
    }

    #[test]
    fn only_the_customer_is_required() {
        let agreement = parsed(&json!({"enterprise_customer_uuid": Uuid::max()})).expect("valid");
        assert_eq!(agreement.enterprise_customer_uuid, EnterpriseId(Uuid::max()));
        assert!(agreement.enterprise_customer_slug.is_none() && !agreement.disable_expiration_notifications);
    }

    #[test]
    fn what_is_not_valid_is_said_field_by_field() {
        let refused = parsed(&json!({
            "enterprise_customer_slug": "x".repeat(129), "default_enterprise_catalog_uuid": "x",
            "disable_expiration_notifications": "perhaps",
        }));
        let Err(ApiError::Refused(StatusCode::BAD_REQUEST, body)) = refused else { panic!("{refused:?}") };
        assert_eq!(
            body,
            json!({
                "enterprise_customer_uuid": ["This field is required."],
                "enterprise_customer_slug": ["Ensure this field has no more than 128 characters."],
                "default_enterprise_catalog_uuid": ["Must be a valid UUID."],
                "disable_expiration_notifications": ["Must be a valid boolean."],
            })
        );
    }
}
