//! Formats values for pages.

use license_domain::{AuditEntry, Changes, FieldChange, License, LicenseId, PlanId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::moment::Moment;

/// A day in UTC, in pictures: these have no room for a time.
pub fn day(at: Timestamp) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// The wire's word for a value of an enum.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A license of a list.
#[derive(Debug)]
pub struct LicenseLine {
    pub id: LicenseId,
    pub plan: PlanId,
    pub status: &'static str,
    pub email: String,
    pub assigned: Moment,
    pub activated: Moment,
    pub revoked: Moment,
    pub reminded: Moment,
}

impl From<&License> for LicenseLine {
    fn from(license: &License) -> Self {
        Self {
            id: license.uuid,
            plan: license.subscription_plan,
            status: license.status.as_str(),
            email: license.user_email.as_ref().map(|email| email.as_given().to_owned()).unwrap_or_default(),
            assigned: Moment(license.assigned_date),
            activated: Moment(license.activation_date),
            revoked: Moment(license.revoked_date),
            reminded: Moment(license.last_remind_date),
        }
    }
}

/// A change of a history.
#[derive(Debug)]
pub struct HistoryLine {
    pub at: Moment,
    pub kind: String,
    pub actor: String,
    pub reason: String,
    pub request: String,
    pub changes: Vec<String>,
}

impl From<&AuditEntry> for HistoryLine {
    fn from(entry: &AuditEntry) -> Self {
        let moves = entry
            .moves
            .iter()
            .map(|moved| format!("{} licenses: {} → {}", moved.licenses, moved.from.as_str(), moved.to.as_str()));
        let step = entry.license.iter().map(|step| format!("{} → {}", step.from.as_str(), step.to.as_str()));
        Self {
            at: entry.at.into(),
            kind: word(&entry.kind),
            actor: entry.actor.clone().unwrap_or_else(|| "the learner".to_owned()),
            reason: entry.reason.clone(),
            request: entry.request_id.clone(),
            changes: step.chain(moves).chain(fields(&entry.changes)).collect(),
        }
    }
}

/// The fields of a change, before and after.
pub fn fields(changes: &Changes) -> Vec<String> {
    let line = |(name, change): (&String, &FieldChange)| {
        format!("{name}: {} → {}", text_of(&change.before), text_of(&change.after))
    };
    changes.iter().map(line).collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use license_domain::LicenseStatus;

    use super::*;

    #[test]
    fn values_read_as_on_the_wire() {
        assert_eq!(word(&LicenseStatus::Activated), "activated");
        assert_eq!(text_of(&Value::Null), "nothing");
        assert_eq!(text_of(&serde_json::json!("a <b>")), "a <b>");
    }
}
