//! The forms that create and change agreements, plans, renewals, products and plan types. Each has three steps: the form, a preview that says what
//! would change and what follows from it, and the change, which takes a reason. Drafts and changes are the API's own
//! ([`license_use_cases`]).
//!
//! A form carries what it showed first and the version of that. If the thing was changed meanwhile, the person sees what it was,
//! what it is now and what they wanted, and decides anew. What is sent twice changes once: [`crate::once`].

mod agreement;
mod complaints;
mod field;
mod plan;
mod product;
mod renewal;
mod views;

pub use self::renewal::of as renewal_consequences;

use std::collections::HashMap;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use license_api::{ApiError, Requester};
use license_domain::RenewalId;
use serde_json::{Map, Value};

use self::{
    complaints::Complaints,
    field::{Field, Sent},
    views::{form_page, preview_page},
};
use crate::{
    Access, Context, Page, Pages, Right,
    error::PageError,
    form::Form,
    guard::Operator,
    once::{NO_REASON, once, reason},
    render::{Frame, page},
};

/// The field with the kind of a reason, which plans have.
const CHANGE_REASON: &str = "change_reason";

/// What a form creates or changes.
#[derive(Clone, Copy, Debug)]
enum Noun {
    NewAgreement,
    Agreement,
    NewPlan,
    Plan,
    NewRenewal,
    Renewal,
    NewProduct,
    Product,
    NewPlanType,
    PlanType,
}

/// The three steps of a form at that path.
macro_rules! steps {
    ($path:literal) => {{
        const PROVISION: Access = Access::Needs(Right::Provision);
        [Page::get($path, PROVISION), Page::post(concat!($path, "preview/"), PROVISION), Page::post($path, PROVISION)]
    }};
}

impl Noun {
    const ALL: [Self; 10] = [
        Self::NewAgreement,
        Self::Agreement,
        Self::NewPlan,
        Self::Plan,
        Self::NewRenewal,
        Self::Renewal,
        Self::NewProduct,
        Self::Product,
        Self::NewPlanType,
        Self::PlanType,
    ];

    const fn pages(self) -> [Page; 3] {
        match self {
            Self::NewAgreement => steps!("/admin/customers/new/"),
            Self::Agreement => steps!("/admin/customers/{id}/change/"),
            Self::NewPlan => steps!("/admin/customers/{id}/plans/new/"),
            Self::Plan => steps!("/admin/plans/{id}/change/"),
            Self::NewRenewal => steps!("/admin/plans/{id}/renew/"),
            Self::Renewal => steps!("/admin/renewals/{id}/change/"),
            Self::NewProduct => steps!("/admin/products/new/"),
            Self::Product => steps!("/admin/products/{id}/change/"),
            Self::NewPlanType => steps!("/admin/plan-types/new/"),
            Self::PlanType => steps!("/admin/plan-types/{id}/change/"),
        }
    }
}

/// The forms' pages, each with its handler.
pub fn add_to(mut pages: Pages) -> Pages {
    for noun in Noun::ALL {
        let [form, preview, confirm] = noun.pages();
        pages = pages
            .add(form, move |context, operator, path| begin(noun, context, operator, path))
            .add(preview, move |context, operator, path, form| look_ahead(noun, context, operator, path, form))
            .add(confirm, move |context, operator, path, form| carry_out(noun, context, operator, path, form));
    }
    pages
}

/// What a form is about.
#[derive(Debug)]
struct Subject {
    title: String,
    /// The page that the form belongs to: its address and what it is called.
    back: (String, String),
    /// Where the form is.
    path: String,
    fields: Vec<Field>,
    /// What the form shows first.
    values: Map<String, Value>,
    /// The version of that, of something that is there.
    version: Option<String>,
}

impl Subject {
    /// What the form shows first, in one field.
    fn first(&self, field: &Field) -> String {
        field.text(self.values.get(field.name).unwrap_or(&Value::Null))
    }

