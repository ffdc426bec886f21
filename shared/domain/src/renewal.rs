//! The renewal of a plan: which plan follows it, when, with how many licenses.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    clock::Timestamp,
    ids::{AgreementId, PlanId, RenewalId},
};

/// How long before its effective date a renewal locks its plans.
pub const PROCESSING_WINDOW: TimeDelta = TimeDelta::hours(12);

/// The order that a plan is followed by another one at a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionPlanRenewal {
    pub id: RenewalId,
    /// The agreement of both plans.
    pub customer_agreement: AgreementId,
    /// The plan that ends.
    pub prior_subscription_plan: PlanId,
    /// The plan that follows, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_subscription_plan: Option<PlanId>,
    /// The line item that the future plan is sold under (18 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_opportunity_id: Option<String>,
    /// How many licenses the future plan gets.
    pub number_of_licenses: u64,
    /// When the future plan starts.
    pub effective_date: Timestamp,
    /// When the future plan ends.
    pub renewed_expiration_date: Timestamp,
    /// Whether it has been processed.
    pub processed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_datetime: Option<Timestamp>,
    /// The future plan's title, if it is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_plan_title: Option<String>,
    /// Which licenses are copied.
    pub license_types_to_copy: LicenseTypesToCopy,
    /// Whether auto-apply ends with the prior plan.
    pub disable_auto_apply_licenses: bool,
    /// Whether the schedule leaves it alone.
    pub exempt_from_batch_processing: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// Which licenses a renewal carries over.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LicenseTypesToCopy {
    #[default]
    AssignedAndActivated,
    Activated,
    /// None.
    Nothing,
}

impl LicenseTypesToCopy {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

impl SubscriptionPlanRenewal {
    /// Whether its effective date is so near that its plans are locked.
    pub fn is_imminent(&self, now: Timestamp) -> bool {
        now <= self.effective_date && self.effective_date <= now + PROCESSING_WINDOW
    }
}
