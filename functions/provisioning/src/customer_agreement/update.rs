//! `PUT` and `PATCH /api/v1/provisioning-admins/customer-agreement/{agreement}/`: change an agreement. What is left
//! out stays as it is. PUT names the customer, and may name another one; PATCH must not.
//!
//! ```json
//! {"disable_expiration_notifications": true}
//! ```

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Body, Conditions, Doc, Fields, PROVISIONERS, Presence, Requester, RequiredPermission, Route, RouteAccess,
    Text,
    doc::{self, ResponseDoc, Shape},
    etag, id, wire,
};
use license_domain::{AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Portfolio, Timestamp, maxima::MAX_SLUG};
use license_storage::{Attempt, UpdateError};

use crate::{
    Context,
    change::Change as Field,
    customer_agreement::create::{FIELDS, taken},
};

const PATH: &str = "/api/v1/provisioning-admins/customer-agreement/{agreement}/";
const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningAgreements };

/// With the customer.
pub const PUT: Route = Route {
    method: "PUT",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Changes a customer agreement; what is left out stays",
        query: &[],
        body: &FIELDS,
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};
/// Without.
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Changes a customer agreement; what is left out stays",
        query: &[],
        body: &doc::without_first::<5, 4>(FIELDS),
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};

/// A change as the body has it.
struct Change {
    enterprise: Option<EnterpriseId>,
    slug: Field<String>,
    catalog: Field<CatalogId>,
    silent: Option<bool>,
    universal: Option<bool>,
}

impl Change {
    fn parse(body: &Body, customer: Presence) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let there = |name: &str| body.0.contains_key(name);
        let enterprise = fields.uuid("enterprise_customer_uuid", customer).map(EnterpriseId);
        let slug = Text { presence: Presence::Nullable, blank: false, max: MAX_SLUG };
        let slug = fields.text("enterprise_customer_slug", slug);
        let catalog = fields.uuid("default_enterprise_catalog_uuid", Presence::Nullable).map(CatalogId);
        let silent = fields.boolean("disable_expiration_notifications", Presence::Optional);
        let universal = fields.boolean("enable_auto_applied_subscriptions_with_universal_link", Presence::Optional);
        fields.finish()?;
        Ok(Self {
            enterprise,
            slug: Field::new(there("enterprise_customer_slug"), slug),
            catalog: Field::new(there("default_enterprise_catalog_uuid"), catalog),
            silent,
            universal,
        })
    }

    fn apply(&self, before: &CustomerAgreement, now: Timestamp) -> CustomerAgreement {
        let before = before.clone();
        let universal = before.enable_auto_applied_subscriptions_with_universal_link;
        CustomerAgreement {
            enterprise_customer_uuid: self.enterprise.unwrap_or(before.enterprise_customer_uuid),
            enterprise_customer_slug: self.slug.over(before.enterprise_customer_slug),
            default_enterprise_catalog_uuid: self.catalog.over(before.default_enterprise_catalog_uuid),
            disable_expiration_notifications: self.silent.unwrap_or(before.disable_expiration_notifications),
            enable_auto_applied_subscriptions_with_universal_link: self.universal.unwrap_or(universal),
            modified: now,
            ..before
        }
    }
}

pub async fn put(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    let change = Change::parse(&body?, Presence::Required)?;
    update(&context, &requester, &conditions, agreement, &change).await
}

pub async fn patch(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    let body = body?;
    if body.0.contains_key("enterprise_customer_uuid") {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "enterprise_customer_uuid cannot be changed by PATCH."));
    }
    let change = Change::parse(&body, Presence::Optional)?;
    update(&context, &requester, &conditions, agreement, &change).await
}

async fn update(
    context: &Context,
    requester: &Requester,
    conditions: &Conditions,
    agreement: AgreementId,
    change: &Change,
) -> Result<Response, ApiError> {
    let find = || async {
        let portfolio = context.portfolios.portfolio(agreement).await?;
        portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
    };
    if let Some(agreement) = requester.recorded::<CustomerAgreement>().await? {
        return updated(context, Portfolio { agreement, ..find().await? }).await;
    }
    let attempt = || async {
        let portfolio = find().await?;
        conditions.check(portfolio.agreement.modified)?;
        let after = change.apply(&portfolio.agreement, context.app.now());
        let recorded = requester.change("update-agreement").await?.recording(&after);
        match context.update.update_agreement(&portfolio.agreement, &after, &recorded).await {
            Ok(()) => Ok(Attempt::Done(Portfolio { agreement: after, ..portfolio })),
            // Another change has changed what this one starts from.
            Err(UpdateError::Changed | UpdateError::TitleTaken) => Ok(Attempt::Retry(())),
            Err(UpdateError::Taken { enterprise, slug }) => Err(taken(enterprise, slug)),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    };
    updated(context, context.app.attempts("update agreement", attempt).await?).await
}

async fn updated(context: &Context, portfolio: Portfolio) -> Result<Response, ApiError> {
    let plans: Vec<_> = portfolio.plans.iter().collect();
    let (counts, products) = try_join!(context.portfolios.seat_counts(&plans), context.portfolios.products())?;
    let modified = portfolio.agreement.modified;
    let body = wire::Agreement::new(&portfolio, &counts, &products, false, modified);
    Ok(etag::changed(StatusCode::OK, modified, body))
}
