//! E-mail addresses in three forms: as given (shown), as a key (trimmed, normalized, case-folded) and as a sort key.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The longest address that is accepted, in bytes of UTF-8, as RFC 5321 counts. Case-folded it has at most 762 bytes;
/// together with a status and an id it fits into the 1,024 bytes of a sort key.
pub const MAX_EMAIL_LENGTH: usize = 254;

/// The most bytes of an address's key: in form C a character can take three times as many bytes as before.
const MAX_KEY_BYTES: usize = 3 * MAX_EMAIL_LENGTH;

/// The form in which addresses are compared: trimmed, in Unicode's normalization form C, case-folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailKey(String);

impl EmailKey {
    /// The comparison form of a text.
    pub fn of(text: &str) -> Self {
        Self(fold(text.trim()))
    }

    /// Whether a license can have it: a longer one does not fit into a key of the table, and looking for it would be an
    /// error.
    pub const fn is_possible(&self) -> bool {
        self.0.len() <= MAX_KEY_BYTES
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that sorts as the lists of edx's license-manager sort addresses: punctuation before digits before letters
    /// (the order of the Unicode collation algorithm), so `user1@…` comes before `user10@…`. Each ASCII character is
    /// mapped to another printable one, in order; others sort last, unchanged.
    pub fn sort_key(&self) -> String {
        let bytes = self.0.bytes().map(sort_byte).collect();
        String::from_utf8(bytes).expect("only ASCII characters were replaced, by ASCII characters")
    }

    /// The address with that sort key.
    pub fn from_sort_key(sort_key: &str) -> Self {
        let address = |byte: u8| {
            let rank = byte.checked_sub(FIRST_SORT_BYTE).map(usize::from);
            rank.and_then(|rank| COLLATION.get(rank)).copied().unwrap_or(byte)
        };
        let bytes = sort_key.bytes().map(address).collect();
        Self(String::from_utf8(bytes).expect("only ASCII characters were replaced, by ASCII characters"))
    }
}

/// The case-folded text in normalization form C. Texts that differ only in case or composition have the same fold.
///
/// A character that only resembles another one is not replaced by it. Unicode maps the Kelvin sign (U+212A) to `k` as
/// its lower-case letter, and form C maps it to `K`: with either, an address with that sign would open the licenses of
/// another learner.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower: String = compose(text).chars().flat_map(lowercase).collect();
    compose(&lower)
}

/// The lower-case letter of a capital letter, if the capital is also the upper-case letter of the result: the capital
/// letter of `k` is not the Kelvin sign.
fn lowercase(c: char) -> impl Iterator<Item = char> {
    let mut lower = c.to_lowercase();
    let small = match (lower.next(), lower.next()) {
        (Some(small), None) if small.to_uppercase().eq([c]) => small,
        _ => c,
    };
    std::iter::once(small)
}

/// Form C of the text, without replacing characters that form C maps to another single character.
fn compose(text: &str) -> String {
    let mut composed = String::with_capacity(text.len());
    for part in text.split_inclusive(is_look_alike) {
        let look_alike = part.chars().next_back().filter(|c| is_look_alike(*c));
        let plain = &part[..part.len() - look_alike.map_or(0, char::len_utf8)];
        composed.extend(plain.nfc());
        composed.extend(look_alike);
    }
    composed
}

/// Whether form C maps this character to another single one: the signs for Kelvin, ohm and angstrom, and duplicates of
/// ideographs.
fn is_look_alike(c: char) -> bool {
    let mut composed = std::iter::once(c).nfc();
    !c.is_ascii() && composed.next().is_some_and(|other| other != c) && composed.next().is_none()
}

/// Whether a character is refused in an address: it is invisible, or changes the direction of the text around it, so
/// that two addresses could look the same.
fn is_hidden(c: char) -> bool {
    let is_bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_invisible =
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}');
    c.is_control() || is_bidi || is_invisible
}

/// Printable ASCII without capital letters, in the order of the Unicode collation table.
const COLLATION: &[u8] = b"_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

/// The first printable character after the space. The space separates the parts of sort keys.
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

/// The byte in a sort key for a byte of an address in its comparison form.
pub const fn sort_byte(byte: u8) -> u8 {
    SORT_BYTES[byte as usize]
}

// `{:?}` must not write an address to a log.
impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(…)")
    }
}

/// An address as it was given, validated or taken from a store that holds it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

