//! Intended departures from edx's license-manager: `departures.json` lists all of them. Departures from recordings
//! change what the replay expects; each of the others names the test that shows it. `docs/departures.md` is generated
//! from both.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departures {
    recordings: BTreeMap<String, Departure>,
    others: Vec<OtherDeparture>,
}

/// A departure from a recording: the reason, and the changes of the recorded response.
#[derive(Debug, Deserialize)]
pub struct Departure {
    reason: String,
    #[serde(flatten)]
    changes: Map<String, Value>,
}

/// A departure without a recording.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherDeparture {
    /// The part of the API.
    r#where: String,
    /// The behavior of edx's license-manager.
    peer: String,
    /// Our behavior.
    ours: String,
    /// Why.
    reason: String,
    /// The test that shows it, as `module::name`.
    test: String,
}

impl Departures {
    /// Reads the list.
    pub fn read() -> Self {
        serde_json::from_str(include_str!("departures.json")).expect("the list of departures")
    }

    /// The departure from that recording.
    pub fn of(&self, id: &str) -> Option<&Departure> {
        self.recordings.get(id)
    }

    /// The recordings with departures.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.recordings.keys().map(String::as_str)
    }

    fn document(&self) -> String {
        let mut text = "# Departures from the peer\n\nThis service replaces another one on the wire. This page lists where its \
                        responses differ on purpose. The tests use the same list: a recording of the peer whose response \
                        differs and is not listed fails, and so does a listed one whose response is the \
                        same.\n\n<!-- written by the test `recorded` from departures.json -->\n\n| where | the peer | this \
                        service | why | shown by the test |\n|---|---|---|---|---|\n"
            .to_owned();
        for other in &self.others {
            let OtherDeparture { r#where, peer, ours, reason, test } = other;
            // Writing to a String does not fail.
            let _ = writeln!(text, "| {where} | {peer} | {ours} | {reason} | `{test}` |");
        }
        text.push_str("\n## Recordings with another response\n\n| recording | why |\n|---|---|\n");
        for (id, departure) in &self.recordings {
            let _ = writeln!(text, "| `{id}` | {} |", departure.reason);
        }
        text
    }
}

impl Departure {
    /// The expected response: the recorded one with another `status`, other `headers`, another `body` or `text`, or
    /// other values `at` places in the body (null headers are absent).
    pub fn instead_of(&self, peers: &Value) -> Value {
        let mut ours = peers.clone();
        for name in ["status", "body", "text"] {
            if let Some(value) = self.changes.get(name) {
                ours[name] = value.clone();
            }
        }
        for (name, value) in self.changes.get("headers").and_then(Value::as_object).into_iter().flatten() {
            ours["headers"][name] = value.clone();
        }
        for (place, value) in self.changes.get("at").and_then(Value::as_object).into_iter().flatten() {
            let found = ours["body"].pointer_mut(place).unwrap_or_else(|| panic!("the peer's response has no {place}"));
            *found = value.clone();
        }
        ours
    }
}

#[test]
fn the_document_has_every_departure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/departures.md");
    let document = Departures::read().document();
    if std::env::var_os("UPDATE_DEPARTURES").is_some() {
        fs::write(&path, &document).expect("written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == document, "docs/departures.md is stale: UPDATE_DEPARTURES=1 writes it anew");
}

#[test]
fn every_departure_that_no_recording_shows_has_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all");
    for other in Departures::read().others {
        let (module, name) = other.test.rsplit_once("::").expect("a module and a name");
        let file = tests.join(format!("{}.rs", module.replace("::", "/")));
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(source.contains(&format!("async fn {name}()")), "{} is no test", other.test);
    }
}
