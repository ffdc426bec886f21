//! `POST /api/v1/provisioning-admins/customer-agreement/`: creates an agreement with a customer.
//!
//! ```json
//! {"enterprise_customer_uuid": "…", "enterprise_customer_slug": "acme", "default_enterprise_catalog_uuid": "…",
//!  "disable_expiration_notifications": true, "enable_auto_applied_subscriptions_with_universal_link": true}
//! ```
//! Only the customer is required. The response is the agreement, which has no plans yet.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Complaints, Doc, Field, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    fields::{BOOLEAN, UUID, text},
    wire,
};
use license_domain::{
    AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Portfolio, ProductCatalog, Timestamp, maxima::MAX_SLUG,
};
use license_storage::CreateAgreementError;
use serde_json::json;

use crate::Context;

/// The customer.
pub const CUSTOMER: Field = Field::new(UUID, "The customer; unique.");
/// The customer's short name.
pub const SLUG: Field = Field::new(text(MAX_SLUG), "The customer's short name in links, unique.")
    .nullable()
    .optional()
    .example(|| json!("acme"));
pub const CATALOG: Field = Field::new(UUID, "The catalog of plans without their own.").nullable().optional();
/// Whether learners see no notice of the plan's expiration.
pub const NO_EXPIRATION_NOTIFICATIONS: Field =
    Field::new(BOOLEAN, "Whether learners see no notice that the plan expires.").optional();
pub const UNIVERSAL_LINK: Field = Field::new(BOOLEAN, "Whether the universal link gives a license.").optional();

body! {
    pub struct CreateBody {
        enterprise_customer_uuid: EnterpriseId = CUSTOMER,
        enterprise_customer_slug: Option<String> = SLUG,
        default_enterprise_catalog_uuid: Option<CatalogId> = CATALOG,
        disable_expiration_notifications: bool = NO_EXPIRATION_NOTIFICATIONS.default(|| json!(false)),
        enable_auto_applied_subscriptions_with_universal_link: bool = UNIVERSAL_LINK.default(|| json!(false)),
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/customer-agreement/",
    access: RouteAccess::Roles {
        roles: PROVISIONERS,
        listing: false,
        missing: RequiredPermission::ProvisioningAgreements,
    },
    doc: &Doc {
        summary: "Create a customer agreement",
        query: &[],
        body: CreateBody::FIELDS,
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

/// The response with a new agreement, which has no plans yet.
fn created(agreement: CustomerAgreement) -> (StatusCode, Json<wire::Agreement>) {
    let now = agreement.created;
    let portfolio = Portfolio { agreement, plans: Vec::new(), renewals: Vec::new() };
    let body = wire::Agreement::new(&portfolio, &HashMap::new(), &ProductCatalog::default(), false, now);
    (StatusCode::CREATED, Json(body))
}

fn parse(body: &Body, id: AgreementId, now: Timestamp) -> Result<CustomerAgreement, Complaints> {
    let body = CreateBody::read(body)?;
    let universal_link = body.enable_auto_applied_subscriptions_with_universal_link;
    Ok(CustomerAgreement {
        enterprise_customer_slug: body.enterprise_customer_slug,
        default_enterprise_catalog_uuid: body.default_enterprise_catalog_uuid,
        disable_expiration_notifications: body.disable_expiration_notifications,
        enable_auto_applied_subscriptions_with_universal_link: universal_link,
        ..CustomerAgreement::new(id, body.enterprise_customer_uuid, now)
    })
}

/// 400 with the names that are taken.
pub fn taken(enterprise: bool, slug: bool) -> ApiError {
    let mut complaints = Complaints::default();
    for (is_taken, field, name) in [
        (enterprise, "enterprise_customer_uuid", "enterprise customer uuid"),
        (slug, "enterprise_customer_slug", "enterprise customer slug"),
    ] {
        if is_taken {
            complaints.add(field, format!("Customer Agreement with this {name} already exists."));
        }
    }
    complaints.into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn parsed(body: &Value) -> Result<CustomerAgreement, Complaints> {
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
    fn complaints_are_by_field() {
        let refused = parsed(&json!({
            "enterprise_customer_slug": "x".repeat(129), "default_enterprise_catalog_uuid": "x",
            "disable_expiration_notifications": "perhaps",
        }));
        assert_eq!(
            refused.expect_err("complaints").into_value(),
            json!({
                "enterprise_customer_uuid": ["This field is required."],
                "enterprise_customer_slug": ["Ensure this field has no more than 128 characters."],
                "default_enterprise_catalog_uuid": ["Must be a valid UUID."],
                "disable_expiration_notifications": ["Must be a valid boolean."],
            })
        );
    }
}
