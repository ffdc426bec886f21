//! Moments on pages. All of them go through here: as an element that says the moment in UTC, and that the script of the pages
//! ([`crate::script`]) rewrites to the viewer's zone.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};
use chrono::NaiveDateTime;
use license_domain::Timestamp;

/// A moment, or nothing where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Option<Timestamp>);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(Some(at))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(at) = self.0 else { return Ok(()) };
        write!(
            out,
            "<time datetime=\"{}\" title=\"{} UTC\">{}</time>",
            at.format("%Y-%m-%dT%H:%M:%SZ"),
            at.format("%Y-%m-%d %H:%M:%S"),
            utc(at)
        )
    }
}

/// It consists of digits and of our own markup.
impl HtmlSafe for Moment {}

/// A moment within a sentence: [`Sentence`] finds it again.
pub fn utc(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The complaint about a text that is no moment.
pub const NOT_TYPED: &str = "Enter a time, such as 2027-01-31 10:00.";

/// The complaint about a moment of the future.
pub const YET_TO_COME: &str = "This time is yet to come.";

/// A moment that was entered in a field, in UTC: as browsers send it, with or without seconds, or with its zone.
pub fn typed(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let with_zone = match text.len() {
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    with_zone.parse().ok()
}

/// A text with moments in it, as [`utc`] or the API writes them.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a>(&'a str);

/// Shows the moments within a text as moments. Everything else is escaped, so that texts of customers stay texts.
pub const fn sentence(text: &str) -> Sentence<'_> {
    Sentence(text)
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, at, after)) = first_moment(rest) {
            write!(out, "{}{}", escaped(before)?, Moment::from(at))?;
            rest = after;
        }
        write!(out, "{}", escaped(rest)?)
    }
}

impl HtmlSafe for Sentence<'_> {}

fn escaped(text: &str) -> Result<impl fmt::Display + '_, fmt::Error> {
    escape(text, Html).map_err(|never| match never {})
}

/// The length of a date with its hour and minute.
const SHORTEST: usize = "2027-01-01 00:00".len();

/// What is before the first moment of the text, the moment, and what is behind it.
fn first_moment(text: &str) -> Option<(&str, Timestamp, &str)> {
    let begins = |(begin, found): (usize, char)| {
        let is_within = text[..begin].ends_with(|before: char| before.is_ascii_digit() || before == '-');
        if !found.is_ascii_digit() || is_within {
            return None;
        }
        let (at, length) = moment_of(&text[begin..])?;
        Some((&text[..begin], at, &text[begin + length..]))
    };
    text.char_indices().find_map(begins)
}

/// The moment that the text begins with, and its length.
fn moment_of(text: &str) -> Option<(Timestamp, usize)> {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let head = text.get(..SHORTEST)?;
    let (mut end, mut seconds) = (SHORTEST, ":00");
    if let Some(of) = text.get(end..end + 3).filter(|of| of.starts_with(':') && digits(SHORTEST + 1) == 2) {
        (end, seconds) = (end + 3, of);
        if text[end..].starts_with('.') {
            end += 1 + digits(end + 1);
        }
    }
    let zone = [" UTC", "Z", "+00:00"].into_iter().find(|zone| text[end..].starts_with(zone))?;
    let plain = format!("{head}{seconds}").replace('T', " ");
    let at = NaiveDateTime::parse_from_str(&plain, "%Y-%m-%d %H:%M:%S").ok()?;
    Some((at.and_utc(), end + zone.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str =
        "<time datetime=\"2026-11-23T10:46:08Z\" title=\"2026-11-23 10:46:08 UTC\">2026-11-23 10:46 UTC</time>";

    fn at() -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768, 0).expect("a moment")
    }

    #[test]
    fn a_moment_is_readable_without_script_and_exact_for_it() {
        assert_eq!(Moment::from(at()).to_string(), SHOWN);
        assert_eq!(Moment(None).to_string(), "");
        assert_eq!(utc(at()), "2026-11-23 10:46 UTC");
    }

    #[test]
    fn moments_within_texts_are_found_and_all_else_is_escaped() {
        let of = |text: &str| sentence(text).to_string();
        assert_eq!(of("start_date: <b> → 2026-11-23T10:46:08.123Z!"), format!("start_date: &#60;b&#62; → {SHOWN}!"));
        let two = of("2026-11-23T10:46:08+00:00 → 2026-11-23 10:46:08 UTC");
        assert_eq!(two, format!("{SHOWN} → {SHOWN}"));
        assert!(of(&format!("Before {}, nothing.", utc(at()))).contains("datetime=\"2026-11-23T10:46:00Z\""));
        for plain in
            ["2026-11-23", "2026-11-23 10:46", "92026-11-23 10:46 UTC", "2026-99-23 10:46 UTC", "é2026-1é-23 10:46 UTC"]
        {
            assert_eq!(of(plain), plain);
        }
    }
}
