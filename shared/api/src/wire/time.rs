//! Times on the wire.

use license_domain::Timestamp;
use serde::Serializer;

/// `2026-01-01T00:00:00Z`, with microseconds where there are any.
pub fn timestamp(at: Timestamp) -> String {
    let format = if at.timestamp_subsec_micros() == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
    at.format(format).to_string()
}

/// `2026-01-01 00:00:00+00:00`: the form that one field of the wire has.
pub(super) fn with_space(at: Timestamp) -> String {
    let format =
        if at.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S+00:00" } else { "%Y-%m-%d %H:%M:%S%.6f+00:00" };
    at.format(format).to_string()
}

/// Serializes a field of that form.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*at))
}

/// Serializes a nullable field of that form.
pub fn serialize_option<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&timestamp(*at)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_shown_where_there_are_any() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a date");
        assert_eq!(timestamp(at("2026-01-01T00:00:00Z")), "2026-01-01T00:00:00Z");
        assert_eq!(timestamp(at("2026-01-01T00:00:00.000120Z")), "2026-01-01T00:00:00.000120Z");
        assert_eq!(with_space(at("2026-01-01T00:00:00Z")), "2026-01-01 00:00:00+00:00");
    }
}
