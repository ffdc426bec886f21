//! The recipients of a request about many licenses: learners by address, or filters of the plan's live licenses.

use license_domain::number::to_usize;
use std::{collections::HashSet, time::Duration};

use license_api::{
    Complaints, Field,
    doc::USER_EMAILS,
    fields::{Format, list},
};
use license_domain::{
    EmailAddress, EmailKey, LicenseStatus, SubscriptionPlan,
    email::{MAX_EMAIL_LENGTH, fold},
};
use license_storage::{LicenseFilter, LicenseQuery, Licenses, StoreError};

use serde_json::{Value, json};

/// The addresses of learners, in requests that may have filters instead.
pub const EMAILS_OR_FILTERS: Field =
    Field { text: "The learners. Either these or `filters`.", ..USER_EMAILS.optional() };

/// Filters of a plan's live licenses.
pub const FILTERS: Field =
    Field::new(list(&FILTER).at_most(MAX_FILTERS), "The licenses that all of these admit.").optional();

/// The most filters, and the most statuses of one.
const MAX_FILTERS: usize = 100;

const FILTER: Format = Format::Unchecked(|| {
    json!({
        "type": "object", "required": ["name", "filter_value"],
        "properties": {
            "name": { "type": "string", "enum": ["user_email", "status_in"] },
            "filter_value": { "anyOf": [
                { "type": "string", "maxLength": MAX_EMAIL_LENGTH },
                { "type": "array", "maxItems": MAX_FILTERS, "items": { "type": "string", "enum": ["activated", "assigned", "revoked"] } },
            ] },
        },
        "examples": [{ "name": "user_email", "filter_value": "@example.com" }],
    })
});

/// How often a list is read again that shows fewer licenses than there are, and the wait in between.
const MAX_READS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// The learners of a request.
#[derive(Debug)]
pub enum Recipients {
    /// These learners, without duplicates.
    Learners(Vec<EmailAddress>),
    /// The learners of the licenses that all filters admit.
    Filtered(LicenseFilter),
}

impl Recipients {
    /// The recipients in a body: either learners or filters.
    pub fn new(emails: Option<Vec<EmailAddress>>, filters: Option<Vec<Value>>) -> Result<Self, Complaints> {
        let complaint = match (emails, filters) {
            (Some(_), Some(_)) => "Either user_emails or filters must be provided, but not both.",
            (None, None) => "Either user_emails or filters must be provided.",
            (Some(emails), None) => return Ok(Self::Learners(once_each(&emails))),
            (None, Some(filters)) => {
                check_shape(&filters)?;
                return filter(&filters).map(Self::Filtered).map_err(|text| Complaints::of("non_field_errors", text));
            }
        };
        Err(Complaints::of("non_field_errors", complaint))
    }

    /// The given learners, for a prefetch.
    pub fn keys(&self) -> Vec<EmailKey> {
        match self {
            Self::Learners(emails) => emails.iter().map(EmailAddress::key).collect(),
            Self::Filtered(_) => Vec::new(),
        }
    }

