//! Webhooks: addresses of a customer's own systems that are told of the customer's events. For the customer's admins.

mod body;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod replay;
mod response;
pub mod update;

use base64::{Engine, engine::general_purpose::STANDARD};
use license_api::{ADMINS, ApiError, Requester, RequiredPermission, RouteAccess, id};
use license_domain::{AgreementId, Portfolio, Random, Webhook, WebhookId, webhook::WebhookSecret};

use crate::Context;

/// Who may.
const ACCESS: RouteAccess = RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin };

/// What secrets begin with, so that whoever finds one knows what it is.
const SECRET_PREFIX: &str = "whsec_";

/// A new secret, of 256 random bits.
fn secret(random: &dyn Random) -> WebhookSecret {
    let bits = [random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat();
    WebhookSecret(format!("{SECRET_PREFIX}{}", STANDARD.encode(bits)))
}

/// The agreement that a path names, for an admin of its customer. To anybody else one that there is and one that there
/// is not are the same.
async fn agreement(context: &Context, requester: &Requester, agreement: &str) -> Result<Portfolio, ApiError> {
    let agreement: AgreementId = id(agreement)?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    requester.require(ADMINS, owner, RequiredPermission::Admin)?;
    portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
}

/// The agreement's webhook of that id.
async fn find(context: &Context, portfolio: &Portfolio, webhook: WebhookId) -> Result<Webhook, ApiError> {
    let known = context.webhooks.webhooks(portfolio.agreement.uuid).await?;
    known.into_iter().find(|known| known.uuid == webhook).ok_or_else(|| ApiError::not_found("Webhook"))
}