    /// The body of the API that the form stands for.
    fn body(&self, sent: &Sent) -> Map<String, Value> {
        if self.version.is_none() {
            return sent.body_of_new(&self.fields);
        }
        let mut body = sent.body_of_change(&self.fields);
        // The kind of the reason goes with every change, whether another one was chosen or not.
        if let Some(field) = self.fields.iter().find(|field| field.name == CHANGE_REASON) {
            body.insert(field.name.to_owned(), field.value(sent.text(field.name)));
        }
        body
    }

    /// Whether the form changes anything: a kind of reason alone is no change.
    fn is_idle(&self, sent: &Sent) -> bool {
        self.version.is_some() && self.body(sent).keys().all(|name| name == CHANGE_REASON)
    }

    /// Whether it was changed since the form showed it.
    fn is_stale(&self, sent: &Sent) -> bool {
        self.version.as_ref().is_some_and(|version| *version != sent.version)
    }
}

/// What a change would lead to.
#[derive(Debug)]
struct Draft {
    after: Map<String, Value>,
    consequences: Vec<String>,
}

type Id = Path<HashMap<String, String>>;

fn id_of<T: std::str::FromStr>(Path(path): &Id) -> Result<T, PageError> {
    path.get("id").and_then(|id| id.parse().ok()).ok_or_else(PageError::not_found)
}

async fn subject(noun: Noun, context: &Context, id: &Id) -> Result<Subject, PageError> {
    match noun {
        Noun::NewAgreement => Ok(agreement::of_new()),
        Noun::Agreement => agreement::of_there(context, id_of(id)?).await,
        Noun::NewPlan => plan::of_new(context, id_of(id)?).await,
        Noun::Plan => plan::of_there(context, id_of(id)?).await,
        Noun::NewRenewal => renewal::of_new(context, id_of(id)?).await,
        Noun::Renewal => renewal::of_there(context, RenewalId(id_of(id)?)).await,
        Noun::NewProduct => product::of_new(context).await,
        Noun::Product => product::of_there(context, id_of(id)?).await,
        Noun::NewPlanType => Ok(product::of_new_plan_type()),
        Noun::PlanType => product::of_plan_type(context, id_of(id)?).await,
    }
}

async fn draft(noun: Noun, context: &Context, id: &Id, body: Map<String, Value>) -> Result<Draft, Failure> {
    Ok(match noun {
        Noun::NewAgreement => agreement::draft_of_new(context, body).await?,
        Noun::Agreement => agreement::draft(context, id_of(id)?, body).await?,
        Noun::NewPlan => plan::draft_of_new(context, id_of(id)?, body).await?,
        Noun::Plan => plan::draft(context, id_of(id)?, body).await?,
        Noun::NewRenewal => renewal::draft_of_new(context, id_of(id)?, body).await?,
        Noun::Renewal => renewal::draft(context, RenewalId(id_of(id)?), body).await?,
        Noun::NewProduct => product::draft_of_new(context, body).await?,
        Noun::Product => product::draft(context, id_of(id)?, body).await?,
        Noun::NewPlanType => product::draft_of_new_plan_type(context, body).await?,
        Noun::PlanType => product::draft_of_plan_type(context, id_of(id)?, body).await?,
    })
}

/// Makes the change: the page that shows it.
async fn commit(
    noun: Noun,
    context: &Context,
    requester: Requester,
    (id, version): (&Id, &str),
    body: Map<String, Value>,
) -> Result<String, ApiError> {
    let malformed = |_: PageError| ApiError::malformed();
    match noun {
        Noun::NewAgreement => agreement::create(context, requester, body).await,
        Noun::Agreement => agreement::change(context, requester, (id_of(id).map_err(malformed)?, version), body).await,
        Noun::NewPlan => plan::create(context, requester, id_of(id).map_err(malformed)?, body).await,
        Noun::Plan => plan::change(context, requester, (id_of(id).map_err(malformed)?, version), body).await,
        Noun::NewRenewal => renewal::create(context, requester, id_of(id).map_err(malformed)?, body).await,
        Noun::Renewal => {
            let id = RenewalId(id_of(id).map_err(malformed)?);
            renewal::change(context, requester, (id, version), body).await
        }
        Noun::NewProduct => product::create(context, requester, body).await,
        Noun::Product => product::change(context, requester, (id_of(id).map_err(malformed)?, version), body).await,
        Noun::NewPlanType => product::create_plan_type(context, requester, body).await,
        Noun::PlanType => {
            let id = id_of(id).map_err(malformed)?;
            product::change_plan_type(context, requester, (id, version), body).await
        }
    }
}

