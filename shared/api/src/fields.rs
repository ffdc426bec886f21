//! Validation of a body's fields. Complaints are collected, so that a client learns all of them at once, and
//! worded as the contract has them.

use std::str::FromStr;

use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use license_domain::{EmailAddress, Timestamp, clock::to_micros};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{ApiError, Body, body::type_name};

const REQUIRED: &str = "This field is required.";
const NOT_NULL: &str = "This field may not be null.";
const NOT_BLANK: &str = "This field may not be blank.";
const NO_NUL: &str = "Null characters are not allowed.";

/// Whether a field has to be there, and may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be there and not be null.
    Required,
    /// It must be there; null is a value.
    RequiredNullable,
    /// It may be left out, but not be null.
    Optional,
    /// It may be left out or be null.
    Nullable,
}

/// What a text has to be like.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Whether it has to be there.
    pub presence: Presence,
    /// Whether it may be empty.
    pub blank: bool,
    /// The most characters that it may have: of `license_domain::maxima`, so that what is written with it fits.
    pub max: usize,
}

/// A body under validation.
#[derive(Debug)]
pub struct Fields<'a> {
    body: &'a Map<String, Value>,
    is_form: bool,
    errors: Complaints,
}

/// The most fields, and the most items of one list, that are complained about by name; the others are counted. Without a
/// bound a body of 2 MB, `{"emails": [0, 0, …]}`, would be answered with one of 42 MB.
pub const MAX_COMPLAINTS: usize = 100;

/// Complaints by the name of the field, or by the position of the item.
#[derive(Debug, Default)]
struct Complaints {
    named: Map<String, Value>,
    unnamed: usize,
}

impl Complaints {
    fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    fn set(&mut self, name: &str, complaint: impl FnOnce() -> Value) {
        if self.named.len() < MAX_COMPLAINTS || self.named.contains_key(name) {
            self.named.insert(name.to_owned(), complaint());
        } else {
            self.unnamed += 1;
        }
    }

    /// What is told; `noun` is what they are about.
    fn into_map(mut self, noun: &str) -> Map<String, Value> {
        let verb = match self.unnamed {
            0 => return self.named,
            1 => " is",
            _ => "s are",
        };
        let rest = json!([format!("{} more {noun}{verb} not valid.", self.unnamed)]);
        self.named.insert("non_field_errors".to_owned(), rest);
        self.named
    }
}

impl<'a> Fields<'a> {
    /// Begins.
    pub fn new(body: &'a Body) -> Self {
        Self { body: &body.0, is_form: body.is_form(), errors: Complaints::default() }
    }

