//! The filter and the order that all lists of licenses accept as parameters.
//!
//! | parameter | meaning |
//! |---|---|
//! | `status=a,b` | only these statuses; unknown words match no license |
//! | `active_only=1` | only assigned and activated ones; `0` changes nothing |
//! | `search=x y,z` | every word is part of the learner's address |
//! | `ignore_null_emails=true` | leaves out licenses that name no learner, except free seats |
//! | `ordering=-status,user_email` | unknown fields are ignored |

use std::cmp::Ordering;

use axum::http::StatusCode;
use license_domain::{License, LicenseStatus, email::fold};
use license_storage::{LicenseFilter, OrderBy, OrderField};

use crate::{ApiError, Params, doc};

/// The filter in the parameters.
pub fn filter(params: &Params) -> Result<LicenseFilter, ApiError> {
    let mut statuses = statuses(params.get(&doc::STATUS).unwrap_or_default());
    if active_only(params.get(&doc::ACTIVE_ONLY).unwrap_or_default())? {
        let wanted = statuses.unwrap_or_else(|| LicenseStatus::ALL.to_vec());
        statuses = Some(wanted.into_iter().filter(|status| status.is_live()).collect());
    }
    Ok(LicenseFilter {
        statuses,
        search: words(params.get(&doc::SEARCH).unwrap_or_default()),
        ignore_null_emails: is_true(params.get(&doc::IGNORE_NULL_EMAILS).unwrap_or_default()),
    })
}

/// The order in the parameters; empty for the list's default order.
pub fn order(params: &Params) -> Vec<OrderBy> {
    steps(params.get(&doc::ORDERING).unwrap_or_default())
}

/// Sorts licenses in memory: by the order, then by id.
pub fn sort(licenses: &mut [License], order: &[OrderBy]) {
    licenses.sort_by(|a, b| compare(order, a, b).then(a.uuid.cmp(&b.uuid)));
}

/// Compares two licenses by the order; equal if the order does not distinguish them.
pub fn compare(order: &[OrderBy], a: &License, b: &License) -> Ordering {
    let email = |license: &License| license.user_email.as_ref().map(|email| email.key().sort_key());
    order.iter().fold(Ordering::Equal, |so_far, step| {
        so_far.then_with(|| {
            let by = match step.field {
                OrderField::UserEmail => email(a).cmp(&email(b)),
                OrderField::Status => a.status.cmp(&b.status),
                OrderField::ActivationDate => a.activation_date.cmp(&b.activation_date),
                OrderField::LastRemindDate => a.last_remind_date.cmp(&b.last_remind_date),
            };
            if step.descending { by.reverse() } else { by }
        })
    })
}

fn statuses(text: &str) -> Option<Vec<LicenseStatus>> {
    let given = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    (!text.trim().is_empty()).then(|| given.filter_map(|word| word.to_ascii_lowercase().parse().ok()).collect())
}

fn active_only(text: &str) -> Result<bool, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(false);
    }
    match text.parse::<i64>() {
        Ok(number) => Ok(number != 0),
        Err(_) => Err(ApiError::detail(StatusCode::BAD_REQUEST, "active_only must be a number.")),
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(fold).collect()
}

fn is_true(text: &str) -> bool {
    text == "1" || text.eq_ignore_ascii_case("true")
}

fn steps(text: &str) -> Vec<OrderBy> {
    text.split(',').filter_map(step).collect()
}

fn step(text: &str) -> Option<OrderBy> {
    let text = text.trim();
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let field = match name {
        "user_email" => OrderField::UserEmail,
        "status" => OrderField::Status,
        "activation_date" => OrderField::ActivationDate,
        "last_remind_date" => OrderField::LastRemindDate,
        _ => return None,
    };
    Some(OrderBy { field, descending })
}

#[cfg(test)]
mod tests {
    use LicenseStatus::{Activated, Assigned, Revoked};

    use super::*;

    #[test]
    fn statuses_are_a_list_and_unknown_words_mean_none() {
        assert_eq!(statuses(""), None);
        assert_eq!(statuses("activated,assigned"), Some(vec![Activated, Assigned]));
        assert_eq!(statuses("revoked, junk"), Some(vec![Revoked]));
        assert_eq!(statuses("ACTIVATED"), Some(vec![Activated]));
        assert_eq!(statuses("junk"), Some(vec![]));
    }

    #[test]
    fn active_only_is_a_number() {
        for (text, wanted) in [("", false), ("0", false), ("1", true), (" 2 ", true)] {
            assert_eq!(active_only(text).ok(), Some(wanted), "{text:?}");
        }
        assert!(active_only("abc").is_err());
    }

    #[test]
    fn search_words_are_split_at_spaces_and_commas() {
        assert_eq!(words(" Ann,BOB  @x.y "), ["ann", "bob", "@x.y"]);
        assert!(words(" , ").is_empty());
    }

    #[test]
    fn orderings_ignore_names_that_are_not_fields() {
        let by = |field, descending| OrderBy { field, descending };
        assert_eq!(steps("-status, user_email"), [by(OrderField::Status, true), by(OrderField::UserEmail, false)]);
        assert_eq!(steps("uuid,junk,-last_remind_date"), [by(OrderField::LastRemindDate, true)]);
        assert!(steps("").is_empty() && steps("--status").is_empty());
    }
}
