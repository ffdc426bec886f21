use std::fmt;

use license_domain::{EmailKey, License, LicenseId, LicenseStatus};
use serde::{Deserialize, Serialize};

const ID_LENGTH: usize = 36;
const CHECKED: &str = "a key is checked when it is made";

/// The key of a license in the default order of its plan's list: by status, then address, then id. Its text is the sort
/// key of the plan's index, and keys compare as their texts do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RowKey(Box<str>);

impl RowKey {
    /// The key of a license that has or had a person; a free seat has none.
    pub fn of(license: &License) -> Option<Self> {
        let email = license.user_email.as_ref().map(|email| email.key().sort_key()).unwrap_or_default();
        Self::of_sort_key(license.status, &email, license.uuid)
    }

    /// The key of a license with that status and that address; a free seat has none.
    pub fn from_parts(status: LicenseStatus, email: Option<&EmailKey>, license: LicenseId) -> Option<Self> {
        Self::of_sort_key(status, &email.map(EmailKey::sort_key).unwrap_or_default(), license)
    }

    /// Parses a key; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (status, rest) = text.split_once(' ')?;
        let (_, license) = rest.rsplit_once(' ')?;
        let status: LicenseStatus = status.parse().ok()?;
        let is_key = status != LicenseStatus::Unassigned
            && license.len() == ID_LENGTH
            && license.parse::<LicenseId>().is_ok_and(|id| id.to_string() == license);
        is_key.then(|| Self(text.into()))
    }

    /// The key with that status and that sort key of an address.
    pub(crate) fn of_sort_key(status: LicenseStatus, sort_key: &str, license: LicenseId) -> Option<Self> {
        (status != LicenseStatus::Unassigned).then(|| Self(format!("{status} {sort_key} {license}").into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn status(&self) -> LicenseStatus {
        self.parts().0
    }

    pub fn license(&self) -> LicenseId {
        self.parts().2
    }

    /// The license's address; `None` if it names no learner.
    pub fn email(&self) -> Option<EmailKey> {
        Some(self.sort_key()).filter(|sort_key| !sort_key.is_empty()).map(EmailKey::from_sort_key)
    }

    /// The sort key of the license's address; empty if it names no learner.
    pub fn sort_key(&self) -> &str {
        self.parts().1
    }

    /// Its text after the status.
    pub(crate) fn rest(&self) -> &str {
        self.0.split_once(' ').expect(CHECKED).1
    }

    fn parts(&self) -> (LicenseStatus, &str, LicenseId) {
        let (status, rest) = self.0.split_once(' ').expect(CHECKED);
        let (sort_key, license) = rest.rsplit_once(' ').expect(CHECKED);
        (status.parse().expect(CHECKED), sort_key, license.parse().expect(CHECKED))
    }
}

impl TryFrom<String> for RowKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("this is no key of a roster's row")
    }
}

impl From<RowKey> for String {
    fn from(key: RowKey) -> Self {
        key.0.into()
    }
}

// `{:?}` must not write an address to a log.
impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, _, license) = self.parts();
        write!(f, "RowKey({status} … {license})")
    }
}
