//! Keys of the audit trail.

use license_domain::{EventId, Subject, Timestamp};

use super::Key;

/// The trail of a thing.
pub fn trail(subject: Subject) -> String {
    match subject {
        Subject::License(license) => format!("TRAIL#LICENSE#{license}"),
        Subject::Plan(plan) => format!("TRAIL#PLAN#{plan}"),
        Subject::Agreement(agreement) => format!("TRAIL#AGREEMENT#{agreement}"),
        Subject::Renewal(renewal) => format!("TRAIL#RENEWAL#{}", renewal.0),
    }
}

/// An entry of a trail. Events' ids sort by time.
pub fn trail_entry(subject: Subject, event: EventId) -> Key {
    Key::new(trail(subject), event.to_string())
}

/// The least sort key of a trail's entries of that time or later.
pub fn trail_from(at: Timestamp) -> String {
    let millis = u64::try_from(at.timestamp_millis()).expect("no clock shows a time before 1970");
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

/// The secret for making person ids from addresses.
pub fn person_secret() -> Key {
    Key::head("SECRET#PERSON")
}
