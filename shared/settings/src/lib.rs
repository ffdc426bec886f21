//! Settings: environment variables that an operator sets. A function declares the settings that it reads. From the
//! declaration follow the values that it gets, the secrets that it resolves, and what `template.yaml` must set and
//! grant.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use url::Url;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The possible sources of its value.
    pub kind: Kind,
    /// Whether its value is a URL.
    pub is_url: bool,
}

/// The possible sources of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The template sets it.
    Plain,
    /// The template sets it, to the value or to the name of a secret.
    Secret,
    /// The template need not set it: it is for tests, and for stand-ins of AWS.
    Optional,
}

impl Setting {
    pub const fn plain(name: &'static str) -> Self {
        Self { name, kind: Kind::Plain, is_url: false }
    }

    pub const fn secret(name: &'static str) -> Self {
        Self { name, kind: Kind::Secret, is_url: false }
    }

    pub const fn optional(name: &'static str) -> Self {
        Self { name, kind: Kind::Optional, is_url: false }
    }

    /// A copy whose value must be a URL.
    #[must_use]
    pub const fn url(self) -> Self {
        Self { is_url: true, ..self }
    }
}

/// The settings that a function reads: one group for each part that parses some.
pub type Declared = &'static [&'static [Setting]];

/// The values of declared settings. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    kinds: BTreeMap<&'static str, Kind>,
    urls: BTreeSet<&'static str>,
    values: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Reads the declared settings only. Values are trimmed; an empty one counts as not set.
    pub fn read(declared: Declared, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let all = || declared.iter().copied().flatten();
        let kinds: BTreeMap<&'static str, Kind> = all().map(|setting| (setting.name, setting.kind)).collect();
        let urls = all().filter(|setting| setting.is_url).map(|setting| setting.name).collect();
        let values = kinds.keys().filter_map(|name| Some((*name, text(&lookup, name)?))).collect();
        Self { kinds, urls, values }
    }

    /// Fails if a setting that must be a URL has another value.
    pub fn check_urls(&self) -> Result<(), NotAUrl> {
        let mut urls = self.values.iter().filter(|(name, _)| self.urls.contains(*name));
        urls.try_for_each(|(name, value)| if is_url(value) { Ok(()) } else { Err(NotAUrl { setting: name }) })
    }

    /// The value of a declared setting.
    ///
    /// # Panics
    ///
    /// Panics if the setting is not declared: the template would not set it either, and its default would hide the
    /// mistake.
    pub fn get(&self, name: &str) -> Option<&str> {
        assert!(self.kinds.contains_key(name), "the setting {name} is read, but not declared");
        self.values.get(name).map(String::as_str)
    }

    /// The function that parsers take to read settings. It panics where [`Settings::get`] does.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.get(name).map(str::to_owned)
    }

    /// The settings of that kind that have a value.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&'static str, &str)> {
        let values = self.values.iter().map(|(name, value)| (*name, value.as_str()));
        values.filter(move |(name, _)| self.kinds.get(name) == Some(&kind))
    }

    /// A copy with other values for some settings. An empty value counts as not set.
    #[must_use]
    pub fn with(&self, values: &BTreeMap<&'static str, String>) -> Self {
        let mut settings = self.clone();
        for (name, value) in values {
            settings.values.remove(name);
            if let Some(value) = text(|_| Some(value.clone()), name) {
                settings.values.insert(name, value);
            }
        }
        settings
    }
}

/// The trimmed text of that setting; an empty one counts as not set.
pub fn text(lookup: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The URL of that setting, without a slash at the end.
pub fn url(lookup: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    text(lookup, name).map(|url| url.trim_end_matches('/').to_owned())
}

/// Whether a text is a URL of HTTP or HTTPS.
fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The number of that setting.
pub fn number<T: FromStr>(
    lookup: impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<T>, NotANumber> {
    let number = |text: String| text.parse().map_err(|_| NotANumber { setting: name, text });
    text(lookup, name).map(number).transpose()
}

/// A setting whose value is not a whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANumber {
    pub setting: &'static str,
    pub text: String,
}

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} is not a whole number", self.setting, self.text)
    }
}

impl std::error::Error for NotANumber {}

/// A setting whose value must be a URL and is not. The value is not kept, because it may contain a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAUrl {
    pub setting: &'static str,
}

impl fmt::Display for NotAUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be a URL that begins with http:// or https://", self.setting)
    }
}

impl std::error::Error for NotAUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: Declared = &[
        &[Setting::plain("LMS_URL"), Setting::secret("KEY")],
        &[Setting::optional("SQS_ENDPOINT"), Setting::plain("LIMIT")],
    ];

    fn settings() -> Settings {
        Settings::read(DECLARED, |name| match name {
            "LMS_URL" => Some(" https://lms.example.com/ ".to_owned()),
            "KEY" => Some("hush".to_owned()),
            "LIMIT" => Some("many".to_owned()),
            _ => Some("  ".to_owned()),
        })
    }

    #[test]
    fn values_are_trimmed_and_an_empty_one_is_none() {
        let settings = settings();
        assert_eq!(settings.get("LMS_URL"), Some("https://lms.example.com/"));
        assert_eq!(url(settings.lookup(), "LMS_URL").as_deref(), Some("https://lms.example.com"));
        assert_eq!(settings.get("SQS_ENDPOINT"), None);
        assert_eq!(number::<u32>(settings.lookup(), "SQS_ENDPOINT"), Ok(None));
        let error = number::<u32>(settings.lookup(), "LIMIT").expect_err("no number").to_string();
        assert_eq!(error, "LIMIT: \"many\" is not a whole number");
    }

    #[test]
    fn names_of_secrets_are_recognized_replaced_and_never_shown() {
        let settings = settings();
        assert_eq!(settings.of_kind(Kind::Secret).collect::<Vec<_>>(), [("KEY", "hush")]);
        let other = settings.with(&BTreeMap::from([("KEY", "changed\n".to_owned())]));
        assert_eq!((other.get("KEY"), other.get("LMS_URL")), (Some("changed"), settings.get("LMS_URL")));
        assert_ne!(other, settings);
        assert_eq!(settings.with(&BTreeMap::from([("KEY", String::new())])).get("KEY"), None);
        assert_eq!(format!("{settings:?}"), r#"{"KEY", "LIMIT", "LMS_URL"}"#);
    }

    #[test]
    fn values_that_must_be_urls_are_checked() {
        const PORTAL: Declared = &[&[Setting::plain("PORTAL_URL").url(), Setting::plain("OTHER_URL")]];
        let check = |value: &str| Settings::read(PORTAL, |_| Some(value.to_owned())).check_urls();
        for good in ["http://127.0.0.1:8000", "https://portal.example.com/a/", ""] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["portal.example.com", "localhost:8000", "/portal", "ftp://example.com", "http://", "http://a b/"] {
            assert_eq!(check(bad), Err(NotAUrl { setting: "PORTAL_URL" }), "{bad}");
        }
    }

    #[test]
    #[should_panic(expected = "the setting JWT_SECRET_KEY is read, but not declared")]
    fn undeclared_settings_are_not_read() {
        settings().lookup()("JWT_SECRET_KEY");
    }
}
