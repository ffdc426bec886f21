//! What a route says of itself, beside its path: the API's document is made of it.

use license_domain::maxima::MAX_MAIL_TEXT;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The documentation of a route.
#[derive(Debug)]
pub struct Doc {
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Parameters of the query string.
    pub query: &'static [Param],
    /// Fields of the body; a route without any does not look at it.
    pub body: &'static [Param],
    /// Answers of its own: those that all routes have in common are added.
    pub answers: &'static [ResponseDoc],
}

/// A parameter or a field.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it has to be like.
    pub kind: Kind,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it means.
    pub text: &'static str,
}

/// What a parameter or a field has to be like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// A UUID or null.
    OptionalUuid,
    /// A text of 1 to so many characters.
    Text(usize),
    /// The same or null.
    OptionalText(usize),
    /// A text of at most so many characters, perhaps none.
    BlankText(usize),
    /// A parameter that is no more than looked at, so that only the URL's own length limits it. Never a field of a body.
    Words,
    /// An e-mail address.
    Email,
    /// A whole number, at least this.
    Integer(i64),
    /// Yes or no.
    Boolean,
    /// Yes, no or null.
    OptionalBoolean,
    /// A moment.
    Moment,
    /// E-mail addresses.
    Emails,
    /// UUIDs.
    Uuids,
    /// Texts of 1 to so many characters.
    Texts(usize),
    /// Texts of `min` to `max` characters, or null.
    OptionalTexts {
        /// The fewest characters.
        min: usize,
        /// The most.
        max: usize,
    },
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Filters of licenses.
    Filters,
    /// An object with fields of its own.
    Object,
}

/// An answer.
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

impl Param {
    /// One that has to be there.
    pub const fn required(name: &'static str, kind: Kind, text: &'static str) -> Self {
        Self { name, kind, is_required: true, text }
    }

    /// One that may be left out.
    pub const fn optional(name: &'static str, kind: Kind, text: &'static str) -> Self {
        Self { name, kind, is_required: false, text }
    }
}

impl ResponseDoc {
    /// An answer.
    pub const fn new(status: u16, text: &'static str, shape: Shape) -> Self {
        Self { status, text, shape }
    }
}

/// The same fields, of which those from that place on may be left out: a change names what it changes.
pub const fn optional_from<const N: usize>(mut fields: [Param; N], from: usize) -> [Param; N] {
    let mut n = from;
    while n < N {
        fields[n].is_required = false;
        n += 1;
    }
    fields
}

/// The same fields but the first one. `M` is `N - 1`.
pub const fn without_first<const N: usize, const M: usize>(fields: [Param; N]) -> [Param; M] {
    let mut others = [fields[0]; M];
    let mut n = 0;
    while n < M {
        others[n] = fields[n + 1];
        n += 1;
    }
    others
}

/// The same fields behind another one. `M` is `N + 1`.
pub const fn with_first<const N: usize, const M: usize>(first: Param, fields: [Param; N]) -> [Param; M] {
    let mut all = [first; M];
    let mut n = 0;
    while n < N {
        all[n + 1] = fields[n];
        n += 1;
    }
    all
}

/// The shape of that type.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Pages whose size is fixed.
pub const PAGE: Param = Param::optional("page", Kind::Words, "The page's number, from 1, or `last`.");
/// Where a page begins.
pub const CURSOR: Param =
    Param::optional("cursor", Kind::Words, "Where the page begins: part of `next`, and of no meaning to clients.");
/// The size of pages.
pub const PAGE_SIZE: Param = Param::optional("page_size", Kind::Integer(1), "How many results a page has.");
/// The customer.
pub const ENTERPRISE: Param = Param::optional("enterprise_customer_uuid", Kind::Uuid, "Only this customer's.");
/// The customer, who has to be named.
pub const THE_ENTERPRISE: Param = Param::required("enterprise_customer_uuid", Kind::Uuid, "The customer.");
/// Statuses of licenses.
pub const STATUS: Param =
    Param::optional("status", Kind::Words, "Statuses, separated by commas: activated, assigned, revoked, unassigned.");
/// Words of addresses.
pub const SEARCH: Param = Param::optional(
    "search",
    Kind::Words,
    "Words, separated by spaces or commas: all of them are part of the address.",
);
/// The order of licenses.
pub const ORDERING: Param = Param::optional(
    "ordering",
    Kind::Words,
    "`user_email`, `status`, `activation_date`, `last_remind_date`, separated by commas, `-` for descending.",
);
/// Only live licenses.
pub const ACTIVE_ONLY: Param =
    Param::optional("active_only", Kind::Integer(0), "Other than 0: assigned and activated ones only.");
/// Licenses of nobody.
pub const IGNORE_NULL_EMAILS: Param =
    Param::optional("ignore_null_emails", Kind::Words, "`1` or `true`: leaves out revoked licenses that name nobody.");
/// Inactive plans, too.
pub const INCLUDE_INACTIVE: Param = Param::optional("include_inactive", Kind::Words, "`true`: inactive plans, too.");
/// The first words of a mail.
pub const GREETING: Param = Param::optional("greeting", Kind::BlankText(MAX_MAIL_TEXT), "The mail's first words.");
/// The last words of a mail.
pub const CLOSING: Param = Param::optional("closing", Kind::BlankText(MAX_MAIL_TEXT), "The mail's last words.");
/// Learners.
pub const USER_EMAILS: Param = Param::optional("user_emails", Kind::Emails, "The learners. Either these or `filters`.");
/// Learners, who have to be named.
pub const USER_EMAILS_REQUIRED: Param = Param::required("user_emails", Kind::Emails, "The learners.");
/// Filters of licenses.
pub const FILTERS: Param = Param::optional("filters", Kind::Filters, "The licenses that all of these admit.");
/// The parameters of histories.
pub const HISTORY: [Param; 6] = [
    PAGE_SIZE,
    CURSOR,
    Param::optional("from", Kind::Moment, "Only changes of that time or later."),
    Param::optional("until", Kind::Moment, "Only changes before that time."),
    Param::optional("kind", Kind::Words, "Kinds of changes, separated by commas, such as `licenses-assigned`."),
    Param::optional("actor", Kind::Words, "Only what that user did."),
];
/// The moment as of which a thing is shown.
pub const AS_OF: Param = Param::optional("as_of", Kind::Moment, "Shows it as it was then: the past, not the future.");
