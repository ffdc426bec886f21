//! The documentation of a route, from which the OpenAPI document is made.

use license_domain::maxima::MAX_MAIL_TEXT;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use crate::{
    Field,
    fields::{BOOLEAN, EMAIL, Format, MOMENT, TEXT, UUID, blank_text, integer, list, one_of},
};

#[derive(Debug)]
pub struct Doc {
    /// The summary: a command, as in "Create a webhook".
    pub summary: &'static str,
    pub query: &'static [Field],
    /// Fields of the body. A route without any does not read the body.
    pub body: &'static [Field],
    /// Responses of this route, in addition to those that all routes have.
    pub answers: &'static [ResponseDoc],
}

#[derive(Clone, Copy, Debug)]
pub struct ResponseDoc {
    pub status: u16,
    /// When this response is given.
    pub text: &'static str,
    /// The form of its body.
    pub shape: Shape,
}

/// The form of a response's body.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// No body.
    Nothing,
    /// JSON of a schema.
    Of(fn(&mut SchemaGenerator) -> Schema),
    /// A JSON document that is one string.
    Text,
    /// `{"detail": …}`.
    Detail,
    /// `{"error": …}`: a sentence, or messages by field.
    Error,
    /// Messages by field, or `{"detail": …}`, or a string.
    Complaints,
    Csv,
    /// An OpenAPI document.
    OpenApi,
    Html,
    /// JSON of any form.
    Any,
}

impl ResponseDoc {
    pub const fn new(status: u16, text: &'static str, shape: Shape) -> Self {
        Self { status, text, shape }
    }
}

/// The schema of a type.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The page number, for lists whose page size is fixed.
pub const PAGE: Field = Field::new(TEXT, "The page's number, from 1, or `last`.").optional().named("page");
pub const CURSOR: Field =
    Field::new(TEXT, "Where the page begins: part of `next`, and of no meaning to clients.").optional().named("cursor");
pub const PAGE_SIZE: Field =
    Field::new(integer(1, i64::MAX), "How many results a page has.").optional().named("page_size");
pub const ENTERPRISE: Field = THE_ENTERPRISE.optional();
/// The customer; a required parameter.
pub const THE_ENTERPRISE: Field = Field::new(UUID, "The customer.").named("enterprise_customer_uuid");
pub const STATUS: Field = Field::new(TEXT, "Statuses, separated by commas: activated, assigned, revoked, unassigned.")
    .optional()
    .named("status");
pub const SEARCH: Field =
    Field::new(TEXT, "Words, separated by spaces or commas: all of them are part of the address.")
        .optional()
        .named("search");
pub const ORDERING: Field = Field::new(
    TEXT,
    "`user_email`, `status`, `activation_date`, `last_remind_date`, separated by commas, `-` for descending.",
)
.optional()
.named("ordering");
pub const ACTIVE_ONLY: Field =
    Field::new(integer(0, i64::MAX), "Other than 0: assigned and activated ones only.").optional().named("active_only");
/// Revoked licenses of learners who have left.
pub const IGNORE_NULL_EMAILS: Field =
    Field::new(TEXT, "`1` or `true`: leaves out revoked licenses without an address.")
        .optional()
        .named("ignore_null_emails");
/// Whether inactive plans are included.
pub const INCLUDE_INACTIVE: Field = flag("include_inactive", false, "Whether inactive plans are included.");
/// The query parameters of every history.
pub const HISTORY: [Field; 6] = [PAGE_SIZE, CURSOR, FROM, UNTIL, KIND, ACTOR];
/// The earliest time of a history's entries, inclusive.
pub const FROM: Field = Field::new(MOMENT, "Only changes of that time or later.").optional().named("from");
/// The end of a history's time range, exclusive.
pub const UNTIL: Field = Field::new(MOMENT, "Only changes before that time.").optional().named("until");
/// Kinds of changes.
pub const KIND: Field =
    Field::new(TEXT, "Kinds of changes, separated by commas, such as `licenses-assigned`.").optional().named("kind");
/// The user who made the changes.
pub const ACTOR: Field = Field::new(TEXT, "Only what that user did.").optional().named("actor");
/// The time whose state is shown.
pub const AS_OF: Field =
    Field::new(MOMENT, "Shows it as it was then: the past, not the future.").optional().named("as_of");

/// The format of the response.
pub const FORMAT: Field =
    Field::new(one_of(|| ["json", "csv"].map(str::to_owned).to_vec()), "`csv`: all of it as a table.")
        .optional()
        .named("format");

/// A parameter of the query string that is `true` (or `1`) or `false`.
pub const fn flag(name: &'static str, default: bool, text: &'static str) -> Field {
    let field = Field::new(BOOLEAN, text).named(name);
    if default { field.default(|| json!(true)) } else { field.default(|| json!(false)) }
}

pub const GREETING: Field =
    Field::new(blank_text(MAX_MAIL_TEXT), "The mail's first words.").optional().example(|| json!("Welcome!"));
pub const CLOSING: Field = Field::new(blank_text(MAX_MAIL_TEXT), "The mail's last words.").optional();
pub const USER_EMAILS: Field = Field::new(EMAILS, "The learners.").example(|| json!(["ann@example.com"]));
pub const EMAILS: Format = list(&EMAIL);
