//! The formats of values, and the contract's messages where a value does not fit.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use license_domain::{EmailAddress, Timestamp, clock::to_micros};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Complaints, Field};
use crate::body::type_name;

/// The most items of a list that has no maximum of its own, above the number of addresses that fit into the largest
/// body.
pub const MAX_ITEMS: usize = 100_000;

const NOT_NULL: &str = "This field may not be null.";
const NOT_BLANK: &str = "This field may not be blank.";

/// The format of a value.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// A text of `min` to `max` characters, counted after trimming.
    Text {
        min: usize,
        max: usize,
        /// Whether a number is accepted and read as a text.
        takes_numbers: bool,
    },
    Email,
    Uuid,
    /// A whole number.
    Integer {
        min: i64,
        max: i64,
        /// Whether this check refuses values out of range. If not, the endpoint does, with its own message.
        is_checked: bool,
    },
    /// A boolean, in any of the spellings that the contract accepts.
    Boolean,
    /// A time; UTC if it has no offset.
    Moment,
    OneOf {
        words: fn() -> Vec<String>,
        /// The noun for an unknown word in the message.
        noun: &'static str,
    },
    List {
        /// The format of its items.
        items: &'static Format,
        /// Whether items may be null.
        has_null: bool,
        min: usize,
        max: usize,
    },
    /// An object whose fields depend on the body's `kind`: the fields for each kind. The endpoint reads them.
    ByKind(fn() -> Vec<(&'static str, Vec<Field>)>),
    /// Any JSON: the endpoint checks it. The function gives its schema.
    Unchecked(fn() -> Value),
}

/// A text of any length, for parameters of a query string: the URL's own length limits them.
pub const TEXT: Format = Format::Text { min: 0, max: usize::MAX, takes_numbers: true };
pub const EMAIL: Format = Format::Email;
pub const UUID: Format = Format::Uuid;
pub const BOOLEAN: Format = Format::Boolean;
pub const MOMENT: Format = Format::Moment;
pub const INTEGER: Format = integer(i64::MIN, i64::MAX);

/// A text of 1 to `max` characters.
pub const fn text(max: usize) -> Format {
    Format::Text { min: 1, max, takes_numbers: true }
}

/// A text of at most `max` characters; it may be empty.
pub const fn blank_text(max: usize) -> Format {
    Format::Text { min: 0, max, takes_numbers: true }
}

/// A text of `min` to `max` characters as an item of a list. Numbers are not accepted.
pub const fn text_item(min: usize, max: usize) -> Format {
    Format::Text { min, max, takes_numbers: false }
}

pub const fn integer(min: i64, max: i64) -> Format {
    Format::Integer { min, max, is_checked: true }
}

pub const fn one_of(words: fn() -> Vec<String>) -> Format {
    Format::OneOf { words, noun: "a valid choice" }
}

/// A list with at least one item.
pub const fn list(items: &'static Format) -> Format {
    Format::List { items, has_null: false, min: 1, max: MAX_ITEMS }
}

/// What is wrong with a value: a list of messages, or messages by the position of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint(Value);

impl Complaint {
    /// The JSON of a response.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl<T: Into<String>> From<T> for Complaint {
    fn from(message: T) -> Self {
        Self(json!([message.into()]))
    }
}

impl From<Complaints> for Complaint {
    fn from(complaints: Complaints) -> Self {
        Self(Value::Object(complaints.into_map("item")))
    }
}

impl Format {
    /// A copy with at most `max` items.
    #[must_use]
    pub const fn at_most(self, max: usize) -> Self {
        match self {
            Self::List { items, has_null, min, .. } => Self::List { items, has_null, min, max },
            other => other,
        }
    }

    /// A copy that may be empty.
    #[must_use]
    pub const fn or_empty(self) -> Self {
        match self {
            Self::List { items, has_null, max, .. } => Self::List { items, has_null, min: 0, max },
            other => other,
        }
    }

    /// A copy whose items may be null.
    #[must_use]
    pub const fn of_nullable(self) -> Self {
        match self {
            Self::List { items, min, max, .. } => Self::List { items, has_null: true, min, max },
            other => other,
        }
    }

    /// Reads a value that is not null into its canonical form, from which the domain's types are deserialized.
    pub fn parse(&self, value: &Value) -> Result<Value, Complaint> {
        match *self {
            Self::Text { min, max, takes_numbers } => {
                let text =
                    if takes_numbers { written(value) } else { value.as_str().map(|text| text.trim().to_owned()) };
                let text = text.ok_or("Not a valid string.")?;
                check_text(&text, min, max)?;
                Ok(Value::from(text))
            }
            Self::Email => {
                let text = written(value).ok_or("Not a valid string.")?;
                if text.is_empty() {
                    return Err(NOT_BLANK.into());
                }
                let email = EmailAddress::parse(&text).map_err(|_| "Enter a valid email address.")?;
                Ok(Value::from(email.as_given()))
            }
            Self::Uuid => {
                let uuid = value.as_str().and_then(|text| Uuid::try_parse(text.trim()).ok());
                Ok(Value::from(uuid.ok_or("Must be a valid UUID.")?.to_string()))
            }
            Self::Integer { min, max, is_checked } => {
                let number = whole_number(value).ok_or("A valid integer is required.")?;
                if is_checked && number < min {
                    return Err(format!("Ensure this value is greater than or equal to {min}.").into());
                }
                if is_checked && number > max {
                    return Err(format!("Ensure this value is less than or equal to {max}.").into());
                }
                Ok(Value::from(number))
            }
            Self::Boolean => Ok(Value::from(boolean(value).ok_or("Must be a valid boolean.")?)),
            Self::Moment => {
                const FORMAT: &str = "Datetime has wrong format. Use one of these formats instead: \
                                      YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
                let at = value.as_str().and_then(|text| moment(text.trim())).ok_or(FORMAT)?;
                Ok(Value::from(at.to_rfc3339_opts(SecondsFormat::Micros, true)))
            }
            Self::OneOf { words, noun } => {
                let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if words().contains(&word) {
                    return Ok(Value::from(word));
                }
                // A message repeats at most `MAX_SHOWN` characters of a wrong word.
                let shown: String = word.chars().take(MAX_SHOWN).collect();
                Err(format!("\"{shown}\" is not {noun}.").into())
            }
            Self::List { items, has_null, min, max } => parse_list(value, *items, has_null, (min, max)),
            Self::ByKind(_) if value.is_object() => Ok(value.clone()),
            Self::ByKind(_) => Err("Expected a dictionary of items.".into()),
            Self::Unchecked(_) => Ok(value.clone()),
        }
    }
}

/// The most characters of a wrong word that a complaint repeats.
const MAX_SHOWN: usize = 255;

fn parse_list(value: &Value, items: Format, has_null: bool, (min, max): (usize, usize)) -> Result<Value, Complaint> {
    let Value::Array(values) = value else {
        return Err(format!("Expected a list of items but got type \"{}\".", type_name(value)).into());
    };
    if values.len() < min {
        return Err("This list may not be empty.".into());
    }
    // The length is checked before the items: hundreds of thousands of items fit into a body.
    if values.len() > max {
        return Err(format!("Ensure this field has no more than {max} elements.").into());
    }
    let mut complaints = Complaints::default();
    let mut parsed = Vec::with_capacity(values.len());
    for (position, value) in values.iter().enumerate() {
        let item = match value {
            Value::Null if has_null => Ok(Value::Null),
            Value::Null => Err(NOT_NULL.into()),
            value => items.parse(value),
        };
        match item {
            Ok(item) => parsed.push(item),
            Err(complaint) => complaints.set(&position.to_string(), complaint),
        }
    }
    complaints.finish()?;
    Ok(Value::Array(parsed))
}

fn check_text(text: &str, min: usize, max: usize) -> Result<(), Complaint> {
    if text.is_empty() && min == 1 {
        return Err(NOT_BLANK.into());
    }
    if text.contains('\0') {
        return Err("Null characters are not allowed.".into());
    }
    if min > 0 && text.chars().nth(min - 1).is_none() {
        return Err(format!("Ensure this field has at least {min} characters.").into());
    }
    if text.chars().nth(max).is_some() {
        return Err(format!("Ensure this field has no more than {max} characters.").into());
    }
    Ok(())
}

/// The text of a JSON text or number; none for other types.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    let word = match value {
        Value::Bool(value) => return Some(*value),
        value => written(value)?,
    };
    match word.as_str() {
        "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" | "1" => {
            Some(true)
        }
        "f" | "F" | "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" | "0" => {
            Some(false)
        }
        _ => None,
    }
}

fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number of that range")]
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// The time with its offset, if its year in UTC has four digits. chrono reads other years, but neither the wire nor the
/// keys of the table can hold them.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)).filter(has_four_digits).map(to_micros)
}

fn has_four_digits(at: &DateTime<Utc>) -> bool {
    (1..=9999).contains(&at.year())
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Some(moment) = rfc3339(text) {
        return Some(moment);
    }
    let naive = text.trim_end_matches('Z');
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let offsets = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    let with_offset = || offsets.iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    let found = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok()).or_else(day);
    let found = found.map(|naive| naive.and_utc()).or_else(|| Some(with_offset()?.with_timezone(&Utc)));
    found.filter(has_four_digits).map(to_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_that_the_peer_reads() {
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
        assert_eq!(moment("+12026-01-02T12:00:00"), None);
        // The year is checked in UTC.
        for text in [
            "9999-12-31T23:59:59-00:01",
            "9999-12-31 23:30:00-0100",
            "0001-01-01T00:00:00+00:01",
            "0000-06-01T00:00:00Z",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
        assert!(moment("9999-12-31T23:59:59.999999Z").is_some());
    }
}
