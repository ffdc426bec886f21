//! Compares a response with a recorded one. Not compared: new ids, current times, tokens, which license an assignment
//! gets, the order of equal items.

use std::collections::BTreeSet;

use license_domain::Timestamp;
use license_tests::TestResponse;
use serde_json::Value;
use uuid::Uuid;

/// Headers that are compared.
const HEADERS: [&str; 3] = ["Allow", "WWW-Authenticate", "Content-Type"];

/// Arrays whose order is irrelevant.
const SETS: [&str; 3] = ["available_subscription_catalogs", "subscriptions", "prior_renewals"];

/// Fields that our responses add to objects with the other field.
const ADDITIONS: [(&str, &str); 7] = [
    ("product", "expiration_date"),
    ("description", "parses"),
    ("enable_auto_scaling_of_current_plan", "enterprise_customer_slug"),
    ("auto_scaling_max_licenses", "enable_auto_scaling_of_current_plan"),
    ("auto_scaling_threshold_percentage", "enable_auto_scaling_of_current_plan"),
    ("auto_scaling_increment_percentage", "enable_auto_scaling_of_current_plan"),
    ("enable_weekly_utilization_mails", "enable_auto_scaling_of_current_plan"),
];

/// The texts of a base: ids and times that are not new.
#[derive(Debug)]
pub struct Known(BTreeSet<String>);

impl Known {
    /// Every text of a base.
    pub fn of(base: &str) -> Self {
        let mut texts = BTreeSet::new();
        collect(&serde_json::from_str(base).expect("JSON"), &mut texts);
        Self(texts)
    }

    fn is_new_id(&self, text: &str) -> bool {
        Uuid::try_parse(text).is_ok() && !self.0.contains(text)
    }

    fn is_new_time(&self, text: &str) -> bool {
        moment(text).is_some_and(|time| {
            !self.0.contains(&time.to_rfc3339()) && !self.0.contains(text) && text.starts_with("2026-11-23T10:4")
        })
    }
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(moment(text).map_or_else(|| text.clone(), |time| time.to_rfc3339()));
            texts.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.contains('T').then(|| text.parse().ok()).flatten()
}

struct Comparison<'a> {
    known: &'a Known,
    path: &'a str,
    times: (Timestamp, Timestamp),
    differences: Vec<String>,
}

/// The differences, each with its position.
pub fn differences(
    known: &Known,
    path: &str,
    expected: &Value,
    response: &TestResponse,
    times: (Timestamp, Timestamp),
) -> Vec<String> {
    let mut comparison = Comparison { known, path, times, differences: Vec::new() };
    if expected["status"] != response.status.as_u16() {
        comparison.note("status", &expected["status"], &Value::from(response.status.as_u16()));
    }
    for name in HEADERS {
        let value = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let wanted = expected["headers"][name].as_str().map(value);
        let found = response.header(name).map(value);
        if wanted != found {
            comparison.note(name, &Value::from(wanted), &Value::from(found));
        }
    }
    if let Some(text) = expected["text"].as_str() {
        if text != response.text {
            comparison.note("text", &expected["text"], &Value::from(response.text.clone()));
        }
    } else if !expected["body"].is_null() {
        comparison.compare("", &expected["body"], &response.json());
    }
    comparison.differences
}

