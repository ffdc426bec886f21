//! A customer agreement, and the dates and catalogs that follow from its plans and renewals.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{ActivationKey, AgreementId, CatalogId, EnterpriseId, PlanId},
    plan::{SubscriptionPlan, days_until},
    renewal::SubscriptionPlanRenewal,
};

/// The contract with one customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
pub struct CustomerAgreement {
    pub uuid: AgreementId,
    /// The customer; unique.
    pub enterprise_customer_uuid: EnterpriseId,
    /// The customer's slug in links (at most 128 characters); unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise_customer_slug: Option<String>,
    /// The customer's name (≤ 255 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise_customer_name: Option<String>,
    /// The catalog of plans without one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_enterprise_catalog_uuid: Option<CatalogId>,
    /// Whether learners see no notice of their plan's expiration.
    pub disable_expiration_notifications: bool,
    /// Whether assignment mails are not sent.
    pub disable_onboarding_notifications: bool,
    /// How long personal data is kept after a plan's expiration, in seconds.
    pub license_duration_before_purge_seconds: i64,
    /// The deprecated messaging fields.
    #[serde(default)]
    pub messaging: ExpirationMessaging,
    /// The messaging that the wire's `…_v2` fields show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messaging_v2: Option<ExpirationMessaging>,
    /// Whether the universal link gives learners a seat.
    pub enable_auto_applied_subscriptions_with_universal_link: bool,
    /// Whether the customer's admins get a mail on each plan's utilization every week.
    #[serde(default)]
    pub enable_weekly_utilization_mails: bool,
    /// Whether the current plan grows by itself.
    pub enable_auto_scaling_of_current_plan: bool,
    /// The most licenses to which it grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_scaling_max_licenses: Option<u64>,
    /// The percentage of allocated licenses at which it grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_scaling_threshold_percentage: Option<u32>,
    /// The growth, in percent of the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_scaling_increment_percentage: Option<u32>,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// The message that learners of an expired plan see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpirationMessaging {
    /// Whether the customer has a message of its own.
    pub has_custom_license_expiration_messaging: bool,
    /// The dialog's title (≤ 512 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modal_header_text: Option<String>,
    /// The dialog's text, sanitised HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_subscription_modal_messaging: Option<String>,
    /// The button's label (≤ 255 characters).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button_label_in_modal: Option<String>,
    /// The URL that the button opens (at most 512 characters, http or https).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_for_button_in_modal: Option<String>,
}

/// How long personal data is kept after a plan's expiration if the agreement does not say: 90 days.
pub const DEFAULT_PURGE_SECONDS: i64 = 90 * 24 * 60 * 60;

/// How the current plan of an agreement grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoScaling {
    /// The most licenses to which it grows.
    pub maximum: u64,
    /// It grows while more than this percentage of its licenses is allocated.
    pub threshold: u32,
    /// The growth, in percent of its licenses.
    pub increment: u32,
}

impl CustomerAgreement {
    /// The numbers of auto-scaling, or what is wrong with them: an import may bring an agreement without them.
    pub fn auto_scaling(&self) -> Result<AutoScaling, &'static str> {
        let percentage = |percentage: Option<u32>| percentage.filter(|percentage| (1..=100).contains(percentage));
        Ok(AutoScaling {
            maximum: self.auto_scaling_max_licenses.filter(|most| *most > 0).ok_or("has no maximum of licenses")?,
            threshold: percentage(self.auto_scaling_threshold_percentage)
                .ok_or("has no threshold from 1 to 100 percent")?,
            increment: percentage(self.auto_scaling_increment_percentage)
                .ok_or("has no increment from 1 to 100 percent")?,
        })
    }

    /// The URL where a learner activates the license with that key; none if the customer has no slug.
    pub fn activation_link(&self, portal: &str, key: ActivationKey) -> Option<String> {
        Some(format!("{portal}/{}/licenses/{key}/activate", self.enterprise_customer_slug.as_deref()?))
    }

    pub fn new(uuid: AgreementId, enterprise_customer_uuid: EnterpriseId, now: Timestamp) -> Self {
        Self {
            uuid,
            enterprise_customer_uuid,
            enterprise_customer_slug: None,
            enterprise_customer_name: None,
            default_enterprise_catalog_uuid: None,
            disable_expiration_notifications: false,
            disable_onboarding_notifications: false,
            license_duration_before_purge_seconds: DEFAULT_PURGE_SECONDS,
            messaging: ExpirationMessaging::default(),
            messaging_v2: None,
            enable_auto_applied_subscriptions_with_universal_link: false,
            enable_weekly_utilization_mails: false,
            enable_auto_scaling_of_current_plan: false,
            auto_scaling_max_licenses: None,
            auto_scaling_threshold_percentage: None,
            auto_scaling_increment_percentage: None,
            created: now,
            modified: now,
        }
    }
}

