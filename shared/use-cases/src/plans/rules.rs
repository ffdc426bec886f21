//! Rules for new and changed plans.

use axum::http::StatusCode;
use license_api::{ApiError, Body, Complaints};
use license_domain::{
    CatalogId, CustomerAgreement, ProductCatalog, ProductId, maxima::MAX_LINE_ITEM, plan::MAX_LICENSES,
};
use serde_json::{Value, json};
use strum::VariantArray;

use crate::{Provisioning, plans::body::PlanBody};

/// The prefix of a line item's id in Salesforce.
const LINE_ITEM_PREFIX: &str = "00k";

/// Why a plan is not created or changed, if no single field is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray, thiserror::Error)]
pub enum Refusal {
    #[error("An error occurred: There is no such customer agreement.")]
    NoAgreement,
    #[error("An error occurred: The request's body is not an object.")]
    NoObject,
    #[error("An error occurred: The Salesforce ID has more than {MAX_LINE_ITEM} characters.")]
    LongLineItem,
    #[error("An error occurred: There is no such product.")]
    NoProduct,
    #[error("An error occurred: You must specify Salesforce ID for selected product. It must start with '00k'.")]
    NoLineItem,
    #[error("An error occurred: The plan needs a catalog, as its customer agreement has no default one.")]
    NoCatalog,
    #[error("An error occurred: A catalog with the given UUID does not exist for this enterprise customer.")]
    ForeignCatalog,
    #[error("An error occurred: Only plans for internal use may have more than 1000000 licenses.")]
    TooManyLicenses,
    #[error("Unknown error.")]
    NegativeLicenses,
    #[error("Unknown error.")]
    Unknown,
    #[error("An error occurred: A plan cannot move to another customer agreement.")]
    OtherAgreement,
    #[error("An error occurred: The customer agreement has a plan of that title.")]
    TitleTaken,
}

impl Refusal {
    /// The refusal that this sentence of the contract describes.
    pub fn of_sentence(sentence: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|refusal| refusal.to_string() == sentence)
    }

    /// The field that a person can change to mend it.
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::LongLineItem | Self::NoLineItem => Some("salesforce_opportunity_line_item"),
            Self::NoProduct => Some("product"),
            Self::NoCatalog | Self::ForeignCatalog => Some("enterprise_catalog_uuid"),
            Self::TooManyLicenses | Self::NegativeLicenses => Some("desired_num_licenses"),
            Self::TitleTaken => Some("title"),
            Self::OtherAgreement => Some("customer_agreement"),
            Self::NoAgreement | Self::NoObject | Self::Unknown => None,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::error(StatusCode::BAD_REQUEST, refusal.to_string())
    }
}

/// Reads the body of a new plan. Some errors are sentences in the contract: a body that is not an object, a line item
/// that is too long.
pub fn read(body: Result<Body, ApiError>) -> Result<PlanBody, ApiError> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::BAD_REQUEST => Refusal::NoObject.into(),
        _ => error,
    })?;
    let line_item = body.0.get("salesforce_opportunity_line_item").and_then(Value::as_str);
    if line_item.is_some_and(|id| id.chars().nth(MAX_LINE_ITEM).is_some()) {
        return Err(Refusal::LongLineItem.into());
    }
    PlanBody::read(&body).map_err(complain)
}

/// 400 with messages about a plan's fields.
pub fn complain(complaints: Complaints) -> ApiError {
    ApiError::json(StatusCode::BAD_REQUEST, json!({ "error": complaints.into_value() }))
}

/// Checks that the product exists, and that there is a line item if plans of its type need one.
pub fn check_product(product: ProductId, line_item: Option<&str>, products: &ProductCatalog) -> Result<(), ApiError> {
    if products.product(product).is_none() {
        let complaint = format!("Invalid pk \"{product}\" - object does not exist.");
        return Err(complain(Complaints::of("product", complaint)));
    }
    let is_needed = products.plan_type(product).is_some_and(|kind| kind.sf_id_required);
    if is_needed && !line_item.is_some_and(|id| id.starts_with(LINE_ITEM_PREFIX)) {
        return Err(Refusal::NoLineItem.into());
    }
    Ok(())
}

/// Checks that the plan has a catalog, and that its own catalog belongs to the customer according to the catalog
/// service.
pub async fn check_catalog(
    context: &Provisioning,
    catalog: Option<CatalogId>,
    agreement: &CustomerAgreement,
) -> Result<(), ApiError> {
    let Some(catalog) = catalog else {
        return agreement.default_enterprise_catalog_uuid.map(|_| ()).ok_or_else(|| Refusal::NoCatalog.into());
    };
    match context.catalogs.belongs_to(catalog, agreement.enterprise_customer_uuid).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::ForeignCatalog.into()),
        Err(error) => Err(ApiError::Upstream {
            service: "catalog service",
            cause: error.to_string(),
            retryable: error.is_retryable(),
        }),
    }
}

/// Checks the number of licenses.
pub fn check_size(desired: i64, for_internal_use_only: bool) -> Result<u64, Refusal> {
    let total = u64::try_from(desired).map_err(|_| Refusal::NegativeLicenses)?;
    if total > MAX_LICENSES && !for_internal_use_only { Err(Refusal::TooManyLicenses) } else { Ok(total) }
}
