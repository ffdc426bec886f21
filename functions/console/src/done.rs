//! The page after a change: what was done, in sentences.

use askama::Template;
use axum::response::Response;

use crate::{
    guard::Operator,
    render::{Frame, page},
};

#[derive(Template)]
#[template(path = "change_done.html")]
struct DonePage<'a> {
    frame: Frame,
    back: &'a (String, String),
    lines: &'a [String],
}

/// The page, with a link to the page that the change belongs to.
pub fn done_page(operator: &Operator, title: &str, back: &(String, String), lines: &[String]) -> Response {
    page(&DonePage { frame: Frame::of(operator, format!("{title}: done")), back, lines })
}