/// An agreement with all its plans and renewals, as most rules about one of them need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    pub agreement: CustomerAgreement,
    /// Its plans, ordered by id.
    pub plans: Vec<SubscriptionPlan>,
    /// Their renewals, ordered by number.
    pub renewals: Vec<SubscriptionPlanRenewal>,
}

impl Portfolio {
    pub fn plan(&self, id: PlanId) -> Option<&SubscriptionPlan> {
        self.plans.iter().find(|plan| plan.uuid == id)
    }

    /// The plan's catalog, or else the agreement's.
    pub fn catalog_of(&self, plan: &SubscriptionPlan) -> Option<CatalogId> {
        plan.enterprise_catalog_uuid.or(self.agreement.default_enterprise_catalog_uuid)
    }

    /// The renewal of which the plan is the prior plan.
    pub fn renewal_of(&self, plan: PlanId) -> Option<&SubscriptionPlanRenewal> {
        self.renewals.iter().find(|renewal| renewal.prior_subscription_plan == plan)
    }

    /// The plan's renewal, if it is processed and its future plan has not started: what changes in the plan until then is
    /// carried over.
    pub fn renewal_ahead(&self, plan: PlanId, now: Timestamp) -> Option<&SubscriptionPlanRenewal> {
        self.renewal_of(plan).filter(|renewal| renewal.processed && renewal.effective_date > now)
    }

    /// The renewals of which the plan is the future plan.
    pub fn prior_renewals_of(&self, plan: PlanId) -> impl Iterator<Item = &SubscriptionPlanRenewal> {
        self.renewals.iter().filter(move |renewal| renewal.renewed_subscription_plan == Some(plan))
    }

    /// The latest end along the plan's chain of renewals.
    pub fn expiration_including_renewals(&self, plan: &SubscriptionPlan) -> Timestamp {
        let mut latest = plan.expiration_date;
        let mut next = self.renewal_of(plan.uuid);
        // The loop is bounded by the number of renewals, because imported data could contain a cycle.
        for _ in 0..=self.renewals.len() {
            let Some(renewal) = next else { break };
            latest = latest.max(renewal.renewed_expiration_date);
            next = renewal.renewed_subscription_plan.and_then(|plan| self.renewal_of(plan));
        }
        latest
    }

    /// Whole days until the latest end along the plan's chain of renewals.
    pub fn days_until_expiration_including_renewals(&self, plan: &SubscriptionPlan, now: Timestamp) -> i64 {
        days_until(self.expiration_including_renewals(plan), now)
    }

    /// Whether a renewal of the plan takes effect within twelve hours.
    pub fn is_locked_for_renewal_processing(&self, plan: PlanId, now: Timestamp) -> bool {
        self.renewal_of(plan).is_some_and(|renewal| renewal.is_imminent(now))
    }

