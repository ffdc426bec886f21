//! What is wrong with a body, field by field.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::Complaint;
use crate::ApiError;

/// The most fields, and the most items of one list, that get messages of their own; the others are counted. Without a
/// bound a body of 2 MB, `{"emails": [0, 0, …]}`, would get a response of 42 MB.
pub const MAX_COMPLAINTS: usize = 100;

#[derive(Debug, Default, PartialEq)]
pub struct Complaints {
    named: Map<String, Value>,
    unnamed: usize,
}

impl Complaints {
    pub fn of(name: &str, message: impl Into<String>) -> Self {
        let mut complaints = Self::default();
        complaints.add(name, message);
        complaints
    }

    /// The messages about an object's fields, as one message of the field that holds the object.
    pub fn within(name: &str, complaints: Self) -> Self {
        Self { named: Map::from_iter([(name.to_owned(), complaints.into_value())]), unnamed: 0 }
    }

    pub fn add(&mut self, name: &str, message: impl Into<String>) {
        match self.named.get_mut(name) {
            Some(Value::Array(messages)) => messages.push(Value::from(message.into())),
            // The items of the list have messages already.
            Some(_) => {}
            None => self.set(name, Complaint::from(message.into())),
        }
    }

    /// Replaces the message of a field.
    pub fn set(&mut self, name: &str, complaint: Complaint) {
        if self.named.len() < MAX_COMPLAINTS || self.named.contains_key(name) {
            self.named.insert(name.to_owned(), complaint.into_value());
        } else {
            self.unnamed += 1;
        }
    }

    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.unnamed += others.unnamed;
        for (name, complaint) in others.named {
            self.named.entry(name).or_insert(complaint);
        }
        self
    }

    /// Fails if there is any message.
    pub fn finish(self) -> Result<(), Self> {
        if self.named.is_empty() { Ok(()) } else { Err(self) }
    }

    /// A list of messages for each field; those about the items of a list are by position.
    pub fn into_map(mut self, noun: &str) -> Map<String, Value> {
        let verb = match self.unnamed {
            0 => return self.named,
            1 => " is",
            _ => "s are",
        };
        let rest = json!([format!("{} more {noun}{verb} not valid.", self.unnamed)]);
        self.named.insert("non_field_errors".to_owned(), rest);
        self.named
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.into_map("field"))
    }
}

impl From<Complaints> for ApiError {
    fn from(complaints: Complaints) -> Self {
        Self::json(StatusCode::BAD_REQUEST, complaints.into_value())
    }
}
