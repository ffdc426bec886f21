//! The fields of a form: how they are asked, and what a text that was typed is in a body of the API.

use license_domain::Timestamp;
use serde_json::{Map, Value, json};

use crate::form::Form;

/// How a field is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A line of text.
    Line,
    /// Lines of text.
    Text,
    /// A whole number.
    Number,
    /// A moment in UTC.
    Moment,
    /// A box to check.
    YesNo,
    /// One of these: the value, and what people see.
    OneOf(Vec<(Value, String)>),
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in the API's bodies.
    pub name: &'static str,
    /// What people see.
    pub label: &'static str,
    /// What it means.
    pub help: &'static str,
    /// How it is asked.
    pub ask: Ask,
    /// Whether it may be empty, which is null.
    pub is_nullable: bool,
}

impl Field {
    /// One that must be filled in.
    pub const fn new(name: &'static str, label: &'static str, help: &'static str, ask: Ask) -> Self {
        Self { name, label, help, ask, is_nullable: false }
    }

    /// One that may be empty.
    pub const fn nullable(name: &'static str, label: &'static str, help: &'static str, ask: Ask) -> Self {
        Self { name, label, help, ask, is_nullable: true }
    }

    /// A value as the form has it.
    pub fn text(&self, value: &Value) -> String {
        match (&self.ask, value) {
            (Ask::YesNo, value) => if value == &json!(true) { "yes" } else { "no" }.to_owned(),
            (Ask::Moment, Value::String(text)) => text.trim_end_matches('Z').to_owned(),
            (_, Value::Null) => String::new(),
            (_, Value::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        }
    }

    /// A text of the form as people read it.
    pub fn shown(&self, text: &str) -> String {
        match &self.ask {
            Ask::OneOf(choices) => {
                let choice = choices.iter().find(|(value, _)| self.text(value) == text);
                choice.map_or_else(|| text.to_owned(), |(_, shown)| shown.clone())
            }
            Ask::Moment if !text.is_empty() => format!("{} UTC", text.replace('T', " ")),
            _ => text.to_owned(),
        }
    }

    /// The value in a body. What is none is left as it was typed: the API's rules say what is wrong with it.
    pub fn value(&self, text: &str) -> Value {
        match &self.ask {
            Ask::YesNo => json!(text == "yes"),
            _ if text.is_empty() => Value::Null,
            Ask::Number => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
            Ask::Moment => match text.len() {
                10 => json!(format!("{text}T00:00:00Z")),
                16 => json!(format!("{text}:00Z")),
                19 => json!(format!("{text}Z")),
                _ => json!(text),
            },
            Ask::OneOf(choices) => {
                let choice = choices.iter().find(|(value, _)| self.text(value) == text);
                choice.map_or_else(|| json!(text), |(value, _)| value.clone())
            }
            Ask::Line | Ask::Text => json!(text),
        }
    }
}

/// A moment as bodies have it, to the second.
pub fn moment(at: Timestamp) -> Value {
    json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What was typed into a form, and what the form showed before.
#[derive(Debug)]
pub struct Sent {
    texts: Map<String, Value>,
    seen: Map<String, Value>,
    /// The version that the form starts from; none of a new thing.
    pub version: String,
}

/// Before the name of the hidden field with what the form showed first.
pub const SEEN: &str = "seen_";

impl Sent {
    /// The fields of a form.
    pub fn read(fields: &[Field], form: &Form) -> Self {
        let of = |prefix: &str, field: &Field| {
            let text = form.get(&format!("{prefix}{}", field.name)).unwrap_or_default();
            let text = if matches!(field.ask, Ask::YesNo) && text.is_empty() { "no" } else { text };
            // Browsers send the ends of lines as two characters.
            let text = &text.replace("\r\n", "\n");
            // Browsers leave the seconds out where they are zero.
            let text =
                if matches!(field.ask, Ask::Moment) && text.len() == 16 { format!("{text}:00") } else { text.clone() };
            (field.name.to_owned(), Value::from(text))
        };
        Self {
            texts: fields.iter().map(|field| of("", field)).collect(),
            seen: fields.iter().map(|field| of(SEEN, field)).collect(),
            version: form.get("version").unwrap_or_default().to_owned(),
        }
    }

    /// What the field holds now.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What it showed first.
    pub fn seen(&self, name: &str) -> &str {
        self.seen.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The body that creates something.
    pub fn body_of_new(&self, fields: &[Field]) -> Map<String, Value> {
        let values = fields.iter().map(|field| (field, field.value(self.text(field.name))));
        let values = values.filter(|(field, value)| field.is_nullable || !value.is_null());
        values.map(|(field, value)| (field.name.to_owned(), value)).collect()
    }

    /// The body that changes what was changed in the form.
    pub fn body_of_change(&self, fields: &[Field]) -> Map<String, Value> {
        let changed = fields.iter().filter(|field| self.text(field.name) != self.seen(field.name));
        changed.map(|field| (field.name.to_owned(), field.value(self.text(field.name)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_lead_to_each_other() {
        let line = Field::nullable("a", "", "", Ask::Line);
        let moment = Field::new("b", "", "", Ask::Moment);
        let product = Field::new("c", "", "", Ask::OneOf(vec![(json!(1), "Paid".to_owned())]));
        assert_eq!((line.value(""), line.value("x")), (Value::Null, json!("x")));
        assert_eq!(moment.value("2027-01-01T10:00"), json!("2027-01-01T10:00:00Z"));
        assert_eq!(moment.text(&json!("2027-01-01T10:00:00Z")), "2027-01-01T10:00:00");
        assert_eq!(moment.value("soon"), json!("soon"));
        assert_eq!(
            (product.value("1"), product.value("9"), product.shown("1")),
            (json!(1), json!("9"), "Paid".to_owned())
        );
    }

    #[test]
    fn a_change_is_what_differs_from_what_the_form_showed() {
        let fields = [Field::new("a", "", "", Ask::Line), Field::new("on", "", "", Ask::YesNo)];
        let sent = Sent::read(&fields, &Form::parse(b"a=new&seen_a=old&seen_on=yes&version=5"));
        assert_eq!(Value::Object(sent.body_of_change(&fields)), json!({ "a": "new", "on": false }));
        let same = Sent::read(&fields, &Form::parse(b"a=old&seen_a=old&on=yes&seen_on=yes"));
        assert!(same.body_of_change(&fields).is_empty());
    }
}