    /// The learners. Fails with a retryable error if the list does not show all of them yet.
    pub async fn learners(
        self,
        licenses: &dyn Licenses,
        plan: &SubscriptionPlan,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        let filter = match self {
            Self::Learners(emails) => return Ok(emails),
            Self::Filtered(filter) => filter,
        };
        // The counters are exact, but the list is an index that may lag behind them. No learner may be left out.
        let is_counted_exactly = filter.search.is_empty();
        let mut query = LicenseQuery { filter, ..LicenseQuery::default() };
        for _ in 0..MAX_READS {
            let count: u64 = licenses.count(plan, &query.filter).await?.iter().map(|(_, count)| count).sum();
            query.limit = to_usize(count);
            let found = licenses.list(plan, &query).await?;
            if found.len() >= query.limit || !is_counted_exactly {
                return Ok(found.into_iter().filter_map(|license| license.user_email).collect());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Unavailable { operation: "list learners", cause: "the index lags behind".to_owned() })
    }
}

/// Checks that every filter is an object; the complaint names the positions of those that are not.
fn check_shape(filters: &[Value]) -> Result<(), Complaints> {
    let mut items = Complaints::default();
    for (position, filter) in filters.iter().enumerate().filter(|(_, filter)| !filter.is_object()) {
        let kind = license_api::type_name(filter);
        items.add(&position.to_string(), format!("Expected a dictionary of items but got type \"{kind}\"."));
    }
    items.finish().map_err(|items| Complaints::within("filters", items))
}

/// These learners without duplicates, compared by their keys.
fn once_each(emails: &[EmailAddress]) -> Vec<EmailAddress> {
    let mut named = HashSet::new();
    let keys = emails.iter().map(EmailAddress::key).filter(|key| named.insert(key.clone()));
    keys.map(|key| EmailAddress::on_record(key.as_str())).collect()
}

/// The filter for live licenses that match all of these filters; the error says what is wrong with them.
///
/// `{"name": "user_email", "filter_value": "part of an address"}`,
/// `{"name": "status_in", "filter_value": ["assigned", "activated"]}`
fn filter(filters: &[Value]) -> Result<LicenseFilter, &'static str> {
    let mut search = Vec::new();
    let mut statuses = vec![LicenseStatus::Activated, LicenseStatus::Assigned];
    for filter in filters {
        let value = &filter["filter_value"];
        match filter["name"].as_str() {
            Some("user_email") => {
                let part = value.as_str().ok_or("Malformed filters, user_email must be a string.")?;
                if part.chars().nth(MAX_EMAIL_LENGTH).is_some() {
                    return Err("Malformed filters, user_email is longer than an address can be.");
                }
                search.push(fold(part.trim()));
            }
            Some("status_in") => {
                if value.as_array().is_some_and(|words| words.len() > MAX_FILTERS) {
                    return Err("Malformed filters, status_in has more than 100 items.");
                }
                let words = value.as_array().and_then(|words| words.iter().map(Value::as_str).collect());
                let words: Vec<&str> = words.ok_or("Malformed filters, status_in must be a list of strings.")?;
                statuses.retain(|status| words.contains(&status.as_str()));
            }
            _ => return Err("Malformed filters, name must be user_email or status_in."),
        }
    }
    search.retain(|part| !part.is_empty());
    Ok(LicenseFilter { statuses: Some(statuses), search, ignore_null_emails: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(filters: &Value) -> Result<LicenseFilter, &'static str> {
        filter(filters.as_array().expect("a list"))
    }

    #[test]
    fn filters_narrow_the_live_licenses() {
        let found = parsed(&json!([
            {"name": "user_email", "filter_value": " Ann@"},
            {"name": "status_in", "filter_value": ["assigned", "revoked"]},
        ]));
        let wanted = LicenseFilter {
            statuses: Some(vec![LicenseStatus::Assigned]),
            search: vec!["ann@".to_owned()],
            ignore_null_emails: true,
        };
        assert_eq!(found, Ok(wanted));
    }

    #[test]
    fn malformed_filters_are_named() {
        let text = "Malformed filters, user_email must be a string.";
        assert_eq!(parsed(&json!([{"name": "user_email"}])), Err(text));
        assert_eq!(parsed(&json!([{"name": "user_email", "filter_value": 3}])), Err(text));
        let text = "Malformed filters, user_email is longer than an address can be.";
        assert_eq!(parsed(&json!([{"name": "user_email", "filter_value": "x".repeat(255)}])), Err(text));
        assert!(parsed(&json!([{"name": "user_email", "filter_value": "x".repeat(254)}])).is_ok());
        let text = "Malformed filters, status_in must be a list of strings.";
        assert_eq!(parsed(&json!([{"name": "status_in", "filter_value": "assigned"}])), Err(text));
        assert_eq!(parsed(&json!([{"name": "status_in", "filter_value": [1]}])), Err(text));
        let text = "Malformed filters, status_in has more than 100 items.";
        assert_eq!(parsed(&json!([{"name": "status_in", "filter_value": vec![1; 101]}])), Err(text));
        for filters in [json!([{"name": "x"}]), json!([{}]), json!([3])] {
            assert!(parsed(&filters).is_err());
        }
    }
}
