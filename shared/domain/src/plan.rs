//! A subscription plan: its terms.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    clock::Timestamp,
    ids::{AgreementId, CatalogId, PlanId, ProductId},
    seats::SeatLayout,
};

/// The most licenses that a plan may have, unless it is for internal use.
pub const MAX_LICENSES: u64 = 1_000_000;

/// A plan's terms and its seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
pub struct SubscriptionPlan {
    pub uuid: PlanId,
    /// Its title, unique within the agreement, at most 128 characters.
    pub title: String,
    /// The agreement that it belongs to.
    pub customer_agreement: AgreementId,
    pub start_date: Timestamp,
    pub expiration_date: Timestamp,
    /// Whether its expiration has been processed.
    pub expiration_processed: bool,
    /// Its own catalog; without one the agreement's default applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise_catalog_uuid: Option<CatalogId>,
    /// Whether it is in use.
    pub is_active: bool,
    /// Whether the number of revocations is limited.
    pub is_revocation_cap_enabled: bool,
    /// The cap, in percent of the plan's total.
    pub revoke_max_percentage: u32,
    /// How many revocations have counted against the cap.
    pub num_revocations_applied: u64,
    /// Deprecated: the opportunity (18 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_opportunity_id: Option<String>,
    /// The opportunity's line item (18 characters, starts with `00k`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_opportunity_line_item: Option<String>,
    /// The product that it was sold as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductId>,
    /// Whether it is for the company's own use.
    pub for_internal_use_only: bool,
    /// Whether its unused licenses may be frozen.
    pub can_freeze_unused_licenses: bool,
    /// When they were frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_freeze_timestamp: Option<Timestamp>,
    /// Whether learners may take a seat without an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub should_auto_apply_licenses: Option<bool>,
    /// Since when learners may. None if they may not, or if it is not on record, as after an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_apply_since: Option<Timestamp>,
    /// The desired number of licenses; none if it is not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_num_licenses: Option<u64>,
    pub created: Timestamp,
    /// When its terms last changed.
    pub modified: Timestamp,
    /// Why its terms last changed.
    pub change_reason: ChangeReason,
    /// The number and the layout of its seats.
    pub seats: SeatLayout,
}

/// Why a plan's terms were changed.
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
pub enum ChangeReason {
    /// The plan is new.
    New,
    /// A wrong input was corrected.
    IncorrectUserInput,
    /// The customer pays late.
    DelayedPayment,
    /// The customer asked for it.
    OrganizationRequestedChange,
    #[default]
    Other,
}

impl ChangeReason {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The reason in the contract's spelling.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

impl SubscriptionPlan {
    /// The changed plan, with the time since when learners may take a seat without an invitation.
    #[must_use]
    pub fn noting_auto_apply(self, before: Option<&Self>) -> Self {
        let applies = |plan: &Self| plan.should_auto_apply_licenses == Some(true);
        let since = match before.filter(|before| applies(before)) {
            Some(before) => before.auto_apply_since,
            None => Some(self.modified),
        };
        Self { auto_apply_since: since.filter(|_| applies(&self)), ..self }
    }

    /// Whether `now` is within its term, including start and end.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.start_date <= now && now <= self.expiration_date
    }

    /// Whole days until it ends, rounded down; negative afterwards.
    pub fn days_until_expiration(&self, now: Timestamp) -> i64 {
        days_until(self.expiration_date, now)
    }
}

/// Whole days from `now` to `then`, rounded down.
pub fn days_until(then: Timestamp, now: Timestamp) -> i64 {
    let left = then - now;
    let days = left.num_days();
    if left < TimeDelta::days(days) { days - 1 } else { days }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_rounded_down_also_after_the_end() {
        let end: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a date");
        for (now, days) in [
            ("2025-12-31T00:00:00Z", 1),
            ("2025-12-31T00:00:01Z", 0),
            ("2026-01-01T00:00:00Z", 0),
            ("2026-01-01T00:00:00.000001Z", -1),
            ("2026-01-02T00:00:00Z", -1),
        ] {
            assert_eq!(days_until(end, now.parse().expect("a date")), days, "{now}");
        }
    }
}
