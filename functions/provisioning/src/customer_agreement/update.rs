//! `PUT` and `PATCH /api/v1/provisioning-admins/customer-agreement/{agreement}/`: change an agreement. Fields that are
//! left out stay. PUT requires the customer, which may be another one; PATCH must not have it.
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
    ApiError, Body, Change, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    etag, id, wire,
};
use license_domain::{AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Portfolio, Timestamp};
use license_storage::{Attempt, UpdateError};

use crate::{
    Context,
    customer_agreement::create::{CATALOG, CUSTOMER, NO_EXPIRATION_NOTIFICATIONS, SLUG, UNIVERSAL_LINK, taken},
};

const PATH: &str = "/api/v1/provisioning-admins/customer-agreement/{agreement}/";
const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningAgreements };

/// Changes an agreement, with the customer in the body.
pub const PUT: Route = Route {
    method: "PUT",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a customer agreement; what is left out stays",
        query: &[],
        body: PutBody::FIELDS,
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};
/// Changes an agreement, without the customer in the body.
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a customer agreement; what is left out stays",
        query: &[],
        body: PatchBody::FIELDS,
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};

body! {
    /// A change with the customer, which may be another one.
    struct PutBody {
        enterprise_customer_uuid: EnterpriseId = CUSTOMER,
        #[serde(default)]
        enterprise_customer_slug: Change<String> = SLUG,
        #[serde(default)]
        default_enterprise_catalog_uuid: Change<CatalogId> = CATALOG,
        disable_expiration_notifications: Option<bool> = NO_EXPIRATION_NOTIFICATIONS,
        enable_auto_applied_subscriptions_with_universal_link: Option<bool> = UNIVERSAL_LINK,
    }
}

body! {
    /// A change without the customer.
    struct PatchBody {
        #[serde(default)]
        enterprise_customer_slug: Change<String> = SLUG,
        #[serde(default)]
        default_enterprise_catalog_uuid: Change<CatalogId> = CATALOG,
        disable_expiration_notifications: Option<bool> = NO_EXPIRATION_NOTIFICATIONS,
        enable_auto_applied_subscriptions_with_universal_link: Option<bool> = UNIVERSAL_LINK,
    }
}

struct AgreementChange {
    enterprise: Option<EnterpriseId>,
    fields: PatchBody,
}

impl From<PutBody> for AgreementChange {
    fn from(body: PutBody) -> Self {
        let universal_link = body.enable_auto_applied_subscriptions_with_universal_link;
        Self {
            enterprise: Some(body.enterprise_customer_uuid),
            fields: PatchBody {
                enterprise_customer_slug: body.enterprise_customer_slug,
                default_enterprise_catalog_uuid: body.default_enterprise_catalog_uuid,
                disable_expiration_notifications: body.disable_expiration_notifications,
                enable_auto_applied_subscriptions_with_universal_link: universal_link,
            },
        }
    }
}

impl AgreementChange {
    fn apply(&self, before: &CustomerAgreement, now: Timestamp) -> CustomerAgreement {
        let (before, fields) = (before.clone(), &self.fields);
        let is_silent = fields.disable_expiration_notifications;
        let universal_link = fields.enable_auto_applied_subscriptions_with_universal_link;
        CustomerAgreement {
            enterprise_customer_uuid: self.enterprise.unwrap_or(before.enterprise_customer_uuid),
            enterprise_customer_slug: fields.enterprise_customer_slug.over(before.enterprise_customer_slug),
            default_enterprise_catalog_uuid: fields
                .default_enterprise_catalog_uuid
                .over(before.default_enterprise_catalog_uuid),
            disable_expiration_notifications: is_silent.unwrap_or(before.disable_expiration_notifications),
            enable_auto_applied_subscriptions_with_universal_link: universal_link
                .unwrap_or(before.enable_auto_applied_subscriptions_with_universal_link),
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
    let change = AgreementChange::from(PutBody::read(&body?)?);
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
    let change = AgreementChange { enterprise: None, fields: PatchBody::read(&body)? };
    update(&context, &requester, &conditions, agreement, &change).await
}

async fn update(
    context: &Context,
    requester: &Requester,
    conditions: &Conditions,
    agreement: AgreementId,
    change: &AgreementChange,
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
            // Another request has changed the agreement since it was read.
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
