//! E-mail addresses: as given (shown), as compared (trimmed, lower-cased) and as sorted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest address that is accepted, in characters.
pub const MAX_EMAIL_LENGTH: usize = 254;

/// The form of an address in which two addresses are compared: trimmed and lower-cased.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailKey(String);

impl EmailKey {
    /// The comparison form of any text.
    pub fn of(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that sorts as the peer's lists sort addresses: punctuation before digits before letters
    /// (the order of the Unicode collation algorithm), so `user1@…` comes before `user10@…`.
    /// Each ASCII character is mapped to another printable one, in order; others sort last, as they are.
    pub fn sort_key(&self) -> String {
        let bytes = self.0.bytes().map(sort_byte).collect();
        String::from_utf8(bytes).expect("ASCII characters became others, and nothing else changed")
    }

    /// The address with that sort key.
    pub fn from_sort_key(sort_key: &str) -> Self {
        let address = |byte: u8| {
            let rank = byte.checked_sub(FIRST_SORT_BYTE).map(usize::from);
            rank.and_then(|rank| COLLATION.get(rank)).copied().unwrap_or(byte)
        };
        let bytes = sort_key.bytes().map(address).collect();
        Self(String::from_utf8(bytes).expect("ASCII characters became others, and nothing else changed"))
    }
}

/// Printable ASCII without capitals, in the order of the Unicode collation table.
const COLLATION: &[u8] = b"_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

/// The first printable character after the space, which separates sort keys.
const FIRST_SORT_BYTE: u8 = b'!';

const SORT_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = u8::MIN;
    while byte < u8::MAX {
        table[byte as usize] = byte;
        byte += 1;
    }
    table[byte as usize] = byte;
    let mut sort_byte = FIRST_SORT_BYTE;
    let mut rank = 0;
    while rank < COLLATION.len() {
        table[COLLATION[rank] as usize] = sort_byte;
        sort_byte += 1;
        rank += 1;
    }
    table
};

/// What stands in a sort key for that byte of an address in its comparison form.
pub const fn sort_byte(byte: u8) -> u8 {
    SORT_BYTES[byte as usize]
}

// An address must never reach a log by way of `{:?}`.
impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(…)")
    }
}

/// An address in the spelling that was given, known to be valid or taken from a store that holds it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter a valid email address.")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Checks and takes an address, without surrounding space.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        if is_valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidEmail) }
    }

    /// Takes an address that is already on record, whatever it looks like.
    pub fn on_record(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The spelling that was given.
    pub fn as_given(&self) -> &str {
        &self.0
    }

    /// The form in which addresses are compared.
    pub fn key(&self) -> EmailKey {
        EmailKey::of(&self.0)
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for EmailAddress {}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// The rules of RFC 5321 that web frameworks agree on: a dot-atom or quoted local part, and a domain of
/// labels with a top level that is not numeric, an address literal in brackets, or `localhost`.
fn is_valid(text: &str) -> bool {
    if text.chars().count() > MAX_EMAIL_LENGTH {
        return false;
    }
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    is_local_part(local) && is_domain(domain)
}

fn is_local_part(local: &str) -> bool {
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{}|~-".contains(c);
    let dot_atom = !local.is_empty() && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    let quoted = local.len() >= 2
        && local.starts_with('"')
        && local.ends_with('"')
        && local[1..local.len() - 1].chars().all(|c| matches!(c, '\u{20}'..='\u{7e}') && c != '"' && c != '\\');
    dot_atom || quoted
}

fn is_domain(domain: &str) -> bool {
    if domain.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return literal.parse::<std::net::IpAddr>().is_ok();
    }
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.chars().count() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let top_level = labels.last().copied().unwrap_or_default();
    labels.len() >= 2
        && labels.iter().all(is_label)
        && top_level.chars().count() >= 2
        && !top_level.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b.com", " a@b.com ", "A.B+c@x-y.example.org", "\"a b\"@b.com", "a@[127.0.0.1]", "a@localhost"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@", "@b.com", "a@b", "a b@c.com", "a@-b.com", "a..b@c.com", "a@b.com,c@d.com", "a@b.1"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
        assert!(EmailAddress::parse(&format!("{}@b.com", "x".repeat(300))).is_err());
    }

    #[test]
    fn spelling_is_kept_and_ignored() {
        let given = EmailAddress::parse(" Ann@Example.COM").expect("valid");
        assert_eq!(given.as_given(), "Ann@Example.COM");
        assert_eq!(given.key().as_str(), "ann@example.com");
        assert_eq!(given, EmailAddress::on_record("ann@example.com"));
    }

    #[test]
    fn sort_keys_put_punctuation_before_digits_before_letters() {
        let sorted = ["a_b@x.y", "a-b@x.y", "a.b@x.y", "a@x.y", "a+b@x.y", "a0@x.y", "ab@x.y"];
        let keys: Vec<String> = sorted.iter().map(|e| EmailKey::of(e).sort_key()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        for key in
            sorted.map(EmailKey::of).into_iter().chain([EmailKey::of("j\u{f6}rg~|`^@\u{4f8b}.de"), EmailKey::of("")])
        {
            assert_eq!(EmailKey::from_sort_key(&key.sort_key()), key);
        }
        assert!(EmailKey::of("user1@a.b").sort_key() < EmailKey::of("user10@a.b").sort_key());
    }

    #[test]
    fn debug_output_hides_addresses() {
        let email = EmailAddress::on_record("ann@example.com");
        assert!(!format!("{email:?} {:?}", email.key()).contains("ann"));
    }
}
