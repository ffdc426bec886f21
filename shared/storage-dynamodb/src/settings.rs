//! Where the table is.

use license_settings::{Setting, text, url};

const TABLE_NAME: &str = "TABLE_NAME";
const DYNAMODB_ENDPOINT: &str = "DYNAMODB_ENDPOINT";

/// Where the table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// `TABLE_NAME`.
    pub table: String,
    /// `DYNAMODB_ENDPOINT`: where DynamoDB is served, if it is not AWS itself.
    pub endpoint: Option<String>,
}

/// No table is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {TABLE_NAME} is missing")]
pub struct NoTable;

impl StoreSettings {
    /// What is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(TABLE_NAME), Setting::plain(DYNAMODB_ENDPOINT).url()];

    /// The settings that `lookup` knows.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NoTable> {
        let table = text(&lookup, TABLE_NAME).ok_or(NoTable)?;
        Ok(Self { table, endpoint: url(&lookup, DYNAMODB_ENDPOINT) })
    }
}
