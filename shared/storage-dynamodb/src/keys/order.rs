//! Texts that sort as what they stand for.

use license_domain::Timestamp;

/// The greatest text that sorts before this one, among sort keys of equal length.
pub fn before(sk: &str) -> String {
    let mut before = sk.to_owned();
    match before.pop() {
        Some('0') | None => before,
        Some(last) => {
            let smaller = u32::from(last).checked_sub(1).and_then(char::from_u32).unwrap_or('!');
            before.push(smaller);
            before.push('~');
            before
        }
    }
}

/// The least text that sorts behind this one, among sort keys of which none begins with another.
pub fn behind(sk: &str) -> String {
    format!("{sk} ")
}

/// It sorts behind every text that is a sort key here.
pub const LAST: &str = "\u{10FFFF}";

/// The greatest sort key of the due index that is due at that time.
pub fn due_by(now: Timestamp) -> String {
    format!("{}#~", time(now))
}

/// A time as text that sorts by time.
pub fn time(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
