//! Having a mail of unknown fate, or a refused one, sent again to those who may not have it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{Delivery, DeliveryId, DeliveryState};

use crate::{
    Access, Context, Page, Right, confirm::Confirmation, error::PageError, form::Form, guard::Operator, once,
    render::redirect,
};

const SUPPORT: Access = Access::Needs(Right::Support);

/// What would happen.
pub const FORM: Page = Page::get("/admin/mails/{mail}/send/", SUPPORT);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/mails/{mail}/send/", SUPPORT);

const SETTLED: &str = "It is known that everyone has this mail, or it was sent again before.";

async fn find(context: &Context, mail: &str) -> Result<Delivery, PageError> {
    let id: DeliveryId = mail.parse().map_err(|_| PageError::not_found())?;
    context.deliveries.delivery(&id).await?.ok_or_else(PageError::not_found)
}

const fn is_open(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Unknown | DeliveryState::Refused)
}

fn path(delivery: &Delivery) -> String {
    format!("/admin/mails/{}/send/", delivery.id)
}

fn confirmation(delivery: &Delivery) -> Confirmation {
    let (unknown, refused) = (delivery.unknown.len(), delivery.refused.len());
    Confirmation {
        title: "Send the mail again".to_owned(),
        back: ("/admin/mails/".to_owned(), "Mails that need attention".to_owned()),
        path: path(delivery),
        lines: vec![
            format!("The mail “{}” was for {} people.", delivery.kind.as_str(), delivery.people),
            format!("{unknown} of them may have it already, and may get it twice; {refused} were refused."),
            "It goes to these again, and to no one else.".to_owned(),
        ],
        ..Confirmation::default()
    }
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path(mail): Path<String>,
) -> Result<Response, PageError> {
    let delivery = find(&context, &mail).await?;
    if !is_open(&delivery) {
        return Err(PageError::refused(StatusCode::CONFLICT, "Not done", SETTLED));
    }
    Ok(confirmation(&delivery).page((&context, &operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path(mail): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let delivery = find(&context, &mail).await?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&delivery).page((&context, &operator), Some(&form)));
    };
    let change = |requester| resend(&context, &delivery, requester);
    once::once(&context, &operator, (&path(&delivery), &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect("/admin/mails/"))
}

async fn resend(context: &Context, seen: &Delivery, requester: Requester) -> Result<(), ApiError> {
    if let Some(()) = requester.recorded().await? {
        return Ok(());
    }
    let settled = || ApiError::text(StatusCode::CONFLICT, SETTLED);
    if !is_open(seen) {
        return Err(settled());
    }
    let portfolio = context.portfolios.portfolio(seen.agreement).await?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let change = requester.change("resend mail").await?;
    if context.deliveries.resend(&portfolio, seen, &change).await? { Ok(()) } else { Err(settled()) }
}