impl Comparison<'_> {
    fn note(&mut self, place: &str, wanted: &Value, found: &Value) {
        let shorten = |value: &Value| value.to_string().chars().take(400).collect::<String>();
        self.differences.push(format!("{place}: wanted {}, found {}", shorten(wanted), shorten(found)));
    }

    fn equal(&self, wanted: &Value, found: &Value) -> bool {
        let mut one = Comparison { differences: Vec::new(), ..*self };
        one.compare("", wanted, found);
        one.differences.is_empty()
    }

    fn compare(&mut self, place: &str, wanted: &Value, found: &Value) {
        match (wanted, found) {
            (Value::Object(wanted), Value::Object(found)) => {
                for (name, value) in wanted {
                    match found.get(name) {
                        Some(other) => self.compare(&format!("{place}/{name}"), value, other),
                        None => self.note(&format!("{place}/{name}"), value, &Value::from("nothing")),
                    }
                }
                for (name, value) in found.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                    let is_ours = |(ours, beside): &(&str, &str)| *ours == name && found.contains_key(*beside);
                    if !ADDITIONS.iter().any(is_ours) {
                        self.note(&format!("{place}/{name}"), &Value::from("nothing"), value);
                    }
                }
            }
            (Value::Array(wanted), Value::Array(found)) => self.compare_lists(place, wanted, found),
            (Value::String(wanted), Value::String(found)) if self.is_left_open(place, wanted, found) => {}
            _ if wanted == found => {}
            _ => self.note(place, wanted, found),
        }
    }

    fn is_left_open(&self, place: &str, wanted: &str, found: &str) -> bool {
        if place == "/csrfToken" {
            return wanted.len() == found.len() && found.chars().all(|c| c.is_ascii_alphanumeric());
        }
        if place == "/next" {
            return without_cursor(found) == wanted;
        }
        let chosen = place.starts_with("/license_assignments/") && place.ends_with("/license");
        if chosen || self.known.is_new_id(wanted) {
            return Uuid::try_parse(found).is_ok();
        }
        let is_now = |time: Timestamp| self.times.0 <= time && time <= self.times.1;
        self.known.is_new_time(wanted) && moment(found).is_some_and(is_now)
    }

    /// A sequence of equal items may be in any order; if the page ends within it, the page may have others of them.
    fn compare_lists(&mut self, place: &str, wanted: &[Value], found: &[Value]) {
        if wanted.len() != found.len() {
            let length = |list: &[Value]| Value::from(format!("{} items", list.len()));
            return self.note(place, &length(wanted), &length(found));
        }
        let mut start = 0;
        while start < wanted.len() {
            let key = self.sort_key(place, &wanted[start]);
            let run = wanted[start..].iter().take_while(|item| self.sort_key(place, item) == key).count();
            let end = start + if key.is_none() { 1 } else { run };
            let is_cut = end == wanted.len() && self.path.contains("page_size") && end - start > 1;
            for (n, item) in found[start..end].iter().enumerate() {
                let place = format!("{place}/{}", start + n);
                if key.is_some() && self.sort_key(&place[..place.rfind('/').unwrap_or_default()], item) != key {
                    self.note(&place, &wanted[start + n], item);
                }
            }
            let mut rest: Vec<&Value> = found[start..end].iter().collect();
            for (n, item) in wanted[start..end].iter().enumerate() {
                let is_same = |other: &&Value| {
                    if is_cut { self.equal(&nameless(item), &nameless(other)) } else { self.equal(item, other) }
                };
                if let Some(same) = rest.iter().position(is_same) {
                    rest.remove(same);
                } else {
                    self.compare(&format!("{place}/{}", start + n), item, &found[start + n]);
                }
            }
            start = end;
        }
    }

    /// The key by which a list is sorted; `None` if the exact order is compared.
    fn sort_key(&self, place: &str, item: &Value) -> Option<Vec<Value>> {
        let name = place.rsplit('/').next().unwrap_or_default();
        if SETS.contains(&name) {
            return Some(Vec::new());
        }
        let is = |part: &str| self.path.contains(part);
        let fields: Vec<&str> = match name {
            "results" if is("/learner-licenses") => vec!["/status", "/subscription_plan/expiration_date"],
            "results" if is("/licenses/") => license_order(self.path),
            "results" if is("/subscriptions/") => vec!["/start_date"],
            "results" if is("/customer-agreement/") => Vec::new(),
            "" if is("/overview") => vec!["/count"],
            _ => return None,
        };
        Some(fields.into_iter().map(|field| item.pointer(field).cloned().unwrap_or_default()).collect())
    }
}

/// A link without the cursor that our responses add.
fn without_cursor(link: &str) -> String {
    let Some((address, query)) = link.split_once('?') else { return link.to_owned() };
    let query: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("cursor=")).collect();
    format!("{address}?{}", query.join("&"))
}

/// The item without its own id.
fn nameless(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.remove("uuid");
    }
    item
}

fn license_order(path: &str) -> Vec<&'static str> {
    let asked = path.split(['?', '&']).find_map(|pair| pair.strip_prefix("ordering="));
    match asked.map(|order| order.trim_start_matches('-')) {
        Some("status") => vec!["/status"],
        Some("user_email") => vec!["/user_email"],
        Some("activation_date") => vec!["/activation_date"],
        Some("last_remind_date") => vec!["/last_remind_date"],
        _ => vec!["/status", "/user_email"],
    }
}
