//! The order of licenses that are sorted in memory.

use std::cmp::Ordering;

use license_domain::{License, LicenseId};
use license_storage::{OrderBy, OrderField};

/// Compares by the steps of the ordering; without steps by status, then address. A missing value comes first.
pub(super) fn compare(order: &[OrderBy], a: &License, b: &License) -> Ordering {
    let email = |license: &License| license.user_email.as_ref().map(|email| email.key().sort_key());
    let by = |field: OrderField| match field {
        OrderField::UserEmail => email(a).cmp(&email(b)),
        OrderField::Status => a.status.cmp(&b.status),
        OrderField::ActivationDate => a.activation_date.cmp(&b.activation_date),
        OrderField::LastRemindDate => a.last_remind_date.cmp(&b.last_remind_date),
    };
    if order.is_empty() {
        return by(OrderField::Status).then_with(|| by(OrderField::UserEmail));
    }
    order.iter().fold(Ordering::Equal, |so_far, step| {
        so_far.then_with(|| if step.descending { by(step.field).reverse() } else { by(step.field) })
    })
}

/// Equal licenses are ordered by id, in the direction of the last step.
pub(super) fn tie(order: &[OrderBy], a: LicenseId, b: LicenseId) -> Ordering {
    if order.last().is_some_and(|step| step.descending) { b.cmp(&a) } else { a.cmp(&b) }
}
