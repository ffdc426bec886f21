//! Agreements: new ones and changes.

pub mod operated;

use license_api::{
    ApiError, Body, Change, Complaints, Conditions, Field, Requester, body,
    fields::{BOOLEAN, Format, UUID, integer, text},
};
use license_domain::{
    AgreementId, CatalogId, CustomerAgreement, EnterpriseId, Portfolio, Timestamp, maxima::MAX_SLUG, plan::MAX_LICENSES,
};
use license_storage::{Attempt, CreateAgreementError, UpdateError};
use serde_json::json;

use self::operated::OperatedPatch;
use crate::Provisioning;

pub const CUSTOMER: Field = Field::new(UUID, "The customer; unique.");
/// The customer's short name.
pub const SLUG: Field = Field::new(text(MAX_SLUG), "The customer's short name in links, unique.")
    .nullable()
    .optional()
    .example(|| json!("acme"));
pub const CATALOG: Field = Field::new(UUID, "The catalog of plans without their own.").nullable().optional();
/// Whether learners see no notice of the plan's end.
pub const NO_EXPIRATION_NOTIFICATIONS: Field =
    Field::new(BOOLEAN, "Whether learners see no notice that the plan expires.").optional();
/// Whether the universal link gives licenses.
pub const UNIVERSAL_LINK: Field = Field::new(BOOLEAN, "Whether the universal link gives a license.").optional();
/// Whether the current plan grows.
pub const AUTO_SCALING: Field =
    Field::new(BOOLEAN, "Whether the current plan grows by itself, which needs the three numbers.").optional();
const LICENSES: Format = integer(1, MAX_LICENSES.cast_signed());
/// Whether admins get a mail every week.
pub const WEEKLY_MAILS: Field =
    Field::new(BOOLEAN, "Whether the customer's admins get a mail on each plan's utilization every week.").optional();
/// The most licenses to which it grows.
pub const AUTO_SCALING_MAX: Field =
    Field::new(LICENSES, "The most licenses to which the current plan grows.").nullable().optional();
/// The percentage above which it grows.
pub const AUTO_SCALING_THRESHOLD: Field =
    Field::new(integer(1, 100), "The current plan grows while more than this percentage of it is allocated.")
        .nullable()
        .optional();
/// The growth in percent.
pub const AUTO_SCALING_INCREMENT: Field =
    Field::new(integer(1, 100), "The growth, in percent of the plan's licenses, rounded up.").nullable().optional();

body! {
    /// A new agreement.
    pub struct CreateBody {
        enterprise_customer_uuid: EnterpriseId = CUSTOMER,
        enterprise_customer_slug: Option<String> = SLUG,
        default_enterprise_catalog_uuid: Option<CatalogId> = CATALOG,
        disable_expiration_notifications: bool = NO_EXPIRATION_NOTIFICATIONS.default(|| json!(false)),
        enable_auto_applied_subscriptions_with_universal_link: bool = UNIVERSAL_LINK.default(|| json!(false)),
        enable_weekly_utilization_mails: bool = WEEKLY_MAILS.default(|| json!(false)),
        enable_auto_scaling_of_current_plan: bool = AUTO_SCALING.default(|| json!(false)),
        auto_scaling_max_licenses: Option<u64> = AUTO_SCALING_MAX,
        auto_scaling_threshold_percentage: Option<u32> = AUTO_SCALING_THRESHOLD,
        auto_scaling_increment_percentage: Option<u32> = AUTO_SCALING_INCREMENT,
    }
}

body! {
    /// A change that names the customer, perhaps another one.
    pub struct PutBody {
        enterprise_customer_uuid: EnterpriseId = CUSTOMER,
        #[serde(default)]
        enterprise_customer_slug: Change<String> = SLUG,
        #[serde(default)]
        default_enterprise_catalog_uuid: Change<CatalogId> = CATALOG,
        disable_expiration_notifications: Option<bool> = NO_EXPIRATION_NOTIFICATIONS,
        enable_auto_applied_subscriptions_with_universal_link: Option<bool> = UNIVERSAL_LINK,
        enable_weekly_utilization_mails: Option<bool> = WEEKLY_MAILS,
        enable_auto_scaling_of_current_plan: Option<bool> = AUTO_SCALING,
        #[serde(default)]
        auto_scaling_max_licenses: Change<u64> = AUTO_SCALING_MAX,
        #[serde(default)]
        auto_scaling_threshold_percentage: Change<u32> = AUTO_SCALING_THRESHOLD,
        #[serde(default)]
        auto_scaling_increment_percentage: Change<u32> = AUTO_SCALING_INCREMENT,
    }
}

