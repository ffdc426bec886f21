//! The settings of the table.

use license_settings::{Setting, text, url};

const TABLE_NAME: &str = "TABLE_NAME";
const DYNAMODB_ENDPOINT: &str = "DYNAMODB_ENDPOINT";

/// The settings of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// `TABLE_NAME`: the table.
    pub table: String,
    /// `DYNAMODB_ENDPOINT`: the URL of DynamoDB, if it is not AWS itself.
    pub endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {TABLE_NAME} is missing")]
pub struct NoTable;

impl StoreSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(TABLE_NAME), Setting::plain(DYNAMODB_ENDPOINT).url()];

    /// Reads the settings by `lookup`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NoTable> {
        let table = text(&lookup, TABLE_NAME).ok_or(NoTable)?;
        Ok(Self { table, endpoint: url(&lookup, DYNAMODB_ENDPOINT) })
    }
}
