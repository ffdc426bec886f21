//! What a route says of itself, beside its path: the API's document is made of it.

use license_domain::maxima::MAX_MAIL_TEXT;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use crate::{
    Field,
    fields::{BOOLEAN, EMAIL, Format, MOMENT, TEXT, UUID, blank_text, integer, list, one_of},
};

/// The documentation of a route.
#[derive(Debug)]
pub struct Doc {
    /// What it does: a command.
    pub summary: &'static str,
    /// Parameters of the query string.
    pub query: &'static [Field],
    /// Fields of the body; a route without any does not look at it.
    pub body: &'static [Field],
    /// Responses of its own: those that all routes have in common are added.
    pub answers: &'static [ResponseDoc],
}

/// A response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseDoc {
    /// The status.
    pub status: u16,
    /// When it is given.
    pub text: &'static str,
    /// What its body is like.
    pub shape: Shape,
}

/// What a body is like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// There is none.
    Nothing,
    /// JSON of that schema.
    Of(fn(&mut SchemaGenerator) -> Schema),
    /// A bare JSON string.
    Text,
    /// `{"detail": …}`.
    Detail,
    /// `{"error": …}`, a sentence or complaints by field.
    Error,
    /// Complaints by field, or `{"detail": …}`, or a bare string.
    Complaints,
    /// CSV.
    Csv,
    /// A document like the one that this is part of.
    OpenApi,
    /// A page for people.
    Html,
    /// Any JSON.
    Any,
}

impl ResponseDoc {
    pub const fn new(status: u16, text: &'static str, shape: Shape) -> Self {
        Self { status, text, shape }
    }
}

/// The shape of that type.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Pages whose size is fixed.
pub const PAGE: Field = Field::new(TEXT, "The page's number, from 1, or `last`.").optional().named("page");
/// Where a page begins.
pub const CURSOR: Field =
    Field::new(TEXT, "Where the page begins: part of `next`, and of no meaning to clients.").optional().named("cursor");
/// The size of pages.
pub const PAGE_SIZE: Field =
    Field::new(integer(1, i64::MAX), "How many results a page has.").optional().named("page_size");
/// The customer.
pub const ENTERPRISE: Field = THE_ENTERPRISE.optional();
/// The customer, who has to be named.
pub const THE_ENTERPRISE: Field = Field::new(UUID, "The customer.").named("enterprise_customer_uuid");
/// Statuses of licenses.
pub const STATUS: Field = Field::new(TEXT, "Statuses, separated by commas: activated, assigned, revoked, unassigned.")
    .optional()
    .named("status");
/// Words of addresses.
pub const SEARCH: Field =
    Field::new(TEXT, "Words, separated by spaces or commas: all of them are part of the address.")
        .optional()
        .named("search");
/// The order of licenses.
pub const ORDERING: Field = Field::new(
    TEXT,
    "`user_email`, `status`, `activation_date`, `last_remind_date`, separated by commas, `-` for descending.",
)
.optional()
.named("ordering");
/// Only live licenses.
pub const ACTIVE_ONLY: Field =
    Field::new(integer(0, i64::MAX), "Other than 0: assigned and activated ones only.").optional().named("active_only");
/// Revoked licenses of learners who have left.
pub const IGNORE_NULL_EMAILS: Field =
    Field::new(TEXT, "`1` or `true`: leaves out revoked licenses without an address.")
        .optional()
        .named("ignore_null_emails");
/// Inactive plans, too.
pub const INCLUDE_INACTIVE: Field = flag("include_inactive", false, "Whether inactive plans are included.");
/// The parameters of histories.
pub const HISTORY: [Field; 6] = [PAGE_SIZE, CURSOR, FROM, UNTIL, KIND, ACTOR];
/// The first time of a history.
pub const FROM: Field = Field::new(MOMENT, "Only changes of that time or later.").optional().named("from");
/// The time after a history's last one.
pub const UNTIL: Field = Field::new(MOMENT, "Only changes before that time.").optional().named("until");
/// Kinds of changes.
pub const KIND: Field =
    Field::new(TEXT, "Kinds of changes, separated by commas, such as `licenses-assigned`.").optional().named("kind");
/// Who made changes.
pub const ACTOR: Field = Field::new(TEXT, "Only what that user did.").optional().named("actor");
/// The moment as of which a thing is shown.
pub const AS_OF: Field =
    Field::new(MOMENT, "Shows it as it was then: the past, not the future.").optional().named("as_of");

/// The form of the response.
pub const FORMAT: Field =
    Field::new(one_of(|| ["json", "csv"].map(str::to_owned).to_vec()), "`csv`: all of it as a table.")
        .optional()
        .named("format");

/// A parameter of the query string that is `true` (or `1`) or `false`.
pub const fn flag(name: &'static str, default: bool, text: &'static str) -> Field {
    let field = Field::new(BOOLEAN, text).named(name);
    if default { field.default(|| json!(true)) } else { field.default(|| json!(false)) }
}

/// The first words of a mail.
pub const GREETING: Field =
    Field::new(blank_text(MAX_MAIL_TEXT), "The mail's first words.").optional().example(|| json!("Welcome!"));
/// The last words of a mail.
pub const CLOSING: Field = Field::new(blank_text(MAX_MAIL_TEXT), "The mail's last words.").optional();
/// Learners by address.
pub const USER_EMAILS: Field = Field::new(EMAILS, "The learners.").example(|| json!(["ann@example.com"]));
/// Addresses.
pub const EMAILS: Format = list(&EMAIL);