/// Why a draft or a change was not made.
enum Failure {
    /// What the person can mend in the form.
    Complaints(StatusCode, Complaints),
    /// It was changed meanwhile.
    Stale,
    /// Anything else.
    Page(PageError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let status = error.status();
        match error {
            ApiError::Refused(StatusCode::PRECONDITION_FAILED, _) => Self::Stale,
            ApiError::Refused(
                StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY,
                body,
            ) => Self::Complaints(status, Complaints::of_body(&body)),
            ApiError::Upstream { service, .. } => {
                let text =
                    format!("The {service} did not respond, so that this could not be checked. Please try again.");
                // Its response is of the API; making it logs and counts the failure.
                let _ = error.into_response();
                Self::Complaints(status, Complaints::of_form(&text))
            }
            error => Self::Page(error.into()),
        }
    }
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

async fn begin(noun: Noun, State(context): State<Context>, operator: Operator, id: Id) -> Result<Response, PageError> {
    let subject = subject(noun, &context, &id).await?;
    Ok(form_page(&operator, &subject, None, &Complaints::default(), StatusCode::OK))
}

async fn look_ahead(
    noun: Noun,
    State(context): State<Context>,
    operator: Operator,
    id: Id,
    form: Form,
) -> Result<Response, PageError> {
    let subject = subject(noun, &context, &id).await?;
    let sent = Sent::read(&subject.fields, &form);
    preview(noun, (&context, &operator), (&subject, &id), (&sent, &form), "").await
}

async fn preview(
    noun: Noun,
    (context, operator): (&Context, &Operator),
    (subject, id): (&Subject, &Id),
    (sent, form): (&Sent, &Form),
    complaint: &'static str,
) -> Result<Response, PageError> {
    if subject.is_stale(sent) {
        return Ok(stale(operator, subject, sent));
    }
    if subject.is_idle(sent) {
        let complaints = Complaints::of_form("Nothing is changed.");
        return Ok(form_page(operator, subject, Some(sent), &complaints, StatusCode::BAD_REQUEST));
    }
    match draft(noun, context, id, subject.body(sent)).await {
        Ok(draft) => Ok(preview_page((context, operator), subject, (sent, form), &draft, complaint)),
        Err(failure) => failed(operator, subject, sent, failure),
    }
}

fn failed(operator: &Operator, subject: &Subject, sent: &Sent, failure: Failure) -> Result<Response, PageError> {
    match failure {
        Failure::Complaints(status, complaints) => Ok(form_page(operator, subject, Some(sent), &complaints, status)),
        Failure::Stale => Ok(stale(operator, subject, sent)),
        Failure::Page(error) => Err(error),
    }
}

fn stale(operator: &Operator, subject: &Subject, sent: &Sent) -> Response {
    form_page(operator, subject, Some(sent), &Complaints::default(), StatusCode::CONFLICT)
}

async fn carry_out(
    noun: Noun,
    State(context): State<Context>,
    operator: Operator,
    id: Id,
    form: Form,
) -> Result<Response, PageError> {
    let subject_now = subject(noun, &context, &id).await?;
    let sent = Sent::read(&subject_now.fields, &form);
    let Some(reason) = reason(&form) else {
        return preview(noun, (&context, &operator), (&subject_now, &id), (&sent, &form), NO_REASON).await;
    };
    // Whether it was changed meanwhile is found by the change itself: a form that is sent again must find its own outcome.
    let body = subject_now.body(&sent);
    let change = |requester| commit(noun, &context, requester, (&id, &sent.version), body.clone());
    match once(&context, &operator, (&subject_now.path, &form), reason, change).await {
        Ok(to) => Ok(page(&views::Done { frame: Frame::of(&operator, format!("{}: done", subject_now.title)), to })),
        Err(error) => {
            // It may have been changed since it was read above.
            let subject_now = subject(noun, &context, &id).await?;
            failed(&operator, &subject_now, &sent, error.into())
        }
    }
}