    /// Whether the body has that field, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.body.contains_key(name)
    }

    /// The field as it came.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.body.get(name)
    }

    /// Complains about a field.
    pub fn fail(&mut self, name: &str, message: impl Into<String>) {
        match self.errors.named.get_mut(name) {
            Some(Value::Array(complaints)) => complaints.push(Value::from(message.into())),
            // The items of the list are complained about already.
            Some(_) => {}
            None => self.errors.set(name, || json!([message.into()])),
        }
    }

    /// Complains about a field in a form of its own.
    pub fn fail_with(&mut self, name: &str, complaint: Value) {
        self.errors.set(name, || complaint);
    }

    /// Whether nothing was wrong so far.
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// The complaints: a list of messages for each field.
    pub fn into_errors(self) -> Map<String, Value> {
        self.errors.into_map("field")
    }

    /// 400 with the complaints, if there are any.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.is_valid() {
            return Ok(());
        }
        Err(ApiError::json(StatusCode::BAD_REQUEST, Value::Object(self.into_errors())))
    }

    /// The field's value, unless it is left out or null; complains if it may not be.
    fn present(&mut self, name: &str, presence: Presence) -> Option<&'a Value> {
        let complaint = match self.body.get(name) {
            None if matches!(presence, Presence::Required | Presence::RequiredNullable) => REQUIRED,
            Some(Value::Null) if matches!(presence, Presence::Required | Presence::Optional) => NOT_NULL,
            None | Some(Value::Null) => return None,
            Some(value) => return Some(value),
        };
        self.fail(name, complaint);
        None
    }

    /// Parses a field; complains with the parser's message.
    pub fn parse<T>(
        &mut self,
        name: &str,
        presence: Presence,
        parser: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.present(name, presence)?;
        parser(value).map_err(|message| self.fail(name, message)).ok()
    }

    /// A text, without the spaces around it.
    pub fn text(&mut self, name: &str, text: Text) -> Option<String> {
        self.parse(name, text.presence, |value| {
            let found = string(value)?;
            if found.is_empty() && !text.blank {
                return Err(NOT_BLANK.to_owned());
            }
            if found.contains('\0') {
                return Err(NO_NUL.to_owned());
            }
            check_length(&found, text.max)?;
            Ok(found)
        })
    }

    /// Yes or no, in any of the spellings that the contract takes.
    pub fn boolean(&mut self, name: &str, presence: Presence) -> Option<bool> {
        self.parse(name, presence, |value| {
            let word = match value {
                Value::Bool(answer) => return Ok(*answer),
                Value::Number(number) => number.to_string(),
                Value::String(word) => word.trim().to_owned(),
                _ => String::new(),
            };
            match word.as_str() {
                "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" | "1" => {
                    Ok(true)
                }
                "f" | "F" | "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF"
                | "0" => Ok(false),
                _ => Err("Must be a valid boolean.".to_owned()),
            }
        })
    }

    /// A UUID.
    pub fn uuid(&mut self, name: &str, presence: Presence) -> Option<Uuid> {
        self.parse(name, presence, |value| {
            let uuid = value.as_str().and_then(|text| Uuid::try_parse(text.trim()).ok());
            uuid.ok_or_else(|| "Must be a valid UUID.".to_owned())
        })
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str, presence: Presence, min: Option<i64>, max: Option<i64>) -> Option<i64> {
        self.parse(name, presence, |value| {
            let number = match value {
                Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            let number = number.ok_or_else(|| "A valid integer is required.".to_owned())?;
            match (min, max) {
                (Some(min), _) if number < min => Err(format!("Ensure this value is greater than or equal to {min}.")),
                (_, Some(max)) if number > max => Err(format!("Ensure this value is less than or equal to {max}.")),
                _ => Ok(number),
            }
        })
    }

    /// A moment; UTC where it names no offset.
    pub fn datetime(&mut self, name: &str, presence: Presence) -> Option<Timestamp> {
        const FORMAT: &str = "Datetime has wrong format. Use one of these formats instead: \
                              YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
        self.parse(name, presence, |value| {
            value.as_str().and_then(|text| moment(text.trim())).ok_or_else(|| FORMAT.to_owned())
        })
    }

    /// One of several words.
    pub fn choice<T: FromStr>(&mut self, name: &str, presence: Presence) -> Option<T> {
        self.parse(name, presence, |value| {
            let word = match value {
                Value::String(word) => word.clone(),
                other => other.to_string(),
            };
            word.parse().map_err(|_| format!("\"{word}\" is not a valid choice."))
        })
    }

    /// A list; complaints about its items are listed under their positions.
    pub fn list<T>(
        &mut self,
        name: &str,
        presence: Presence,
        may_be_empty: bool,
        item: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.present(name, presence)?;
        let values = match value {
            Value::Array(values) => values.as_slice(),
            // One item of a list looks like a text in a form.
            text @ Value::String(_) if self.is_form => std::slice::from_ref(text),
            _ => &[],
        };
        if !value.is_array() && values.is_empty() {
            self.fail(name, format!("Expected a list of items but got type \"{}\".", type_name(value)));
            return None;
        }
        if values.is_empty() && !may_be_empty {
            self.fail(name, "This list may not be empty.");
            return None;
        }
        let mut found = Vec::with_capacity(values.len());
        let mut complaints = Complaints::default();
        for (position, value) in values.iter().enumerate() {
            match item(value) {
                Ok(parsed) => found.push(parsed),
                Err(message) => complaints.set(&position.to_string(), || json!([message])),
            }
        }
        if complaints.is_empty() {
            return Some(found);
        }
        self.fail_with(name, Value::Object(complaints.into_map("item")));
        None
    }
}

/// An e-mail address as an item of a list or as a field.
pub fn email(value: &Value) -> Result<EmailAddress, String> {
    if value.is_null() {
        return Err(NOT_NULL.to_owned());
    }
    let text = string(value)?;
    if text.is_empty() {
        return Err(NOT_BLANK.to_owned());
    }
    EmailAddress::parse(&text).map_err(|_| "Enter a valid email address.".to_owned())
}