/// The placeholder for an address that retirement erased, where a list must keep its length. It receives no mail: RFC
/// 2606 reserves its domain.
const RETIRED: &str = "retired@retired.invalid";

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter a valid email address.")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Validates an address; removes the space around it and converts it to normalization form C.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        // The length is checked first, so that a text of megabytes is not processed.
        if text.len() > MAX_EMAIL_LENGTH {
            return Err(InvalidEmail);
        }
        let text = compose(text);
        if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidEmail) }
    }

    /// Takes an address of another system. Refuses only what is too long for a key, and what hides characters.
    pub fn foreign(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let is_taken = !text.is_empty() && text.len() <= MAX_EMAIL_LENGTH && !text.chars().any(is_hidden);
        if is_taken { Ok(Self(text.to_owned())) } else { Err(InvalidEmail) }
    }

    /// Takes an address that is already stored, without checks.
    pub fn on_record(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The placeholder for an address that retirement erased.
    pub fn retired() -> Self {
        Self(RETIRED.to_owned())
    }

    /// Whether it is that placeholder.
    pub fn is_retired(&self) -> bool {
        self.0 == RETIRED
    }

    /// The spelling in which it was given.
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

/// The rules of RFC 5321 that web frameworks share: a dot-atom or quoted local part, and a domain of labels with a top
/// level that is not numeric, an address literal in brackets, or `localhost`.
fn is_valid(text: &str) -> bool {
    if text.len() > MAX_EMAIL_LENGTH || text.chars().any(|c| is_look_alike(c) || is_hidden(c)) {
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
    fn valid_addresses_are_distinguished_from_other_texts() {
        for good in ["a@b.com", " a@b.com ", "A.B+c@x-y.example.org", "\"a b\"@b.com", "a@[127.0.0.1]", "a@localhost"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@", "@b.com", "a@b", "a b@c.com", "a@-b.com", "a..b@c.com", "a@b.com,c@d.com", "a@b.1"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
        assert!(EmailAddress::parse(&format!("{}@b.com", "x".repeat(300))).is_err());
    }

    #[test]
    fn only_case_is_folded() {
        let key = |text: &str| EmailKey::of(text);
        assert_eq!(key("ANN@ÄÖ.example"), key("ann@äö.example"));
        // The same umlaut as one character and as two.
        assert_eq!(key("ann@\u{c4}.example"), key("ann@a\u{308}.example"));
        assert_eq!(key("ann@A\u{308}.example"), key("ann@\u{e4}.example"));
        for (look_alike, letter) in [
            ("\u{212a}im@x.example", "kim@x.example"),
            ("ann@\u{212a}.example", "ann@K.example"),
            ("ann@\u{212b}.example", "ann@\u{e5}.example"),
            ("ann@\u{2126}.example", "ann@\u{3c9}.example"),
            ("\u{17f}am@x.example", "sam@x.example"),
            ("ann@\u{130}.example", "ann@i.example"),
            ("ann@\u{1e9e}.example", "ann@ss.example"),
        ] {
            assert_ne!(key(look_alike), key(letter), "{look_alike}");
            assert_eq!(key(key(look_alike).as_str()), key(look_alike), "the key of a key is the same key");
        }
    }

    #[test]
    fn every_character_is_its_own_key_or_that_of_its_small_letter() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let key = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&key), key, "{c:?}");
            assert!(key.len() <= 3 * c.len_utf8(), "{c:?}: the maximum counts on it");
            if key.is_ascii() {
                assert!(c.is_ascii(), "{c:?} is taken for {key}");
            }
        }
    }

    #[test]
    fn addresses_with_look_alikes_hidden_or_bidirectional_characters_are_refused() {
        for c in ["\u{212a}", "\u{212b}", "\u{2126}", "\u{202e}", "\u{200f}", "\u{2066}", "\u{200b}", "\u{7}", "\u{85}"]
        {
            assert!(EmailAddress::parse(&format!("ann@x{c}y.example")).is_err(), "{c:?}");
            assert!(EmailAddress::parse(&format!("a{c}n@x.example")).is_err(), "{c:?}");
        }
        for c in ["\u{202e}", "\u{200f}", "\u{2066}", "\u{200b}", "\u{7}", "\u{85}"] {
            assert!(EmailAddress::foreign(&format!("a{c}n@x.example")).is_err(), "{c:?}");
        }
        let two = EmailAddress::parse("ann@u\u{308}ber.example").expect("an address in form D");
        assert_eq!(two.as_given(), "ann@\u{fc}ber.example");
    }

    #[test]
    fn lengths_are_bytes() {
        let domain = |count: usize| format!("ann@{0}.{0}.example", "\u{10330}".repeat(count));
        assert!(EmailAddress::parse(&domain(30)).is_ok());
        assert!(EmailAddress::parse(&domain(31)).is_err(), "{} bytes", domain(31).len());
        assert!(EmailAddress::foreign(&"x".repeat(MAX_EMAIL_LENGTH)).is_ok());
        assert!(EmailAddress::foreign(&"x".repeat(MAX_EMAIL_LENGTH + 1)).is_err());
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
