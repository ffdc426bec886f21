//! Runs before every page: it finds the signed-in person, checks their rights, and checks that a form came from one of
//! our pages. A handler runs only after that, so that no page can omit it.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use license_api::{RequestId, csrf};
use license_domain::Principal;
use license_storage::Session;

use crate::{
    Access, Context,
    error::PageError,
    form::{Form, NotAForm},
    render::redirect,
    session,
};

/// The most bytes of a form.
const MAX_FORM: usize = 1_000_000;

/// The pages of a path, by method.
#[derive(Clone)]
pub struct Guarded {
    pub context: Context,
    pub get: Option<Access>,
    pub post: Option<Access>,
}

/// The person who requests a page or sends a form.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The person's identity and roles.
    pub person: Principal,
    /// The session.
    pub session: Session,
    /// The request's id.
    pub request_id: String,
    /// The token of forms.
    pub csrf: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let operator = parts.extensions.get::<Self>().cloned();
        operator.ok_or_else(|| PageError::forbidden("Please sign in."))
    }
}

/// Lets a request through to its page:
///
/// 1. The method is one that the path has, else 405.
/// 2. The request is counted: 429 if there were too many.
/// 3. A person who is not signed in is redirected to the LMS, unless the page is for everyone.
/// 4. A person without the page's right gets 403.
/// 5. A form must contain the token of the cookie and come from one of our pages, else 403.
pub async fn guard(State(guarded): State<Guarded>, request: Request, next: Next) -> Response {
    match admit(&guarded, request).await {
        Ok((request, new_token)) => {
            let mut response = next.run(request).await;
            if let Some(cookie) = new_token {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(response) => *response,
    }
}

type Admitted = (Request, Option<HeaderValue>);

async fn admit(guarded: &Guarded, request: Request) -> Result<Admitted, Box<Response>> {
    let context = &guarded.context;
    let refused = |error: PageError| Box::new(error.into_response());
    let (mut parts, body) = request.into_parts();
    let is_form = parts.method == Method::POST;
    let access = match parts.method {
        Method::GET | Method::HEAD => guarded.get,
        Method::POST => guarded.post,
        _ => None,
    };
    let access = access.ok_or_else(|| {
        let text = "This address does not take such a request.";
        refused(PageError::refused(StatusCode::METHOD_NOT_ALLOWED, "Not allowed", text))
    })?;
    let session = session::of_request(context, &parts.headers).await.map_err(refused)?;
    let username = session.as_ref().map(|session| session.username.as_str());
    context.app.count_page(&parts, username).await.map_err(Box::new)?;
    let known = csrf::token_of_cookie(&parts.headers).map(str::to_owned);
    let token = known.clone().unwrap_or_else(|| csrf::new_token(context.app.random().as_ref()));
    let person = match &session {
        Some(session) => Some(session::person(context, session).await.map_err(refused)?),
        None => None,
    };
    if let Access::Needs(right) = access {
        let Some(person) = &person else { return Err(Box::new(to_sign_in(&parts, is_form))) };
        if !right.is_of(person) {
            let text = format!("You are signed in as {}, who lacks the right “{}”.", person.username, right.as_str());
            return Err(refused(PageError::forbidden(text)));
        }
    }
    let body = if is_form {
        let bytes = to_bytes(body, MAX_FORM).await.map_err(|_| {
            let text = "The form is larger than a megabyte.";
            refused(PageError::refused(StatusCode::PAYLOAD_TOO_LARGE, "Too large", text))
        })?;
        let form = Form::read(&parts.headers, bytes.clone()).await.map_err(|NotAForm| {
            let text = "The form could not be read. A file must be text in UTF-8, such as a CSV.";
            refused(PageError::refused(StatusCode::BAD_REQUEST, "Not done", text))
        })?;
        let trusted = &context.app.settings().csrf_trusted_origins;
        csrf::check_form(&parts, form.get(csrf::FIELD), trusted).map_err(|_| {
            let text =
                "The form was not sent from a page of this console, or the page is too old. Please load it again.";
            refused(PageError::refused(StatusCode::FORBIDDEN, "Not allowed", text))
        })?;
        parts.extensions.insert(form);
        Body::from(bytes)
    } else {
        body
    };
    let cookie = known.is_none().then(|| HeaderValue::from_str(&csrf::set_cookie(&parts, &token)).ok()).flatten();
    if let (Some(person), Some(session)) = (person, session) {
        let request_id =
            parts.extensions.get::<RequestId>().expect("all routes have the layer that gives ids").0.clone();
        parts.extensions.insert(Operator { person, session, request_id, csrf: token });
    }
    Ok((Request::from_parts(parts, body), cookie))
}

/// Redirects a person who is not signed in to the sign-in, and from there back to the page. A form is refused, because
/// its input would be lost.
fn to_sign_in(parts: &Parts, is_form: bool) -> Response {
    if is_form {
        return PageError::forbidden("Your session is over. Please sign in again; nothing was changed.")
            .into_response();
    }
    let page = parts.uri.path_and_query().map_or("/admin/", |page| page.as_str());
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", page).finish();
    redirect(&format!("/login/?{query}"))
}
