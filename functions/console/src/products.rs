//! `GET /admin/products/`: the products and plan types, which plans are sold as, and the newest changes of them.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::try_join;
use license_domain::{PlanType, ProductCatalog};
use license_storage::ProductChange;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    guard::Operator,
    moment::Moment,
    render::{Frame, page},
    show,
};

/// The products and plan types.
pub const ROUTE: Page = Page::get("/admin/products/", Access::Needs(Right::View));

/// How many changes are shown.
const CHANGES: usize = 50;

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    frame: Frame,
    products: Vec<ProductLine>,
    plan_types: Vec<PlanType>,
    changes: Vec<ChangeLine>,
}

struct ProductLine {
    id: i64,
    name: String,
    description: String,
    plan_type: String,
    netsuite: String,
    salesforce: String,
}

struct ChangeLine {
    at: Moment,
    subject: String,
    actor: String,
    reason: String,
    changes: Vec<String>,
}

impl From<&ProductChange> for ChangeLine {
    fn from(change: &ProductChange) -> Self {
        Self {
            at: change.at.into(),
            subject: change.subject.clone(),
            actor: change.actor.clone(),
            reason: change.reason.clone(),
            changes: show::fields(&change.changes),
        }
    }
}

fn lines(catalog: &ProductCatalog) -> Vec<ProductLine> {
    let mut lines: Vec<ProductLine> = catalog
        .products
        .iter()
        .map(|product| ProductLine {
            id: product.id.0,
            name: product.name.clone(),
            description: product.description.clone(),
            plan_type: catalog.plan_type(product.id).map(|kind| kind.label.clone()).unwrap_or_default(),
            netsuite: product.netsuite_id.map(|id| id.to_string()).unwrap_or_default(),
            salesforce: product.salesforce_product_id.clone().unwrap_or_default(),
        })
        .collect();
    lines.sort_by_key(|line| line.id);
    lines
}

pub async fn handle(State(context): State<Context>, operator: Operator) -> Result<Response, PageError> {
    let (catalog, changes) = try_join!(context.products.stored_products(), context.products.product_changes(CHANGES))?;
    let mut plan_types = catalog.plan_types.clone();
    plan_types.sort_by_key(|kind| kind.id);
    Ok(page(&ProductsPage {
        frame: Frame::of(&operator, "Products and plan types"),
        products: lines(&catalog),
        plan_types,
        changes: changes.iter().map(ChangeLine::from).collect(),
    }))
}