    /// Whole days until the last plan ends, at least 0.
    pub fn net_days_until_expiration(&self, now: Timestamp) -> i64 {
        let days = self.plans.iter().map(|plan| self.days_until_expiration_including_renewals(plan, now));
        days.max().unwrap_or(0).max(0)
    }

    /// The plan from which learners may take a seat: auto-applying, active and current, the latest start first. A renewal
    /// hands auto-apply over when it is processed; until the future plan starts, the prior plan stands in for it.
    pub fn plan_for_auto_applied_licenses(&self, now: Timestamp) -> Option<&SubscriptionPlan> {
        let has_it = |plan: &SubscriptionPlan| plan.should_auto_apply_licenses == Some(true) && plan.is_active;
        let stands_in = |plan: &SubscriptionPlan| {
            let future = self.renewal_ahead(plan.uuid, now).and_then(|renewal| renewal.renewed_subscription_plan);
            future.and_then(|future| self.plan(future)).is_some_and(has_it)
        };
        let applies =
            |plan: &&SubscriptionPlan| plan.is_active && plan.is_current(now) && (has_it(plan) || stands_in(plan));
        self.plans.iter().filter(applies).max_by_key(|plan| (plan.start_date, plan.uuid))
    }

    /// The catalogs of active plans that have not ended, renewals included.
    pub fn available_subscription_catalogs(&self, now: Timestamp) -> Vec<CatalogId> {
        let available =
            |plan: &&SubscriptionPlan| plan.is_active && self.days_until_expiration_including_renewals(plan, now) > 0;
        let mut catalogs: Vec<CatalogId> =
            self.plans.iter().filter(available).filter_map(|plan| self.catalog_of(plan)).collect();
        catalogs.sort_unstable();
        catalogs.dedup();
        catalogs
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::RenewalId,
        plan::ChangeReason,
        renewal::LicenseTypesToCopy,
        seats::{SeatLayout, SeatPrefix},
    };

