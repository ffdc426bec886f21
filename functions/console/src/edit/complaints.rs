//! What is wrong with a form, beside its fields: read from the API's refusals, which say it in the contract's words.

use std::collections::BTreeMap;

use license_use_cases::plans::rules::Refusal;
use serde_json::Value;

/// What the sentences of plans begin with.
const PREFIX: &str = "An error occurred: ";

/// Complaints by the name of the field; those under no name are about the form.
#[derive(Debug, Default)]
pub struct Complaints(BTreeMap<String, Vec<String>>);

impl Complaints {
    /// One about the form as a whole.
    pub fn of_form(text: &str) -> Self {
        let mut complaints = Self::default();
        complaints.add("", text);
        complaints
    }

    /// Those of a refusal's body: a sentence, or lists of sentences by field, perhaps beneath `error`.
    pub fn of_body(body: &Value) -> Self {
        let mut complaints = Self::default();
        match body.get("error").or_else(|| body.get("detail")).unwrap_or(body) {
            Value::Object(fields) => fields.iter().for_each(|(name, said)| complaints.take(name, said)),
            said => complaints.take("", said),
        }
        complaints
    }

    fn take(&mut self, name: &str, said: &Value) {
        match said {
            Value::String(text) => self.add(name, text),
            Value::Array(items) => items.iter().for_each(|item| self.take(name, item)),
            Value::Object(items) => items.values().for_each(|item| self.take(name, item)),
            other => self.add(name, &other.to_string()),
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let refusal = Refusal::of_sentence(text);
        let name = match name {
            "" | "non_field_errors" => refusal.and_then(Refusal::field).unwrap_or_default(),
            name => name,
        };
        let text = match refusal {
            Some(Refusal::NegativeLicenses) => "Enter a number of 0 or more.".to_owned(),
            _ => text.strip_prefix(PREFIX).unwrap_or(text).to_owned(),
        };
        self.0.entry(name.to_owned()).or_default().push(text);
    }

    /// Those about that field.
    pub fn of(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Those about none of these fields.
    pub fn others(&self, names: &[&str]) -> Vec<String> {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others
            .flat_map(|(name, said)| {
                said.iter().map(move |text| if name.is_empty() { text.clone() } else { format!("{name}: {text}") })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_of_the_api_to_complain_stands_beside_its_field() {
        let fields = Complaints::of_body(&json!({ "error": { "title": ["Too long."], "x": [["a"], "b"] } }));
        assert_eq!(fields.of("title"), ["Too long."]);
        assert_eq!(fields.others(&["title"]), ["x: a", "x: b"]);
        let sentence = Complaints::of_body(&json!({ "error": Refusal::NoLineItem.to_string() }));
        assert_eq!(sentence.of("salesforce_opportunity_line_item").len(), 1);
        assert!(sentence.of("salesforce_opportunity_line_item")[0].starts_with("You must specify"));
        let taken = Complaints::of_body(&json!({ "error": { "non_field_errors": [Refusal::TitleTaken.to_string()] } }));
        assert_eq!(taken.of("title"), ["The customer agreement has a plan of that title."]);
        let other = Complaints::of_body(&json!("The renewal is being processed."));
        assert_eq!(other.others(&[]), ["The renewal is being processed."]);
    }
}