/// A text of 1 to `max` characters as an item of a list, without the spaces around it.
pub fn text_item(value: &Value, max: usize) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Null => return Err(NOT_NULL.to_owned()),
        _ => return Err("Not a valid string.".to_owned()),
    };
    if text.is_empty() {
        return Err(NOT_BLANK.to_owned());
    }
    if text.contains('\0') {
        return Err(NO_NUL.to_owned());
    }
    check_length(text, max)?;
    Ok(text.to_owned())
}

/// Complains about a text of more than `max` characters.
pub fn check_length(text: &str, max: usize) -> Result<(), String> {
    match text.chars().nth(max) {
        Some(_) => Err(format!("Ensure this field has no more than {max} characters.")),
        None => Ok(()),
    }
}

/// Texts, and numbers as they are written; nothing else is a text.
fn string(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("Not a valid string.".to_owned()),
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number of that range")]
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(to_micros(moment.with_timezone(&Utc)));
    }
    let naive = text.trim_end_matches('Z');
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let offsets = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    let with_offset = || offsets.iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    let found = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok()).or_else(day);
    let found = found.map(|naive| naive.and_utc()).or_else(|| Some(with_offset()?.with_timezone(&Utc)));
    found.map(to_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Body {
        match value {
            Value::Object(fields) => Body::json(fields),
            _ => Body::default(),
        }
    }

    #[test]
    fn complaints_are_collected_in_the_contracts_words() {
        let body = body(json!({
            "emails": ["a@b.co", null, "x", ""], "name": {"a": 1}, "long": "xxxx", "flag": "maybe", "n": -1, "id": "x",
            "when": "yesterday", "why": "because", "nothing": null, "one": "a@b.com"
        }));
        let mut fields = Fields::new(&body);
        fields.list("emails", Presence::Required, false, email);
        fields.list("one", Presence::Required, false, email);
        fields.text("name", Text { presence: Presence::Required, blank: true, max: 255 });
        fields.text("long", Text { presence: Presence::Required, blank: true, max: 3 });
        fields.boolean("flag", Presence::Required);
        fields.integer("n", Presence::Required, Some(0), None);
        fields.uuid("id", Presence::Required);
        fields.datetime("when", Presence::Required);
        fields.choice::<license_domain::ChangeReason>("why", Presence::Required);
        fields.uuid("nothing", Presence::Optional);
        fields.uuid("absent", Presence::RequiredNullable);
        assert_eq!(
            Value::Object(fields.into_errors()),
            json!({
                "emails": {
                    "1": ["This field may not be null."],
                    "2": ["Enter a valid email address."],
                    "3": ["This field may not be blank."],
                },
                "one": ["Expected a list of items but got type \"str\"."],
                "name": ["Not a valid string."],
                "long": ["Ensure this field has no more than 3 characters."],
                "flag": ["Must be a valid boolean."],
                "n": ["Ensure this value is greater than or equal to 0."],
                "id": ["Must be a valid UUID."],
                "when": ["Datetime has wrong format. Use one of these formats instead: \
                          YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."],
                "why": ["\"because\" is not a valid choice."],
                "nothing": ["This field may not be null."],
                "absent": ["This field is required."],
            })
        );
    }

    #[test]
    fn what_may_be_left_out_may_be_left_out() {
        let body = body(json!({ "null": null }));
        let mut fields = Fields::new(&body);
        assert_eq!(fields.uuid("null", Presence::Nullable), None);
        assert_eq!(fields.uuid("null", Presence::RequiredNullable), None);
        assert_eq!(fields.boolean("absent", Presence::Optional), None);
        assert!(fields.has("null") && !fields.has("absent") && fields.is_valid());
    }

    #[test]
    fn moments_are_read_in_every_form_that_the_peer_reads() {
        let noon = moment("2026-01-02T12:00:00Z");
        assert!(noon.is_some());
        for text in [
            "2026-01-02T12:00:00+00:00",
            "2026-01-02T13:00:00+01:00",
            "2026-01-02 12:00:00",
            "2026-01-02T12:00",
            "2026-01-02T12:00Z",
            "2026-01-02T12:00:00.000000",
            "2026-01-02T12:00:00+0000",
        ] {
            assert_eq!(moment(text), noon, "{text}");
        }
        assert_eq!(moment("2026-01-02"), moment("2026-01-02T00:00:00Z"));
        assert_eq!(moment("2026-13-02T12:00:00Z"), None);
    }
}