body! {
    /// A change that does not.
    pub struct PatchBody {
        #[serde(default)]
        enterprise_customer_slug: Change<String> = SLUG,
        #[serde(default)]
        default_enterprise_catalog_uuid: Change<CatalogId> = CATALOG,
        disable_expiration_notifications: Option<bool> = NO_EXPIRATION_NOTIFICATIONS,
        enable_auto_applied_subscriptions_with_universal_link: Option<bool> = UNIVERSAL_LINK,
        enable_weekly_utilization_mails: Option<bool> = WEEKLY_MAILS,
        enable_auto_scaling_of_current_plan: Option<bool> = AUTO_SCALING,
        #[serde(default)]
        auto_scaling_max_licenses: Change<u64> = AUTO_SCALING_MAX,
        #[serde(default)]
        auto_scaling_threshold_percentage: Change<u32> = AUTO_SCALING_THRESHOLD,
        #[serde(default)]
        auto_scaling_increment_percentage: Change<u32> = AUTO_SCALING_INCREMENT,
    }
}

/// A change of an agreement.
#[derive(Debug)]
pub struct AgreementChange {
    enterprise: Option<EnterpriseId>,
    fields: PatchBody,
    operated: Option<OperatedPatch>,
}

impl From<PutBody> for AgreementChange {
    fn from(body: PutBody) -> Self {
        let universal_link = body.enable_auto_applied_subscriptions_with_universal_link;
        Self {
            operated: None,
            enterprise: Some(body.enterprise_customer_uuid),
            fields: PatchBody {
                enterprise_customer_slug: body.enterprise_customer_slug,
                default_enterprise_catalog_uuid: body.default_enterprise_catalog_uuid,
                disable_expiration_notifications: body.disable_expiration_notifications,
                enable_auto_applied_subscriptions_with_universal_link: universal_link,
                enable_weekly_utilization_mails: body.enable_weekly_utilization_mails,
                enable_auto_scaling_of_current_plan: body.enable_auto_scaling_of_current_plan,
                auto_scaling_max_licenses: body.auto_scaling_max_licenses,
                auto_scaling_threshold_percentage: body.auto_scaling_threshold_percentage,
                auto_scaling_increment_percentage: body.auto_scaling_increment_percentage,
            },
        }
    }
}

impl From<PatchBody> for AgreementChange {
    fn from(fields: PatchBody) -> Self {
        Self { enterprise: None, fields, operated: None }
    }
}

impl AgreementChange {
    /// A change by an operator, who may change more than the API's clients.
    pub fn of_operator(body: &Body) -> Result<Self, Complaints> {
        match (PatchBody::read(body), OperatedPatch::read(body)) {
            (Ok(fields), Ok(operated)) => Ok(Self { enterprise: None, fields, operated: Some(operated) }),
            (Err(some), Err(others)) => Err(some.with(others)),
            (Err(complaints), _) | (_, Err(complaints)) => Err(complaints),
        }
    }

    /// Refuses an agreement that makes no sense with the change.
    pub fn check(&self, before: &CustomerAgreement, after: &CustomerAgreement) -> Result<(), Complaints> {
        if !has_same_scaling(before, after) {
            check_scaling(after)?;
        }
        self.operated.as_ref().map_or(Ok(()), |operated| operated.check(after))
    }

