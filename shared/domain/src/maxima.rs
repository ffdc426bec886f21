//! The most characters of each text that a requester may send. A character takes up to four bytes, and the item or
//! event that holds the text must have room for it. The test `maxima` must pass before a maximum is raised.

/// A greeting or a closing of a mail. An event holds both, beside its licenses.
pub const MAX_MAIL_TEXT: usize = 10_000;

/// The id of the sale that a license comes from (`user_sfids`).
pub const MAX_SOURCE_ID: usize = 255;

/// The fewest characters of such an id where a request names it.
pub const MIN_SOURCE_ID: usize = 18;

/// The key of a course run.
pub const MAX_COURSE_KEY: usize = 255;

/// The title of a plan.
pub const MAX_TITLE: usize = 128;

/// The id of a line item or an opportunity in Salesforce.
pub const MAX_LINE_ITEM: usize = 18;

/// A customer's slug in links.
pub const MAX_SLUG: usize = 128;

/// The address of a webhook.
pub const MAX_WEBHOOK_URL: usize = 2_048;

/// The description of a webhook.
pub const MAX_DESCRIPTION: usize = 255;

/// A user name of the LMS.
pub const MAX_USERNAME: usize = 150;
