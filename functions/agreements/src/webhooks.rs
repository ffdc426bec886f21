//! Webhooks: URLs of a customer's own systems to which the customer's events are delivered. For the customer's admins.

mod body;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod replay;
mod response;
pub mod update;

use base64::{Engine, engine::general_purpose::STANDARD};
use license_api::{ADMINS, ApiError, AppState, Requester, RequiredPermission, RouteAccess, id};
use license_domain::{AgreementId, Portfolio, Random, Webhook, WebhookId, webhook::WebhookSecret};
use license_storage::Webhooks;
use license_use_cases::webhooks;

use crate::Context;

/// The required permission.
const ACCESS: RouteAccess = RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin };

/// The prefix of secrets, by which a secret that leaked can be recognized.
const SECRET_PREFIX: &str = "whsec_";

/// A new secret, of 256 random bits.
fn secret(random: &dyn Random) -> WebhookSecret {
    let bits = [random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat();
    WebhookSecret(format!("{SECRET_PREFIX}{}", STANDARD.encode(bits)))
}

/// The agreement in the path, for an admin of its customer. Other requesters get the same response whether it exists or
/// not.
async fn agreement(context: &Context, requester: &Requester, agreement: &str) -> Result<Portfolio, ApiError> {
    let agreement: AgreementId = id(agreement)?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
}

async fn find(context: &Context, portfolio: &Portfolio, webhook: WebhookId) -> Result<Webhook, ApiError> {
    webhooks::find(context.webhooks.as_ref(), portfolio, webhook).await
}

/// What changes of webhooks need.
fn ports(context: &Context) -> (&AppState, &dyn Webhooks) {
    (&context.app, context.webhooks.as_ref())
}
