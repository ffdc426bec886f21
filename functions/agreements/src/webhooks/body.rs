//! What a body asks of a webhook.

use std::collections::HashSet;

use license_api::{
    ApiError, Body, Fields, Presence, Text, check_length,
    doc::{Kind, Param},
};
use license_clients::WebhookSettings;
use license_domain::{
    maxima::{MAX_DESCRIPTION, MAX_WEBHOOK_URL},
    webhook::event_names,
};
use serde_json::Value;

/// What the fields mean that making and changing one have in common.
pub const DESCRIPTION: Param = Param::optional("description", Kind::OptionalText(MAX_DESCRIPTION), "What it is for.");
/// Which events.
pub const EVENTS: Param = Param::optional(
    "events",
    Kind::Texts(255),
    "The names of the events that it is to be told of; all where none is named.",
);
/// Whether it is told.
pub const IS_ACTIVE: Param =
    Param::optional("is_active", Kind::Boolean, "Whether it is told. True forgives it its failures.");

/// What is asked for; what is not named stays.
#[derive(Debug, Default)]
pub struct Wish {
    pub url: Option<String>,
    /// Named, and perhaps as nothing.
    pub description: Option<String>,
    pub is_described: bool,
    pub events: Option<Vec<String>>,
    pub is_active: Option<bool>,
    pub rotate_secret: bool,
}

impl Wish {
    /// Reads a body.
    pub fn parse(body: &Body, url: Presence, settings: WebhookSettings) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let wish = Self {
            url: fields.parse("url", url, |value| address(value, settings)),
            is_described: fields.has("description"),
            description: fields
                .text("description", Text { presence: Presence::Nullable, blank: true, max: MAX_DESCRIPTION })
                .filter(|text| !text.is_empty()),
            events: fields.list("events", Presence::Optional, true, event).map(once_each),
            is_active: fields.boolean("is_active", Presence::Optional),
            rotate_secret: fields.boolean("rotate_secret", Presence::Optional).unwrap_or_default(),
        };
        fields.finish()?;
        Ok(wish)
    }
}

fn address(value: &Value, settings: WebhookSettings) -> Result<String, String> {
    let text = value.as_str().map(str::trim).ok_or_else(|| "Not a valid string.".to_owned())?;
    check_length(text, MAX_WEBHOOK_URL)?;
    match settings.check(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(reason) => Err(format!("Enter a valid URL: {reason}.")),
    }
}

/// Each name once, in order: they lie in the webhook's own item.
fn once_each(mut events: Vec<String>) -> Vec<String> {
    let mut known = HashSet::new();
    events.retain(|event| known.insert(event.clone()));
    events
}

fn event(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::trim).ok_or_else(|| "Not a valid string.".to_owned())?;
    let is_known = event_names().iter().any(|name| name == text);
    if is_known { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is not the name of an event.")) }
}
