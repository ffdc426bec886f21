//! The format of a license's facts in events. Dates are microseconds, which take a third of a text's bytes, so that the
//! event of one license fits into one write unit. Events of earlier releases have texts.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::LicenseFacts;
use crate::{LicenseId, Timestamp};

#[derive(Serialize, Deserialize)]
struct ShortFacts {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date")]
    assigned_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date")]
    activation_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date")]
    last_remind_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date")]
    revoked_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renewed_to: Option<LicenseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auto_applied: Option<bool>,
}

pub(super) fn serialize<S: Serializer>(facts: &LicenseFacts, serializer: S) -> Result<S::Ok, S::Error> {
    let LicenseFacts { assigned_date, activation_date, last_remind_date, revoked_date, renewed_to, auto_applied } =
        *facts;
    let short = ShortFacts { assigned_date, activation_date, last_remind_date, revoked_date, renewed_to, auto_applied };
    short.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LicenseFacts, D::Error> {
    let ShortFacts { assigned_date, activation_date, last_remind_date, revoked_date, renewed_to, auto_applied } =
        ShortFacts::deserialize(deserializer)?;
    Ok(LicenseFacts { assigned_date, activation_date, last_remind_date, revoked_date, renewed_to, auto_applied })
}

/// A date as microseconds since 1970.
pub(super) mod date {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Timestamp;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Date {
        Micros(i64),
        Text(Timestamp),
    }

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub fn serialize<S: Serializer>(date: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        chrono::serde::ts_microseconds_option::serialize(date, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        match Option::<Date>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Date::Text(date)) => Ok(Some(date)),
            Some(Date::Micros(micros)) => {
                let date = Timestamp::from_timestamp_micros(micros);
                date.map(Some).ok_or_else(|| D::Error::custom("microseconds beyond all dates"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{LicenseChange, LicenseFacts};

    #[test]
    fn dates_are_numbers_and_texts_of_earlier_releases_are_read() {
        let id = "00000000-0000-4000-8000-000000000001";
        let change = |date: serde_json::Value| {
            let change = json!({
                "license": id, "from": "assigned", "to": "revoked",
                "before": { "assigned_date": date }, "after": { "assigned_date": date, "revoked_date": date },
            });
            serde_json::from_value::<LicenseChange>(change).expect("a change")
        };
        let of_text = change(json!("2026-11-23T10:46:08.000120Z"));
        assert_eq!(of_text, change(json!(1_795_430_768_000_120_i64)));
        let date = of_text.before.assigned_date;
        assert!(date.is_some());
        assert_eq!(of_text.after, LicenseFacts { assigned_date: date, revoked_date: date, ..LicenseFacts::default() });
        let written = serde_json::to_value(&of_text).expect("JSON");
        assert_eq!(written["before"], json!({ "assigned_date": 1_795_430_768_000_120_i64 }));
    }
}
