//! `POST /api/v1/subscriptions/{plan}/licenses/remind/`: reminds learners of licenses that they have not activated: the
//! given learners, or those whom the filters match.
//!
//! ```json
//! {"user_emails": ["ann@example.com"], "greeting": "Hello!", "closing": "Bye."}
//! {"filters": [{"name": "user_email", "filter_value": "@example.com"}]}
//! ```
//!
//! The response is 204, or 404 if one of the given learners has no such license: then none is reminded. The time of the
//! reminder and its mail are written in one transaction.

use std::collections::HashSet;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use futures::{StreamExt, TryStreamExt, stream, try_join};
use license_api::{
    ADMINS, ApiError, Body, Complaints, Doc, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{CLOSING, GREETING, ResponseDoc, Shape},
    id,
};
use license_domain::{EmailAddress, EmailKey, LicenseStatus, PlanId, Portfolio, SubscriptionPlan};
use license_storage::{LicenseFilter, MAX_PREFETCHED, Prefetch, RemindRequest};

use serde_json::Value;

use crate::{
    Context,
    inline::inline_error,
    plan,
    recipients::{EMAILS_OR_FILTERS, FILTERS, Recipients},
};

body! {
    /// The learners to remind, and the texts of the mail.
    pub struct RemindBody {
        user_emails: Option<Vec<EmailAddress>> = EMAILS_OR_FILTERS,
        filters: Option<Vec<Value>> = FILTERS,
        greeting: Option<String> = GREETING,
        closing: Option<String> = CLOSING,
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/remind/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Remind learners of licenses that they have not activated",
        query: &[],
        body: RemindBody::FIELDS,
        answers: &[
            ResponseDoc::new(204, "They are reminded.", Shape::Nothing),
            ResponseDoc::new(404, "None of the learners has a license that is not activated.", Shape::Any),
        ],
    },
};

/// How many parts of a long list are read at the same time.
const READS_AT_ONCE: usize = 8;

/// The admin's texts before and after the mail's own text.
#[derive(Debug, Default)]
pub struct MailTexts {
    greeting: Option<String>,
    closing: Option<String>,
}

impl MailTexts {
    /// An empty text counts as none.
    pub fn new(greeting: Option<String>, closing: Option<String>) -> Self {
        let is_said = |text: &String| !text.is_empty();
        Self { greeting: greeting.filter(is_said), closing: closing.filter(is_said) }
    }
}

/// As in assigning, the agreement and the learners' slots are read at the same time, and an invalid body gets 400 only
/// from requesters who may remind.
pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<StatusCode, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let parsed = body.and_then(|body| Ok(parse(&body)?));
    let keys: Vec<EmailKey> = parsed.as_ref().map(|(recipients, _)| recipients.keys()).unwrap_or_default();
    let (portfolio, prefetch) =
        try_join!(context.portfolios.portfolio_of_plan(plan), context.prefetches.prefetch(plan, &keys))?;
    plan::require(&requester, portfolio.as_ref())?;
    let (recipients, words) = parsed?;
    let (portfolio, plan) = plan::found_or_text(portfolio.as_ref(), plan)?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    match recipients {
        Recipients::Learners(emails) => {
            let pending = pending(&context, plan, &keys, &prefetch).await?;
            if let Some(missing) = emails.iter().find(|email| !pending.contains(&email.key())) {
                return Err(none_pending(Some(missing)));
            }
            send(&context, &requester, portfolio, plan, emails, words, prefetch).await
        }
        Recipients::Filtered(filter) => {
            let emails = waiting(&context, plan, filter).await?;
            // Unlike for a given learner, there is no error for a learner whom a filter no longer matches.
            if emails.is_empty() {
                return Ok(StatusCode::NO_CONTENT);
            }
            send(&context, &requester, portfolio, plan, emails, words, Prefetch::default()).await
        }
    }
}

/// The learners who have not activated: by the prefetch, or by as many reads as are needed.
async fn pending(
    context: &Context,
    plan: &SubscriptionPlan,
    keys: &[EmailKey],
    prefetch: &Prefetch,
) -> Result<HashSet<EmailKey>, ApiError> {
    if keys.len() <= MAX_PREFETCHED {
        return Ok(prefetch.held(plan.uuid, keys, LicenseStatus::Assigned)?);
    }
    let reads = keys.chunks(MAX_PREFETCHED).map(|some| async move {
        context.prefetches.prefetch(plan.uuid, some).await?.held(plan.uuid, some, LicenseStatus::Assigned)
    });
    let found: Vec<HashSet<EmailKey>> =
        stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn parse(body: &Body) -> Result<(Recipients, MailTexts), Complaints> {
    let RemindBody { user_emails, filters, greeting, closing } = RemindBody::read(body)?;
    Ok((Recipients::new(user_emails, filters)?, MailTexts::new(greeting, closing)))
}

/// The learners whom the filter matches and who have not activated.
async fn waiting(
    context: &Context,
    plan: &SubscriptionPlan,
    mut filter: LicenseFilter,
) -> Result<Vec<EmailAddress>, ApiError> {
    let statuses = filter.statuses.get_or_insert_with(|| LicenseStatus::ALL.to_vec());
    statuses.retain(|status| *status == LicenseStatus::Assigned);
    Ok(Recipients::Filtered(filter).learners(context.licenses.as_ref(), plan).await?)
}

/// Reminds all learners who have not activated.
pub async fn send_to_all(
    context: &Context,
    requester: &Requester,
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    words: MailTexts,
) -> Result<StatusCode, ApiError> {
    let emails = waiting(context, plan, LicenseFilter::default()).await?;
    if emails.is_empty() {
        return Err(none_pending(None));
    }
    send(context, requester, portfolio, plan, emails, words, Prefetch::default()).await
}

async fn send(
    context: &Context,
    requester: &Requester,
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    emails: Vec<EmailAddress>,
    words: MailTexts,
    prefetch: Prefetch,
) -> Result<StatusCode, ApiError> {
    let MailTexts { greeting, closing } = words;
    let change = requester.change("remind").await?;
    let request = RemindRequest { emails, greeting, closing, prefetch, change };
    context.runs.remind(portfolio, plan, request).await.map_err(inline_error)?;
    Ok(StatusCode::NO_CONTENT)
}

fn none_pending(named: Option<&EmailAddress>) -> ApiError {
    let text = "Could not find any licenses pending activation";
    let text = match named {
        Some(email) => format!("{text} that are associated with the email: {}", email.as_given()),
        None => text.to_owned(),
    };
    ApiError::text(StatusCode::NOT_FOUND, text)
}