    /// The agreement with the change.
    pub fn apply(&self, before: &CustomerAgreement, now: Timestamp) -> CustomerAgreement {
        let (before, fields) = (before.clone(), &self.fields);
        let before = match &self.operated {
            Some(operated) => operated.apply(before),
            None => before,
        };
        let is_silent = fields.disable_expiration_notifications;
        let universal_link = fields.enable_auto_applied_subscriptions_with_universal_link;
        CustomerAgreement {
            enterprise_customer_uuid: self.enterprise.unwrap_or(before.enterprise_customer_uuid),
            enterprise_customer_slug: fields.enterprise_customer_slug.over(before.enterprise_customer_slug),
            default_enterprise_catalog_uuid: fields
                .default_enterprise_catalog_uuid
                .over(before.default_enterprise_catalog_uuid),
            disable_expiration_notifications: is_silent.unwrap_or(before.disable_expiration_notifications),
            enable_auto_applied_subscriptions_with_universal_link: universal_link
                .unwrap_or(before.enable_auto_applied_subscriptions_with_universal_link),
            enable_weekly_utilization_mails: fields
                .enable_weekly_utilization_mails
                .unwrap_or(before.enable_weekly_utilization_mails),
            enable_auto_scaling_of_current_plan: fields
                .enable_auto_scaling_of_current_plan
                .unwrap_or(before.enable_auto_scaling_of_current_plan),
            auto_scaling_max_licenses: fields.auto_scaling_max_licenses.over(before.auto_scaling_max_licenses),
            auto_scaling_threshold_percentage: fields
                .auto_scaling_threshold_percentage
                .over(before.auto_scaling_threshold_percentage),
            auto_scaling_increment_percentage: fields
                .auto_scaling_increment_percentage
                .over(before.auto_scaling_increment_percentage),
            modified: now,
            ..before
        }
    }
}

/// Puts a new agreement on record, as the body has it.
pub async fn create(
    context: &Provisioning,
    requester: &Requester,
    body: Result<Body, ApiError>,
) -> Result<CustomerAgreement, ApiError> {
    if let Some(agreement) = requester.recorded().await? {
        return Ok(agreement);
    }
    let agreement = draft(context, &body?)?;
    let change = requester.change("create-agreement").await?.recording(&agreement);
    match context.provision.create_agreement(&agreement, &change).await {
        Ok(()) => Ok(agreement),
        Err(CreateAgreementError::Taken { enterprise, slug }) => Err(taken(enterprise, slug).into()),
        Err(CreateAgreementError::Store(error)) => Err(error.into()),
    }
}

/// The agreement that the body asks for. Nothing is changed.
pub fn draft(context: &Provisioning, body: &Body) -> Result<CustomerAgreement, Complaints> {
    parse(body, context.app.random().agreement_id(), context.app.now())
}

