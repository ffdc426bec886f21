//! `GET /api/v1/learner-licenses/?enterprise_customer_uuid=…`: the requester's licenses of one customer.
//!
//! Parameters beside the customer (required): `active_plans_only` (true), `current_plans_only` (true),
//! `include_revoked` (false), those of [`license_api::selection`], `page`, `page_size` (10, at most 100). A license is
//! the requester's by the token's address or by the LMS user; `customer_agreement` is shown to requesters with access
//! to the customer.
//!
//! ```json
//! {"next": null, "previous": null, "count": 1, "num_pages": 1, "current_page": 1, "start": 0,
//!  "results": [{"uuid": "…", …, "subscription_plan": {…}}], "customer_agreement": {…}}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use futures::try_join;
use license_api::{
    ApiError, Doc, LEARNERS_AND_ADMINS, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess, Window,
    doc::{self, Shape},
    wire,
};
use license_domain::EnterpriseId;
use license_domain::number::to_u64;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Context, holdings,
    selected::{ACTIVE_PLANS_ONLY, CURRENT_PLANS_ONLY, INCLUDE_REVOKED, LearnerLicenseFilter},
};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/learner-licenses/",
    access: RouteAccess::Roles { roles: LEARNERS_AND_ADMINS, listing: true, missing: RequiredPermission::Unnamed },
    doc: &Doc {
        summary: "The caller's licenses of a customer",
        query: &[
            doc::THE_ENTERPRISE,
            ACTIVE_PLANS_ONLY,
            CURRENT_PLANS_ONLY,
            INCLUDE_REVOKED,
            doc::STATUS,
            doc::SEARCH,
            doc::ORDERING,
            doc::ACTIVE_ONLY,
            doc::IGNORE_NULL_EMAILS,
            doc::PAGE,
            doc::PAGE_SIZE,
        ],
        body: &[],
        answers: &[doc::ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<LearnerLicensesResponse>))],
    },
};

const PAGE_SIZE: usize = 10;
const MAX_PAGE_SIZE: usize = 100;

/// A page of the caller's licenses.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LearnerLicenses")]
pub struct LearnerLicensesResponse {
    next: Option<String>,
    previous: Option<String>,
    count: u64,
    num_pages: u64,
    current_page: u64,
    start: u64,
    results: Vec<wire::LearnerLicense>,
    customer_agreement: Option<wire::MinimalAgreement>,
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<LearnerLicensesResponse>, ApiError> {
    let access = requester.require_listing(LEARNERS_AND_ADMINS)?;
    let Some(enterprise) = params.uuid::<EnterpriseId>(&doc::THE_ENTERPRISE)? else {
        let text = "The parameter enterprise_customer_uuid is required.";
        return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
    };
    if requester.principal.email.is_none() {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "The token names no email address."));
    }
    let selected = LearnerLicenseFilter::parse(&params)?;
    // The agreement is shown only to requesters with access to the customer.
    if !access.includes(enterprise) {
        return Ok(Json(LearnerLicensesResponse::new(&page, &window(&page, 0)?, Vec::new(), None)));
    }
    let (held, portfolio, products) = try_join!(
        holdings::of(context.learners.as_ref(), &requester),
        context.portfolios.portfolio_of_enterprise(enterprise),
        context.portfolios.products(),
    )?;
    let Some(portfolio) = portfolio else {
        return Ok(Json(LearnerLicensesResponse::new(&page, &window(&page, 0)?, Vec::new(), None)));
    };
    let now = context.app.now();
    let licenses = selected.of(held, &portfolio, now);
    let window = window(&page, licenses.len())?;
    let licenses = window.of(licenses);
    let results = licenses.iter().map(|license| wire::LearnerLicense::new(license, &portfolio, &products, now));
    let agreement = wire::MinimalAgreement::new(&portfolio, now);
    Ok(Json(LearnerLicensesResponse::new(&page, &window, results.collect(), Some(agreement))))
}

fn window(page: &PageQuery, count: usize) -> Result<Window, ApiError> {
    page.window(to_u64(count), PAGE_SIZE, MAX_PAGE_SIZE)
}

impl LearnerLicensesResponse {
    fn new(
        page: &PageQuery,
        window: &Window,
        results: Vec<wire::LearnerLicense>,
        customer_agreement: Option<wire::MinimalAgreement>,
    ) -> Self {
        Self {
            next: window.next(page),
            previous: window.previous(page),
            count: window.count,
            num_pages: window.pages,
            current_page: window.number,
            start: window.offset(),
            results,
            customer_agreement,
        }
    }
}
