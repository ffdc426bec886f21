//! The learners of rows.

use license_domain::{EmailAddress, Row};
use license_storage::Assignment;

/// The learners of the rows that can be read.
pub(super) fn addresses(rows: &[Row]) -> Vec<EmailAddress> {
    rows.iter().filter(|row| row.problem.is_none()).filter_map(|row| row.user_email.clone()).collect()
}

pub(super) fn assignment(row: &Row) -> Option<Assignment> {
    let email = EmailAddress::on_record(row.user_email.as_ref()?.key().as_str());
    Some(Assignment { email, source_id: row.source_id.clone() })
}
