//! Renders pages, and adds their security headers: only the console's own script runs on them, and nothing is loaded from
//! elsewhere.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::{Right, guard::Operator, script};

/// The style of all pages. It is part of each page, so that a first view takes one round trip.
const STYLE: &str = include_str!("../templates/console.css");

/// What browsers may do on a page: apply our style, run our script (never one within a page), and send forms to us.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a policy of ASCII")
});

/// The parts of every page around its content.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// The person who sees it, if signed in.
    pub operator: Option<Operator>,
}

impl Frame {
    /// The frame of pages without a signed-in person, and of errors.
    pub fn signed_out(title: &str) -> Self {
        Self { title: title.to_owned(), operator: None }
    }

    /// The frame of a page for that person.
    pub fn of(operator: &Operator, title: impl Into<String>) -> Self {
        Self { title: title.into(), operator: Some(operator.clone()) }
    }

    /// The style.
    #[expect(clippy::unused_self, reason = "templates call it on their frame")]
    pub const fn style(&self) -> &'static str {
        STYLE
    }

    /// Where the script is.
    #[expect(clippy::unused_self, reason = "templates call it on their frame")]
    pub fn script(&self) -> &'static str {
        script::path()
    }

    /// The token of forms.
    pub fn csrf(&self) -> &str {
        self.operator.as_ref().map_or("", |operator| operator.csrf.as_str())
    }

    /// Whether the person has that right.
    pub fn may(&self, right: Right) -> bool {
        self.operator.as_ref().is_some_and(|operator| right.is_of(&operator.person))
    }
}

/// A page as a response.
pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.").into_response()
        }
    }
}

/// Redirects the browser to another page, by GET.
pub fn redirect(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/admin/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Adds the policy to every response.
pub async fn protect(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}
