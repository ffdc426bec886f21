//! The stand-in for the bus.

use license_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Aws;

/// The most events of one call.
const AT_ONCE: usize = 10;

/// A published event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The bus's own id.
    pub id: String,
    /// When it was published, by the runner's clock.
    pub at: Timestamp,
    pub source: String,
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    pub detail: Value,
}

impl Aws {
    /// The events so far.
    pub fn published(&self) -> rusqlite::Result<Vec<Published>> {
        self.state().list("SELECT event FROM events ORDER BY n")
    }

    pub fn forget_published(&self) -> rusqlite::Result<()> {
        self.state().with(|db| db.execute("DELETE FROM events", []).map(|_| ()))
    }

    /// `PutEvents`.
    pub(super) fn put_events(&self, call: &Value) -> Result<Value, String> {
        let entries = call["Entries"].as_array().cloned().unwrap_or_default();
        if entries.is_empty() || entries.len() > AT_ONCE {
            return Err(format!("{} entries in one call", entries.len()));
        }
        let mut responses = Vec::new();
        for entry in entries {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let Ok(detail) = serde_json::from_str(&text("Detail")) else {
                responses.push(json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed." }));
                continue;
            };
            let id = self.0.random.uuid().to_string();
            let event = Published {
                id: id.clone(),
                at: self.0.clock.now(),
                source: text("Source"),
                detail_type: text("DetailType"),
                detail,
            };
            self.state().insert("events (event)", &event).map_err(|error| error.to_string())?;
            responses.push(json!({ "EventId": id }));
        }
        let failed = responses.iter().filter(|response| response.get("ErrorCode").is_some()).count();
        Ok(json!({ "FailedEntryCount": failed, "Entries": responses }))
    }
}