/// Changes an agreement: the agreement as it is then, with its plans.
pub async fn update(
    context: &Provisioning,
    requester: &Requester,
    conditions: &Conditions,
    agreement: AgreementId,
    change: &AgreementChange,
) -> Result<Portfolio, ApiError> {
    let find = || async {
        let portfolio = context.portfolios.portfolio(agreement).await?;
        portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
    };
    if let Some(agreement) = requester.recorded::<CustomerAgreement>().await? {
        return Ok(Portfolio { agreement, ..find().await? });
    }
    let attempt = || async {
        let portfolio = find().await?;
        conditions.check(portfolio.agreement.modified)?;
        let after = change.apply(&portfolio.agreement, context.app.now());
        change.check(&portfolio.agreement, &after)?;
        let recorded = requester.change("update-agreement").await?.recording(&after);
        match context.update.update_agreement(&portfolio.agreement, &after, &recorded).await {
            Ok(()) => Ok(Attempt::Done(Portfolio { agreement: after, ..portfolio })),
            // Another change has changed what this one starts from.
            Err(UpdateError::Changed | UpdateError::TitleTaken) => Ok(Attempt::Retry(())),
            Err(UpdateError::Taken { enterprise, slug }) => Err(taken(enterprise, slug).into()),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("update agreement", attempt).await
}

fn parse(body: &Body, id: AgreementId, now: Timestamp) -> Result<CustomerAgreement, Complaints> {
    let body = CreateBody::read(body)?;
    let universal_link = body.enable_auto_applied_subscriptions_with_universal_link;
    let agreement = CustomerAgreement {
        enterprise_customer_slug: body.enterprise_customer_slug,
        default_enterprise_catalog_uuid: body.default_enterprise_catalog_uuid,
        disable_expiration_notifications: body.disable_expiration_notifications,
        enable_auto_applied_subscriptions_with_universal_link: universal_link,
        enable_weekly_utilization_mails: body.enable_weekly_utilization_mails,
        enable_auto_scaling_of_current_plan: body.enable_auto_scaling_of_current_plan,
        auto_scaling_max_licenses: body.auto_scaling_max_licenses,
        auto_scaling_threshold_percentage: body.auto_scaling_threshold_percentage,
        auto_scaling_increment_percentage: body.auto_scaling_increment_percentage,
        ..CustomerAgreement::new(id, body.enterprise_customer_uuid, now)
    };
    check_scaling(&agreement)?;
    Ok(agreement)
}

/// An import may bring an agreement whose auto-scaling lacks numbers: its other fields can still be changed.
fn has_same_scaling(before: &CustomerAgreement, after: &CustomerAgreement) -> bool {
    let scaling = |agreement: &CustomerAgreement| {
        (
            agreement.enable_auto_scaling_of_current_plan,
            agreement.auto_scaling_max_licenses,
            agreement.auto_scaling_threshold_percentage,
            agreement.auto_scaling_increment_percentage,
        )
    };
    scaling(before) == scaling(after)
}

/// Auto-scaling needs its three numbers.
fn check_scaling(agreement: &CustomerAgreement) -> Result<(), Complaints> {
    let mut complaints = Complaints::default();
    for (is_missing, field) in [
        (agreement.auto_scaling_max_licenses.is_none(), "auto_scaling_max_licenses"),
        (agreement.auto_scaling_threshold_percentage.is_none(), "auto_scaling_threshold_percentage"),
        (agreement.auto_scaling_increment_percentage.is_none(), "auto_scaling_increment_percentage"),
    ] {
        if is_missing && agreement.enable_auto_scaling_of_current_plan {
            complaints.add(field, "This number is required while auto-scaling of the current plan is enabled.");
        }
    }
    complaints.finish()
}

/// 400: the names that are taken.
pub fn taken(enterprise: bool, slug: bool) -> Complaints {
    let mut complaints = Complaints::default();
    for (is_taken, field, name) in [
        (enterprise, "enterprise_customer_uuid", "enterprise customer uuid"),
        (slug, "enterprise_customer_slug", "enterprise customer slug"),
    ] {
        if is_taken {
            complaints.add(field, format!("Customer Agreement with this {name} already exists."));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn parsed(body: &Value) -> Result<CustomerAgreement, Complaints> {
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        parse(&Body::json(body.as_object().expect("an object").clone()), AgreementId(Uuid::nil()), now)
    }

    #[test]
    fn only_the_customer_is_required() {
        let agreement = parsed(&json!({"enterprise_customer_uuid": Uuid::max()})).expect("valid");
        assert_eq!(agreement.enterprise_customer_uuid, EnterpriseId(Uuid::max()));
        assert!(agreement.enterprise_customer_slug.is_none() && !agreement.disable_expiration_notifications);
    }

    #[test]
    fn auto_scaling_needs_its_three_numbers() {
        let body = |increment: Value| {
            json!({
                "enterprise_customer_uuid": Uuid::max(), "enable_auto_scaling_of_current_plan": true,
                "auto_scaling_max_licenses": 500, "auto_scaling_threshold_percentage": 75,
                "auto_scaling_increment_percentage": increment,
            })
        };
        let agreement = parsed(&body(json!(10))).expect("valid");
        assert!(agreement.auto_scaling().is_ok());
        let refused = parsed(&body(Value::Null)).expect_err("complaints").into_value();
        let why = "This number is required while auto-scaling of the current plan is enabled.";
        assert_eq!(refused, json!({ "auto_scaling_increment_percentage": [why] }));
        let refused = parsed(&body(json!(101))).expect_err("complaints").into_value();
        assert_eq!(refused.as_object().map(serde_json::Map::len), Some(1), "{refused}");

        let on: AgreementChange = PatchBody::read(&Body::json(
            json!({ "enable_auto_scaling_of_current_plan": true }).as_object().expect("an object").clone(),
        ))
        .expect("a body")
        .into();
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        let bare = parsed(&json!({ "enterprise_customer_uuid": Uuid::max() })).expect("valid");
        let after = on.apply(&bare, now);
        assert!(after.enable_auto_scaling_of_current_plan && !has_same_scaling(&bare, &after));
        assert!(check_scaling(&after).is_err() && check_scaling(&bare).is_ok());
    }

    #[test]
    fn complaints_are_by_field() {
        let refused = parsed(&json!({
            "enterprise_customer_slug": "x".repeat(129), "default_enterprise_catalog_uuid": "x",
            "disable_expiration_notifications": "perhaps",
        }));
        assert_eq!(
            refused.expect_err("complaints").into_value(),
            json!({
                "enterprise_customer_uuid": ["This field is required."],
                "enterprise_customer_slug": ["Ensure this field has no more than 128 characters."],
                "default_enterprise_catalog_uuid": ["Must be a valid UUID."],
                "disable_expiration_notifications": ["Must be a valid boolean."],
            })
        );
    }
}
