//! `GET /api/v1/mails/`: mails of unknown fate and refused mails, the oldest first. Staff decide whether `POST
//! /api/v1/mails/{mail}/send/` sends them again, to those who may not have them. A mail can be sent again while its
//! event is kept: seven days.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use license_api::{
    ApiError, Doc, Requester, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    wire,
};
use license_domain::{AgreementId, Delivery, DeliveryId, DeliveryState, EnterpriseId, MailKind, PlanId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

/// The most mails that are listed. If there are more, one by one is not the way to resolve them.
const MAX: usize = 500;

pub const LIST: Route = Route {
    method: "GET",
    path: "/api/v1/mails/",
    access: RouteAccess::Staff,
    doc: &Doc {
        summary: "Mails whose fate is not known, or that were refused",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The oldest first, 500 at most.", Shape::Of(doc::schema::<Vec<Mail>>))],
    },
};

pub const SEND: Route = Route {
    method: "POST",
    path: "/api/v1/mails/{mail}/send/",
    access: RouteAccess::Staff,
    doc: &Doc {
        summary: "Has a mail sent again to those who may not have it",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(202, "It will be.", Shape::Of(doc::schema::<Mail>)),
            ResponseDoc::new(409, "It was sent, or is being sent, or was sent again.", Shape::Detail),
        ],
    },
};

/// A mail: how many recipients it has, and for how many the outcome is known. It names no person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mail {
    id: String,
    kind: MailKind,
    state: DeliveryState,
    enterprise_customer_uuid: EnterpriseId,
    customer_agreement_uuid: AgreementId,
    subscription_plan_uuid: Option<PlanId>,
    people: usize,
    unknown: usize,
    refused: usize,
    calls: u32,
    transport: String,
    #[serde(serialize_with = "wire::time::serialize")]
    at: Timestamp,
}

impl From<&Delivery> for Mail {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            kind: delivery.kind,
            state: delivery.state,
            enterprise_customer_uuid: delivery.enterprise,
            customer_agreement_uuid: delivery.agreement,
            subscription_plan_uuid: delivery.plan,
            people: delivery.people,
            unknown: delivery.unknown.len(),
            refused: delivery.refused.len(),
            calls: delivery.calls,
            transport: delivery.transport.clone(),
            at: delivery.at,
        }
    }
}

pub async fn list(State(context): State<Context>, requester: Requester) -> Result<Json<Vec<Mail>>, ApiError> {
    requester.require_staff()?;
    let mails = context.deliveries.unsettled(MAX).await?;
    Ok(Json(mails.iter().map(Mail::from).collect()))
}

pub async fn send(
    State(context): State<Context>,
    requester: Requester,
    Path(mail): Path<String>,
) -> Result<(StatusCode, Json<Mail>), ApiError> {
    requester.require_staff()?;
    let mail: DeliveryId = mail.parse().map_err(|_| ApiError::not_found("Mail"))?;
    let seen = context.deliveries.delivery(&mail).await?.ok_or_else(|| ApiError::not_found("Mail"))?;
    if let Some(()) = requester.recorded().await? {
        return Ok((StatusCode::ACCEPTED, Json(Mail::from(&seen))));
    }
    let settled = || ApiError::detail(StatusCode::CONFLICT, "No recipient is known to lack this mail.");
    if !matches!(seen.state, DeliveryState::Unknown | DeliveryState::Refused) {
        return Err(settled());
    }
    let portfolio = context.portfolios.portfolio(seen.agreement).await?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let change = requester.change("resend mail").await?;
    if context.deliveries.resend(&portfolio, &seen, &change).await? {
        let after = Delivery { state: DeliveryState::Resent, at: change.at, ..seen };
        Ok((StatusCode::ACCEPTED, Json(Mail::from(&after))))
    } else {
        Err(settled())
    }
}
