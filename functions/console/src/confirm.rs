//! The page before a change that needs no more than a reason: what would happen, and the form that confirms it.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::{
    Context,
    form::Form,
    guard::Operator,
    once::{self, NO_REASON},
    render::{Frame, page},
};

/// What is to be confirmed.
#[derive(Debug, Default)]
pub struct Confirmation {
    /// The page's title, and the button's text.
    pub title: String,
    /// The page that it belongs to: its address and what it is called.
    pub back: (String, String),
    /// Where the form is sent.
    pub path: String,
    /// What would happen, in sentences.
    pub lines: Vec<String>,
    /// Fields that the form carries on.
    pub hidden: Vec<(&'static str, String)>,
    /// Whether it may be done as a dry run before, whose form has the field [`DRY_RUN`].
    pub has_dry_run: bool,
}

/// The field of a form that asks for a dry run.
pub const DRY_RUN: &str = "dry_run";

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame,
    back: &'a (String, String),
    path: &'a str,
    lines: &'a [String],
    hidden: &'a [(&'static str, String)],
    button: &'a str,
    key: String,
    /// The key of the form that asks for a dry run.
    dry_run: Option<String>,
    complaint: &'static str,
}

impl Confirmation {
    /// The page; `sent` is the form that was sent without a reason.
    pub fn page(&self, (context, operator): (&Context, &Operator), sent: Option<&Form>) -> Response {
        let mut response = page(&ConfirmPage {
            frame: Frame::of(operator, self.title.clone()),
            back: &self.back,
            path: &self.path,
            lines: &self.lines,
            hidden: &self.hidden,
            button: &self.title,
            key: once::key(context, sent),
            dry_run: self.has_dry_run.then(|| once::key(context, None)),
            complaint: if sent.is_some() { NO_REASON } else { "" },
        });
        if sent.is_some() {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }
}
