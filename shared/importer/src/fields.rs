//! Rows as Django's models have them, and what they are with us.

use license_domain::{
    ActivationKey, AgreementId, CatalogId, ChangeReason, CustomerAgreement, EmailAddress, EnterpriseId, License,
    LicenseId, LicenseStatus, LmsUserId, PlanId, PlanType, Product, ProductId, RenewalId, SeatLayout, SubscriptionPlan,
    SubscriptionPlanRenewal, Timestamp,
    agreement::ExpirationMessaging,
    clock::{duration, to_micros},
    renewal::LicenseTypesToCopy,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::dump::Row;

/// Why a row cannot be read, in words.
pub type Reading<T> = Result<T, String>;

/// A key that is a UUID or a number.
pub fn key<T: DeserializeOwned>(value: &Value) -> Reading<T> {
    serde_json::from_value(value.clone()).map_err(|_| "the key is not of the kind that the model has".to_owned())
}

fn fields<T: DeserializeOwned>(row: &Row) -> Reading<T> {
    // Where in the text is of no use, as it is the row's.
    let words = |error: serde_json::Error| {
        let text = error.to_string();
        text.rsplit_once(" at line").map_or(text.clone(), |(words, _)| words.to_owned())
    };
    serde_json::from_str(row.fields.get()).map_err(words)
}

/// Empty texts are none.
fn text(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

#[derive(Deserialize)]
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

/// A license.
pub fn license(row: &Row) -> Reading<License> {
    let fields: LicenseFields = fields(row)?;
    let email = text(fields.user_email).map(|email| EmailAddress::foreign(&email)).transpose();
    let email =
        email.map_err(|_| "user_email has more than 254 bytes, or characters that cannot be seen".to_owned())?;
    if fields.status.is_live() && email.is_none() {
        return Err(format!("the license is {} and has no user_email", fields.status));
    }
    if fields.status == LicenseStatus::Assigned && fields.activation_key.is_none() {
        return Err("the license is assigned and has no activation_key".to_owned());
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

#[derive(Deserialize)]
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

#[derive(Deserialize)]
struct MessagingFields {
    #[serde(default)]
    has_custom_license_expiration_messaging: bool,
    modal_header_text: Option<String>,
    expired_subscription_modal_messaging: Option<String>,
    button_label_in_modal: Option<String>,
    url_for_button_in_modal: Option<String>,
}

impl MessagingFields {
    fn messaging(self) -> ExpirationMessaging {
        ExpirationMessaging {
            has_custom_license_expiration_messaging: self.has_custom_license_expiration_messaging,
            modal_header_text: text(self.modal_header_text),
            expired_subscription_modal_messaging: text(self.expired_subscription_modal_messaging),
            button_label_in_modal: text(self.button_label_in_modal),
            url_for_button_in_modal: text(self.url_for_button_in_modal),
        }
    }
}

/// An agreement, without its separate messaging.
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
        enable_auto_scaling_of_current_plan: fields.enable_auto_scaling_of_current_plan,
        auto_scaling_max_licenses: fields.auto_scaling_max_licenses,
        auto_scaling_threshold_percentage: fields.auto_scaling_threshold_percentage,
        auto_scaling_increment_percentage: fields.auto_scaling_increment_percentage,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
    })
}

#[derive(Deserialize)]
struct MessagingRow {
    customer_agreement: AgreementId,
    #[serde(flatten)]
    messaging: MessagingFields,
}

/// An agreement's separate messaging.
pub fn messaging(row: &Row) -> Reading<(AgreementId, ExpirationMessaging)> {
    let fields: MessagingRow = fields(row)?;
    Ok((fields.customer_agreement, fields.messaging.messaging()))
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the model's fields")]
struct PlanFields {
    title: String,
    customer_agreement: AgreementId,
    start_date: Timestamp,
    expiration_date: Timestamp,
    #[serde(default)]
    expiration_processed: bool,
    enterprise_catalog_uuid: Option<CatalogId>,
    is_active: bool,
    #[serde(default)]
    is_revocation_cap_enabled: bool,
    revoke_max_percentage: Option<u32>,
    #[serde(default)]
    num_revocations_applied: Option<u64>,
    salesforce_opportunity_id: Option<String>,
    salesforce_opportunity_line_item: Option<String>,
    product: Option<ProductId>,
    #[serde(default)]
    for_internal_use_only: bool,
    #[serde(default)]
    can_freeze_unused_licenses: bool,
    last_freeze_timestamp: Option<Timestamp>,
    should_auto_apply_licenses: Option<bool>,
    desired_num_licenses: Option<u64>,
    created: Timestamp,
    modified: Timestamp,
}

/// The share of licenses that may be revoked, where a plan names none.
const REVOKE_MAX_PERCENTAGE: u32 = 5;

/// A plan; how its seats are laid out is known once its licenses are counted.
pub fn plan(row: &Row, seats: SeatLayout) -> Reading<SubscriptionPlan> {
    let fields: PlanFields = fields(row)?;
    if fields.title.trim().is_empty() {
        return Err("the plan has no title".to_owned());
    }
    Ok(SubscriptionPlan {
        uuid: key(&row.pk)?,
        title: fields.title,
        customer_agreement: fields.customer_agreement,
        start_date: to_micros(fields.start_date),
        expiration_date: to_micros(fields.expiration_date),
        expiration_processed: fields.expiration_processed,
        enterprise_catalog_uuid: fields.enterprise_catalog_uuid,
        is_active: fields.is_active,
        is_revocation_cap_enabled: fields.is_revocation_cap_enabled,
        revoke_max_percentage: fields.revoke_max_percentage.unwrap_or(REVOKE_MAX_PERCENTAGE),
        num_revocations_applied: fields.num_revocations_applied.unwrap_or_default(),
        salesforce_opportunity_id: text(fields.salesforce_opportunity_id),
        salesforce_opportunity_line_item: text(fields.salesforce_opportunity_line_item),
        product: fields.product,
        for_internal_use_only: fields.for_internal_use_only,
        can_freeze_unused_licenses: fields.can_freeze_unused_licenses,
        last_freeze_timestamp: fields.last_freeze_timestamp.map(to_micros),
        should_auto_apply_licenses: fields.should_auto_apply_licenses,
        desired_num_licenses: fields.desired_num_licenses,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
        change_reason: ChangeReason::New,
        seats,
    })
}

#[derive(Deserialize)]
struct RenewalFields {
    prior_subscription_plan: PlanId,
    renewed_subscription_plan: Option<PlanId>,
    salesforce_opportunity_id: Option<String>,
    number_of_licenses: u64,
    effective_date: Timestamp,
    renewed_expiration_date: Timestamp,
    #[serde(default)]
    processed: bool,
    processed_datetime: Option<Timestamp>,
    renewed_plan_title: Option<String>,
    #[serde(default)]
    license_types_to_copy: LicenseTypesToCopy,
    #[serde(default)]
    disable_auto_apply_licenses: bool,
    #[serde(default)]
    exempt_from_batch_processing: bool,
    created: Timestamp,
    modified: Timestamp,
}

/// A renewal; its agreement is that of its plans.
pub fn renewal(row: &Row, agreement_of: impl Fn(PlanId) -> Option<AgreementId>) -> Reading<SubscriptionPlanRenewal> {
    let fields: RenewalFields = fields(row)?;
    let missing = |plan: PlanId| format!("its plan {plan} is not in the files");
    let prior = fields.prior_subscription_plan;
    let customer_agreement = agreement_of(prior).ok_or_else(|| missing(prior))?;
    if let Some(plan) = fields.renewed_subscription_plan {
        agreement_of(plan).ok_or_else(|| missing(plan))?;
    }
    Ok(SubscriptionPlanRenewal {
        id: key::<RenewalId>(&row.pk)?,
        customer_agreement,
        prior_subscription_plan: prior,
        renewed_subscription_plan: fields.renewed_subscription_plan,
        salesforce_opportunity_id: text(fields.salesforce_opportunity_id),
        number_of_licenses: fields.number_of_licenses,
        effective_date: to_micros(fields.effective_date),
        renewed_expiration_date: to_micros(fields.renewed_expiration_date),
        processed: fields.processed,
        processed_datetime: fields.processed_datetime.map(to_micros),
        renewed_plan_title: text(fields.renewed_plan_title),
        license_types_to_copy: fields.license_types_to_copy,
        disable_auto_apply_licenses: fields.disable_auto_apply_licenses,
        exempt_from_batch_processing: fields.exempt_from_batch_processing,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
    })
}

#[derive(Deserialize)]
struct ProductFields {
    name: String,
    description: Option<String>,
    salesforce_product_id: Option<String>,
    netsuite_id: Option<i64>,
    plan_type: Option<i64>,
}

/// A product.
pub fn product(row: &Row) -> Reading<Product> {
    let fields: ProductFields = fields(row)?;
    Ok(Product {
        id: key(&row.pk)?,
        name: fields.name,
        description: fields.description.unwrap_or_default(),
        salesforce_product_id: text(fields.salesforce_product_id),
        netsuite_id: fields.netsuite_id,
        plan_type: fields.plan_type,
    })
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the model's fields")]
struct PlanTypeFields {
    label: String,
    description: Option<String>,
    is_paid_subscription: bool,
    ns_id_required: bool,
    sf_id_required: bool,
    internal_use_only: bool,
}

/// A plan type.
pub fn plan_type(row: &Row) -> Reading<PlanType> {
    let fields: PlanTypeFields = fields(row)?;
    Ok(PlanType {
        id: key(&row.pk)?,
        label: fields.label,
        description: fields.description.unwrap_or_default(),
        is_paid_subscription: fields.is_paid_subscription,
        ns_id_required: fields.ns_id_required,
        sf_id_required: fields.sf_id_required,
        internal_use_only: fields.internal_use_only,
    })
}

/// Where a license came from.
#[derive(Debug, Deserialize)]
pub struct SourceOf {
    /// The license.
    pub license: LicenseId,
    /// The sale.
    pub source_id: String,
    /// The key of the kind of source.
    pub source_type: i64,
}

/// A license's source.
pub fn source(row: &Row) -> Reading<SourceOf> {
    fields(row)
}

#[derive(Deserialize)]
struct Slug {
    slug: String,
}

/// A kind of source: its key and slug.
pub fn source_type(row: &Row) -> Reading<(i64, String)> {
    Ok((key(&row.pk)?, fields::<Slug>(row)?.slug))
}

/// A user.
#[derive(Debug, Deserialize)]
pub struct User {
    /// The name, as tokens say it.
    pub username: String,
    /// Whether the user passes every check.
    #[serde(default)]
    pub is_superuser: bool,
}

/// A user with its key.
pub fn user(row: &Row) -> Reading<(i64, User)> {
    Ok((key(&row.pk)?, fields(row)?))
}

#[derive(Deserialize)]
struct RoleFields {
    name: String,
}

/// A role: its key and name.
pub fn role(row: &Row) -> Reading<(i64, String)> {
    Ok((key(&row.pk)?, fields::<RoleFields>(row)?.name))
}

/// A role that a user was given.
#[derive(Debug, Deserialize)]
pub struct AssignedRole {
    /// The user's key.
    pub user: i64,
    /// The role's key.
    pub role: i64,
    /// For which customer; for all where none is named.
    #[serde(alias = "enterprise_id")]
    pub enterprise_customer_uuid: Option<EnterpriseId>,
}

/// A role assignment.
pub fn role_assignment(row: &Row) -> Reading<AssignedRole> {
    fields(row)
}
