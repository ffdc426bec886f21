//! `GET /admin/mails/`: mails of unknown fate, or refused, of all customers or one. `…/licenses/{license}/mails/`: the mails that the
//! latest changes of a license asked for, and their fate.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{AgreementId, Delivery, DeliveryId, DeliveryState, LicenseId, Subject};
use license_storage::AuditQuery;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    plan,
    render::{Frame, page},
    show,
};

/// Mails that need attention.
pub const UNSETTLED: Page = Page::get("/admin/mails/", Access::Needs(Right::Support));
/// Mails about a license.
pub const OF_LICENSE: Page = Page::get("/admin/plans/{plan}/licenses/{license}/mails/", Access::Needs(Right::Support));

/// How many mails are listed at most.
const MAX: usize = 500;

/// How many changes of a license are looked at, and how many mails one change may have asked for: so many consequences, each in so
/// many parts of 50 people.
const CHANGES: usize = 10;
const CONSEQUENCES: usize = 3;
const PARTS: usize = 2;

/// How many reads are made at once.
const PARALLEL: usize = 12;

#[derive(Template)]
#[template(path = "mails.html")]
struct MailsPage {
    frame: Frame,
    back: Option<(String, String)>,
    note: &'static str,
    mails: Vec<MailLine>,
}

struct MailLine {
    id: String,
    kind: &'static str,
    state: String,
    may_be_sent: bool,
    agreement: AgreementId,
    plan: Option<license_domain::PlanId>,
    people: usize,
    unknown: usize,
    refused: usize,
    calls: u32,
    transport: String,
    at: Moment,
}

impl From<&Delivery> for MailLine {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            kind: delivery.kind.as_str(),
            state: show::word(&delivery.state),
            may_be_sent: matches!(delivery.state, DeliveryState::Unknown | DeliveryState::Refused),
            agreement: delivery.agreement,
            plan: delivery.plan,
            people: delivery.people,
            unknown: delivery.unknown.len(),
            refused: delivery.refused.len(),
            calls: delivery.calls,
            transport: delivery.transport.clone(),
            at: delivery.at.into(),
        }
    }
}

pub async fn unsettled(
    State(context): State<Context>,
    operator: Operator,
    query: Query,
) -> Result<Response, PageError> {
    let customer: Option<AgreementId> = match query.get("customer") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| PageError::not_found())?),
    };
    let mails = context.deliveries.unsettled(MAX).await?;
    let is_meant = |mail: &&Delivery| customer.is_none_or(|customer| mail.agreement == customer);
    Ok(page(&MailsPage {
        frame: Frame::of(&operator, "Mails that need attention"),
        back: customer.map(|id| (format!("/admin/customers/{id}/"), "The customer".to_owned())),
        note: "Mails whose fate is not known, or that were refused; the oldest first.",
        mails: mails.iter().filter(is_meant).map(MailLine::from).collect(),
    }))
}

pub async fn of_license(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, license)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (_, plan) = plan::find(&context, &plan).await?;
    let id: LicenseId = license.parse().map_err(|_| PageError::not_found())?;
    context.licenses.license(&plan, id).await?.ok_or_else(PageError::not_found)?;
    let trail = AuditQuery { limit: Some(CHANGES), ..AuditQuery::default() };
    let trail = context.audit_trails.trail(Subject::License(id), trail).await?;
    let ids = trail.iter().flat_map(|entry| {
        let event = entry.event;
        (0..CONSEQUENCES)
            .flat_map(move |consequence| (0..PARTS).map(move |part| DeliveryId { event, consequence, part }))
    });
    let ids: Vec<DeliveryId> = ids.collect();
    let reads: Vec<_> = ids.iter().map(|id| context.deliveries.delivery(id)).collect();
    let mails: Vec<Option<Delivery>> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;
    Ok(page(&MailsPage {
        frame: Frame::of(&operator, format!("Mails about license {id}")),
        back: Some((format!("/admin/plans/{}/licenses/{id}/", plan.uuid), "The license".to_owned())),
        note: "The mails of the latest ten changes, and whether they were sent. A mail of a change of many licenses is for all its learners.",
        mails: mails.iter().flatten().map(MailLine::from).collect(),
    }))
}
