use license_domain::{
    ActivationKey, EmailAddress, License, LicenseId, LicenseStatus, LmsUserId, PlanId, Timestamp, clock::to_micros,
};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model, text};
use crate::dump::Row;

#[derive(Deserialize, Serialize)]
struct LicenseFields {
    status: LicenseStatus,
    subscription_plan: PlanId,
    user_email: Option<String>,
    lms_user_id: Option<LmsUserId>,
    activation_key: Option<ActivationKey>,
    assigned_date: Option<Timestamp>,
    activation_date: Option<Timestamp>,
    last_remind_date: Option<Timestamp>,
    revoked_date: Option<Timestamp>,
    renewed_to: Option<LicenseId>,
    auto_applied: Option<bool>,
    created: Timestamp,
    modified: Timestamp,
}

pub fn license(row: &Row) -> Reading<License> {
    let fields: LicenseFields = fields(row)?;
    let email = text(fields.user_email).map(|email| EmailAddress::foreign(&email)).transpose();
    let email =
        email.map_err(|_| "user_email has more than 254 bytes, or characters that cannot be seen".to_owned())?;
    if fields.status.is_live() && email.is_none() {
        return Err(format!("the license is {} and has no user_email", fields.status));
    }
    let date = |date: Option<Timestamp>| date.map(to_micros);
    Ok(License {
        uuid: key(&row.pk)?,
        subscription_plan: fields.subscription_plan,
        status: fields.status,
        user_email: email,
        lms_user_id: fields.lms_user_id,
        activation_key: fields.activation_key,
        assigned_date: date(fields.assigned_date),
        activation_date: date(fields.activation_date),
        last_remind_date: date(fields.last_remind_date),
        revoked_date: date(fields.revoked_date),
        renewed_to: fields.renewed_to,
        auto_applied: fields.auto_applied,
        source: None,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
    })
}

pub fn license_row(license: &License) -> WrittenRow<LicenseId, impl Serialize + use<>> {
    let fields = LicenseFields {
        status: license.status,
        subscription_plan: license.subscription_plan,
        user_email: license.user_email.as_ref().map(|email| email.as_given().to_owned()),
        lms_user_id: license.lms_user_id,
        activation_key: license.activation_key,
        assigned_date: license.assigned_date,
        activation_date: license.activation_date,
        last_remind_date: license.last_remind_date,
        revoked_date: license.revoked_date,
        renewed_to: license.renewed_to,
        auto_applied: license.auto_applied,
        created: license.created,
        modified: license.modified,
    };
    WrittenRow { model: model::LICENSE, pk: license.uuid, fields }
}