    const CATALOG: CatalogId = CatalogId(Uuid::from_u128(900));

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768, 0).expect("a moment")
    }

    /// A plan from `start` to `end`, in days from now.
    fn plan(id: u128, start: i64, end: i64) -> SubscriptionPlan {
        SubscriptionPlan {
            uuid: PlanId(Uuid::from_u128(id)),
            title: format!("Plan {id}"),
            customer_agreement: AgreementId(Uuid::nil()),
            start_date: now() + TimeDelta::days(start),
            expiration_date: now() + TimeDelta::days(end),
            expiration_processed: false,
            enterprise_catalog_uuid: None,
            is_active: true,
            is_revocation_cap_enabled: false,
            revoke_max_percentage: 5,
            num_revocations_applied: 0,
            salesforce_opportunity_id: None,
            salesforce_opportunity_line_item: None,
            product: None,
            for_internal_use_only: false,
            can_freeze_unused_licenses: false,
            last_freeze_timestamp: None,
            should_auto_apply_licenses: Some(true),
            auto_apply_since: None,
            desired_num_licenses: None,
            created: now(),
            modified: now(),
            change_reason: ChangeReason::New,
            seats: SeatLayout::for_total(10, SeatPrefix::from_bits(7)),
        }
    }

    /// A renewal from one plan to another one, if that exists; `end` is in days from now.
    fn renewal(prior: u128, next: Option<u128>, effective: TimeDelta, end: i64) -> SubscriptionPlanRenewal {
        SubscriptionPlanRenewal {
            id: RenewalId(i64::try_from(prior).expect("small")),
            customer_agreement: AgreementId(Uuid::nil()),
            prior_subscription_plan: PlanId(Uuid::from_u128(prior)),
            renewed_subscription_plan: next.map(|next| PlanId(Uuid::from_u128(next))),
            salesforce_opportunity_id: None,
            number_of_licenses: 10,
            effective_date: now() + effective,
            renewed_expiration_date: now() + TimeDelta::days(end),
            processed: false,
            processed_datetime: None,
            renewed_plan_title: None,
            license_types_to_copy: LicenseTypesToCopy::default(),
            disable_auto_apply_licenses: false,
            exempt_from_batch_processing: false,
            created: now(),
            modified: now(),
        }
    }

    fn portfolio(plans: Vec<SubscriptionPlan>, renewals: Vec<SubscriptionPlanRenewal>) -> Portfolio {
        let agreement = CustomerAgreement {
            default_enterprise_catalog_uuid: Some(CATALOG),
            ..CustomerAgreement::new(AgreementId(Uuid::nil()), EnterpriseId(Uuid::nil()), now())
        };
        Portfolio { agreement, plans, renewals }
    }

    #[test]
    fn expiration_follows_the_chain_of_renewals_and_survives_a_ring() {
        let day = TimeDelta::days(1);
        let chain = vec![renewal(1, Some(2), day, 100), renewal(2, Some(3), day, 50), renewal(3, Some(1), day, 200)];
        let portfolio = portfolio(vec![plan(1, -10, 10), plan(2, 10, 100)], chain);
        let days = |plan| portfolio.days_until_expiration_including_renewals(plan, now());
        assert_eq!(portfolio.plans.iter().map(days).collect::<Vec<_>>(), [200, 200]);
        assert_eq!(portfolio.net_days_until_expiration(now()), 200);
    }

    #[test]
    fn net_days_are_never_negative() {
        assert_eq!(portfolio(vec![], vec![]).net_days_until_expiration(now()), 0);
        assert_eq!(portfolio(vec![plan(1, -20, -3)], vec![]).net_days_until_expiration(now()), 0);
    }

    #[test]
    fn learners_take_seats_of_the_active_current_plan_that_started_last() {
        let chosen = |plans| {
            let portfolio = portfolio(plans, vec![]);
            portfolio.plan_for_auto_applied_licenses(now()).map(|plan| plan.uuid.0.as_u128())
        };
        let inactive = SubscriptionPlan { is_active: false, ..plan(4, -1, 10) };
        let by_invitation = SubscriptionPlan { should_auto_apply_licenses: None, ..plan(5, -1, 10) };
        assert_eq!(chosen(vec![plan(1, -9, 9), plan(2, -5, 5), plan(3, 1, 9), inactive.clone()]), Some(2));
        assert_eq!(chosen(vec![plan(1, -9, -1), inactive, by_invitation]), None);
        // The start and the end belong to the term.
        assert_eq!(chosen(vec![plan(1, 0, 0)]), Some(1));
    }

    #[test]
    fn catalogs_are_those_of_plans_that_are_active_and_not_over() {
        let own = CatalogId(Uuid::from_u128(901));
        let plans = vec![
            SubscriptionPlan { enterprise_catalog_uuid: Some(own), ..plan(1, -9, 9) },
            plan(2, -9, 9),
            plan(3, -9, 9),
            SubscriptionPlan { enterprise_catalog_uuid: Some(CatalogId(Uuid::from_u128(902))), ..plan(4, -9, 0) },
            SubscriptionPlan {
                enterprise_catalog_uuid: Some(CatalogId(Uuid::from_u128(903))),
                is_active: false,
                ..plan(5, -9, 9)
            },
        ];
        assert_eq!(portfolio(plans, vec![]).available_subscription_catalogs(now()), [CATALOG, own]);
    }

    #[test]
    fn a_plan_is_locked_in_the_twelve_hours_before_its_renewal() {
        let locked = |effective| {
            let portfolio = portfolio(vec![plan(1, -9, 9)], vec![renewal(1, None, effective, 100)]);
            portfolio.is_locked_for_renewal_processing(PlanId(Uuid::from_u128(1)), now())
        };
        assert!(locked(TimeDelta::zero()) && locked(TimeDelta::hours(12)));
        assert!(!locked(TimeDelta::hours(12) + TimeDelta::microseconds(1)));
        assert!(!locked(TimeDelta::microseconds(-1)));
    }
}
