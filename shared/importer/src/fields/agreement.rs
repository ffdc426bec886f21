//! Agreements, and their separate messaging.

use license_domain::{
    AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Timestamp,
    agreement::ExpirationMessaging,
    clock::{duration, duration_text, to_micros},
};
use license_html::{address, html};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model, text};
use crate::dump::Row;

#[derive(Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the model's fields")]
struct AgreementFields {
    enterprise_customer_uuid: EnterpriseId,
    enterprise_customer_slug: Option<String>,
    enterprise_customer_name: Option<String>,
    default_enterprise_catalog_uuid: Option<CatalogId>,
    #[serde(default)]
    disable_expiration_notifications: bool,
    #[serde(default)]
    disable_onboarding_notifications: bool,
    license_duration_before_purge: String,
    #[serde(flatten)]
    messaging: MessagingFields,
    #[serde(default)]
    enable_auto_applied_subscriptions_with_universal_link: bool,
    #[serde(default)]
    enable_auto_scaling_of_current_plan: bool,
    auto_scaling_max_licenses: Option<u64>,
    auto_scaling_threshold_percentage: Option<u32>,
    auto_scaling_increment_percentage: Option<u32>,
    created: Timestamp,
    modified: Timestamp,
}

#[derive(Deserialize, Serialize)]
struct MessagingFields {
    #[serde(default)]
    has_custom_license_expiration_messaging: bool,
    modal_header_text: Option<String>,
    expired_subscription_modal_messaging: Option<String>,
    button_label_in_modal: Option<String>,
    url_for_button_in_modal: Option<String>,
}

impl MessagingFields {
    fn of(messaging: &ExpirationMessaging) -> Self {
        Self {
            has_custom_license_expiration_messaging: messaging.has_custom_license_expiration_messaging,
            modal_header_text: messaging.modal_header_text.clone(),
            expired_subscription_modal_messaging: messaging.expired_subscription_modal_messaging.clone(),
            button_label_in_modal: messaging.button_label_in_modal.clone(),
            url_for_button_in_modal: messaging.url_for_button_in_modal.clone(),
        }
    }

    fn messaging(self) -> ExpirationMessaging {
        ExpirationMessaging {
            has_custom_license_expiration_messaging: self.has_custom_license_expiration_messaging,
            modal_header_text: text(self.modal_header_text),
            expired_subscription_modal_messaging: text(self.expired_subscription_modal_messaging)
                .map(|text| html(&text)),
            button_label_in_modal: text(self.button_label_in_modal),
            url_for_button_in_modal: text(self.url_for_button_in_modal).and_then(address),
        }
    }
}

/// Reads an agreement, without its separate messaging.
pub fn agreement(row: &Row) -> Reading<CustomerAgreement> {
    let fields: AgreementFields = fields(row)?;
    let purge = duration(&fields.license_duration_before_purge);
    let purge = purge.ok_or("license_duration_before_purge is not a duration of days, hours, minutes and seconds")?;
    Ok(CustomerAgreement {
        uuid: key(&row.pk)?,
        enterprise_customer_uuid: fields.enterprise_customer_uuid,
        enterprise_customer_slug: text(fields.enterprise_customer_slug),
        enterprise_customer_name: text(fields.enterprise_customer_name),
        default_enterprise_catalog_uuid: fields.default_enterprise_catalog_uuid,
        disable_expiration_notifications: fields.disable_expiration_notifications,
        disable_onboarding_notifications: fields.disable_onboarding_notifications,
        license_duration_before_purge_seconds: purge.num_seconds(),
        messaging: fields.messaging.messaging(),
        messaging_v2: None,
        enable_auto_applied_subscriptions_with_universal_link: fields
            .enable_auto_applied_subscriptions_with_universal_link,
        enable_weekly_utilization_mails: false,
        enable_auto_scaling_of_current_plan: fields.enable_auto_scaling_of_current_plan,
        auto_scaling_max_licenses: fields.auto_scaling_max_licenses,
        auto_scaling_threshold_percentage: fields.auto_scaling_threshold_percentage,
        auto_scaling_increment_percentage: fields.auto_scaling_increment_percentage,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
    })
}

#[derive(Deserialize, Serialize)]
struct MessagingRow {
    customer_agreement: AgreementId,
    #[serde(flatten)]
    messaging: MessagingFields,
}

/// Reads an agreement's separate messaging.
pub fn messaging(row: &Row) -> Reading<(AgreementId, ExpirationMessaging)> {
    let fields: MessagingRow = fields(row)?;
    Ok((fields.customer_agreement, fields.messaging.messaging()))
}

/// The row of an agreement, without its separate messaging.
pub fn agreement_row(agreement: &CustomerAgreement) -> WrittenRow<AgreementId, impl Serialize + use<>> {
    let fields = AgreementFields {
        enterprise_customer_uuid: agreement.enterprise_customer_uuid,
        enterprise_customer_slug: agreement.enterprise_customer_slug.clone(),
        enterprise_customer_name: agreement.enterprise_customer_name.clone(),
        default_enterprise_catalog_uuid: agreement.default_enterprise_catalog_uuid,
        disable_expiration_notifications: agreement.disable_expiration_notifications,
        disable_onboarding_notifications: agreement.disable_onboarding_notifications,
        license_duration_before_purge: duration_text(agreement.license_duration_before_purge_seconds),
        messaging: MessagingFields::of(&agreement.messaging),
        enable_auto_applied_subscriptions_with_universal_link: agreement
            .enable_auto_applied_subscriptions_with_universal_link,
        enable_auto_scaling_of_current_plan: agreement.enable_auto_scaling_of_current_plan,
        auto_scaling_max_licenses: agreement.auto_scaling_max_licenses,
        auto_scaling_threshold_percentage: agreement.auto_scaling_threshold_percentage,
        auto_scaling_increment_percentage: agreement.auto_scaling_increment_percentage,
        created: agreement.created,
        modified: agreement.modified,
    };
    WrittenRow { model: model::AGREEMENT, pk: agreement.uuid, fields }
}

/// The row of an agreement's separate messaging.
pub fn messaging_row(
    pk: u64,
    customer_agreement: AgreementId,
    messaging: &ExpirationMessaging,
) -> WrittenRow<u64, impl Serialize + use<>> {
    let fields = MessagingRow { customer_agreement, messaging: MessagingFields::of(messaging) };
    WrittenRow { model: model::MESSAGING, pk, fields }
}
