//! The fields of a webhook's body.

use std::collections::HashSet;

use license_api::{
    Complaints, Field,
    fields::{BOOLEAN, Format, blank_text, list, text},
};
use license_clients::WebhookSettings;
use license_domain::{
    maxima::{MAX_DESCRIPTION, MAX_WEBHOOK_URL},
    webhook::event_names,
};
use serde_json::json;

/// Where events go.
pub const URL: Field = Field::new(text(MAX_WEBHOOK_URL), "Where events go: HTTPS, and public.")
    .example(|| json!("https://lms.example.com/licenses"));
/// What it is for.
pub const DESCRIPTION: Field = Field::new(blank_text(MAX_DESCRIPTION), "What it is for.").nullable().optional();
pub const EVENTS: Field = Field::new(
    list(&EVENT).or_empty().at_most(MAX_EVENTS),
    "The names of the events that are sent; all where none is named.",
)
.optional()
.example(|| json!(["license-manager.licenses-assigned"]));
/// Whether events are sent.
pub const IS_ACTIVE: Field =
    Field::new(BOOLEAN, "Whether events are sent. True clears its count of failures.").optional();

/// The most names of events, including repeated ones: several times as many as there are events.
const MAX_EVENTS: usize = 100;

const EVENT: Format = Format::OneOf { words: event_names, noun: "the name of an event" };

/// The URL, or a complaint about it.
pub fn check_url(url: String, settings: WebhookSettings) -> Result<String, Complaints> {
    match settings.check(&url) {
        Ok(()) => Ok(url),
        Err(reason) => Err(Complaints::of("url", format!("Enter a valid URL: {reason}."))),
    }
}

/// Removes repeated names and keeps the order. The names are part of the webhook's item.
pub fn once_each(mut events: Vec<String>) -> Vec<String> {
    let mut known = HashSet::new();
    events.retain(|event| known.insert(event.clone()));
    events
}
