//! Where ours answers otherwise than the peer, on purpose.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The list.
#[derive(Debug)]
pub struct Departures(BTreeMap<String, Departure>);

/// One departure: why, and what changes in the peer's answer to make it ours.
#[derive(Debug)]
pub struct Departure(Map<String, Value>);

impl Departures {
    /// Reads the list.
    pub fn read() -> Self {
        let list: BTreeMap<String, Map<String, Value>> =
            serde_json::from_str(include_str!("departures.json")).expect("the list of departures");
        for (id, departure) in &list {
            assert!(departure.get("reason").is_some_and(Value::is_string), "{id} says no reason");
        }
        Self(list.into_iter().map(|(id, departure)| (id, Departure(departure))).collect())
    }

    /// The departure from that recording.
    pub fn of(&self, id: &str) -> Option<&Departure> {
        self.0.get(id)
    }

    /// The recordings that are departed from.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Departure {
    /// The answer that ours must give: the peer's with another `status`, other `headers`, another `body` or
    /// `text`, or other values `at` places in the body (null headers are absent).
    pub fn instead_of(&self, peers: &Value) -> Value {
        let mut ours = peers.clone();
        for name in ["status", "body", "text"] {
            if let Some(value) = self.0.get(name) {
                ours[name] = value.clone();
            }
        }
        for (name, value) in self.0.get("headers").and_then(Value::as_object).into_iter().flatten() {
            ours["headers"][name] = value.clone();
        }
        for (place, value) in self.0.get("at").and_then(Value::as_object).into_iter().flatten() {
            let found = ours["body"].pointer_mut(place).unwrap_or_else(|| panic!("the peer's answer has no {place}"));
            *found = value.clone();
        }
        ours
    }
}
