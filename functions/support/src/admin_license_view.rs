//! `GET /api/v1/admin-license-view?user_email=…&enterprise_customer_uuid=…`: the licenses of an address with one
//! customer, for staff, 100 a page. Both parameters are required.

use axum::{Json, extract::State, http::StatusCode};
use futures::try_join;
use license_api::{
    ApiError, Doc, Field, Page, PageQuery, Params, Requester, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    fields::TEXT,
    wire,
};
use license_domain::number::to_u64;
use license_domain::{
    EmailKey, EnterpriseId, License, LicenseId, LicenseStatus, Portfolio, ProductCatalog, SubscriptionPlan, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, licenses_of_address::Found};

const USER_EMAIL: Field = Field::new(TEXT, "The address.").named("user_email");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/admin-license-view/",
    access: RouteAccess::Staff,
    doc: &Doc {
        summary: "The licenses of an address with one customer, for staff",
        query: &[USER_EMAIL, doc::THE_ENTERPRISE, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<AdminLicense>>))],
    },
};

const PAGE_SIZE: usize = 100;

/// A license with its plan.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AdminLicense {
    uuid: LicenseId,
    status: LicenseStatus,
    user_email: Option<String>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    assigned_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    activation_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    revoked_date: Option<Timestamp>,
    #[serde(serialize_with = "wire::time::serialize_option")]
    last_remind_date: Option<Timestamp>,
    subscription_plan_title: String,
    #[serde(serialize_with = "wire::time::serialize")]
    subscription_plan_expiration_date: Timestamp,
    subscription_plan: wire::MinimalPlan,
}

impl AdminLicense {
    fn new(
        (license, portfolio, plan): (&License, &Portfolio, &SubscriptionPlan),
        products: &ProductCatalog,
        now: Timestamp,
    ) -> Self {
        Self {
            uuid: license.uuid,
            status: license.status,
            user_email: license.user_email.as_ref().map(|email| email.as_given().to_owned()),
            assigned_date: license.assigned_date,
            activation_date: license.activation_date,
            revoked_date: license.revoked_date,
            last_remind_date: license.last_remind_date,
            subscription_plan_title: plan.title.clone(),
            subscription_plan_expiration_date: plan.expiration_date,
            subscription_plan: wire::MinimalPlan::new(portfolio, plan, products, now),
        }
    }
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<AdminLicense>>, ApiError> {
    requester.require_staff()?;
    let missing = |parameter: Field| {
        ApiError::text(StatusCode::BAD_REQUEST, format!("{} is a required parameter", parameter.name))
    };
    let email = params.text(&USER_EMAIL).ok_or_else(|| missing(USER_EMAIL))?;
    let enterprise: Option<EnterpriseId> = params.uuid(&doc::THE_ENTERPRISE)?;
    let enterprise = enterprise.ok_or_else(|| missing(doc::THE_ENTERPRISE))?;
    let key = EmailKey::of(email);
    let (found, products) = try_join!(Found::by_email(&context, &key), context.portfolios.products())?;
    let mut rows = found.rows();
    rows.retain(|(_, portfolio, _)| portfolio.agreement.enterprise_customer_uuid == enterprise);
    let window = page.fixed_window(to_u64(rows.len()), PAGE_SIZE)?;
    let now = context.app.now();
    let rows = window.of(rows).into_iter().map(|row| AdminLicense::new(row, &products, now));
    Ok(Json(Page::new(&page, &window, rows.collect())))
}
