//! The rules for processing a renewal: why it is refused, what the future plan is, which licenses are copied and how.

use chrono::Datelike;

use crate::{
    capacity::SeatCounts,
    clock::Timestamp,
    ids::{LicenseId, PlanId},
    license::{License, LicenseStatus},
    maxima::MAX_TITLE,
    plan::{ChangeReason, MAX_LICENSES, SubscriptionPlan},
    renewal::{LicenseTypesToCopy, SubscriptionPlanRenewal},
    seats::{SeatLayout, SeatPrefix},
};

/// Why a renewal is not processed. A refusal changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The future plan would have fewer seats than licenses are copied.
    #[error("Cannot renew for {number} licenses: {wanted} licenses would be copied.")]
    TooFew {
        /// The number of the renewal.
        number: u64,
        /// How many licenses would be copied.
        wanted: u64,
    },
    /// A learner has, or had, a license of the future plan.
    #[error("Cannot renew into a plan that has licenses other than unassigned ones.")]
    InUse,
    /// The future plan has more licenses than the renewal's number, and plans cannot shrink.
    #[error("Cannot renew for {number} licenses into a plan that has {total}.")]
    TooManyThere {
        /// The number of the renewal.
        number: u64,
        total: u64,
    },
    /// The future plan was frozen, so it cannot grow.
    #[error("Cannot renew into a plan whose unused licenses were frozen: it needs more licenses.")]
    Frozen,
    /// The number exceeds the most licenses of a plan.
    #[error("Cannot renew for {number} licenses: only plans for internal use may have more than {MAX_LICENSES}.")]
    TooMany {
        /// The number of the renewal.
        number: u64,
    },
    /// Another plan of the agreement has the future plan's title.
    #[error("Cannot renew: the customer agreement has another plan with the title \"{title}\".")]
    TitleTaken {
        /// The title that is taken.
        title: String,
    },
}

impl LicenseTypesToCopy {
    /// The statuses of the licenses that are copied. Revoked ones never are.
    pub const fn statuses(self) -> &'static [LicenseStatus] {
        match self {
            Self::AssignedAndActivated => &[LicenseStatus::Activated, LicenseStatus::Assigned],
            Self::Activated => &[LicenseStatus::Activated],
            Self::Nothing => &[],
        }
    }

    /// How many of these licenses are copied.
    pub fn count(self, licenses: &SeatCounts) -> u64 {
        self.statuses().iter().map(|status| licenses.of(*status)).sum()
    }
}

impl SubscriptionPlanRenewal {
    /// Whether the renewal may be processed, given the counts of the prior plan and, if it exists, of the future plan.
    pub fn check(
        &self,
        (prior, licenses): (&SubscriptionPlan, &SeatCounts),
        given: Option<(&SubscriptionPlan, &SeatCounts)>,
    ) -> Result<(), Refusal> {
        let number = self.number_of_licenses;
        let wanted = self.license_types_to_copy.count(licenses);
        if number < wanted {
            return Err(Refusal::TooFew { number, wanted });
        }
        let (future, there) = given.unwrap_or((prior, licenses));
        if number > MAX_LICENSES && !future.for_internal_use_only {
            return Err(Refusal::TooMany { number });
        }
        if given.is_none() {
            return Ok(());
        }
        if there.allocated() + there.revoked > 0 {
            return Err(Refusal::InUse);
        }
        let total = there.total;
        match total.cmp(&number) {
            std::cmp::Ordering::Greater => Err(Refusal::TooManyThere { number, total }),
            std::cmp::Ordering::Less if future.last_freeze_timestamp.is_some() => Err(Refusal::Frozen),
            _ => Ok(()),
        }
    }

    /// The future plan's title: the renewal's, or one made from the prior plan's title and the year. A prior title that
    /// is too long is truncated.
    pub fn future_title(&self, prior: &SubscriptionPlan) -> String {
        if let Some(title) = &self.renewed_plan_title {
            return title.clone();
        }
        let end = format!(" - Renewal {}", self.effective_date.year());
        let room = MAX_TITLE.saturating_sub(end.chars().count());
        prior.title.chars().take(room).chain(end.chars()).collect()
    }

    /// The future plan if none is given: it has the prior plan's terms, and the renewal's dates, number and line item.
    /// The permission to freeze licenses is not copied, and auto-apply is handed over at the end.
    pub fn new_plan(
        &self,
        prior: &SubscriptionPlan,
        uuid: PlanId,
        prefix: SeatPrefix,
        now: Timestamp,
    ) -> SubscriptionPlan {
        SubscriptionPlan {
            uuid,
            title: self.future_title(prior),
            start_date: self.effective_date,
            expiration_date: self.renewed_expiration_date,
            expiration_processed: false,
            num_revocations_applied: 0,
            salesforce_opportunity_id: None,
            salesforce_opportunity_line_item: self.salesforce_opportunity_id.clone(),
            can_freeze_unused_licenses: false,
            last_freeze_timestamp: None,
            should_auto_apply_licenses: prior.should_auto_apply_licenses.map(|_| false),
            auto_apply_since: None,
            desired_num_licenses: Some(self.number_of_licenses),
            created: now,
            modified: now,
            change_reason: ChangeReason::New,
            seats: SeatLayout::for_total(self.number_of_licenses, prefix),
            ..prior.clone()
        }
    }

    /// The given plan as future plan. Its dates and number become the renewal's, because the chain of renewals is
    /// computed from the renewals' dates and the plan must not contradict them. So does its line item, if the renewal
    /// has one. All other terms stay as the plan's creator chose them.
    pub fn given_plan(&self, given: &SubscriptionPlan, now: Timestamp) -> SubscriptionPlan {
        let line_item = self.salesforce_opportunity_id.as_ref().or(given.salesforce_opportunity_line_item.as_ref());
        SubscriptionPlan {
            start_date: self.effective_date,
            expiration_date: self.renewed_expiration_date,
            salesforce_opportunity_line_item: line_item.cloned(),
            desired_num_licenses: Some(self.number_of_licenses),
            modified: now,
            change_reason: ChangeReason::Other,
            seats: given.seats.grown_to(self.number_of_licenses),
            ..given.clone()
        }
    }

    /// The prior and the future plan after auto-apply was handed over. `None` if the prior plan has no auto-apply.
    pub fn hand_over(
        &self,
        prior: &SubscriptionPlan,
        future: &SubscriptionPlan,
        now: Timestamp,
    ) -> Option<(SubscriptionPlan, SubscriptionPlan)> {
        let with = |plan: &SubscriptionPlan, applies| {
            let after = SubscriptionPlan { should_auto_apply_licenses: Some(applies), modified: now, ..plan.clone() };
            after.noting_auto_apply(Some(plan))
        };
        let moves = prior.should_auto_apply_licenses == Some(true);
        let before = SubscriptionPlan { change_reason: ChangeReason::Other, ..with(prior, false) };
        moves.then(|| (before, with(future, !self.disable_auto_apply_licenses)))
    }

    /// The processed renewal.
    #[must_use]
    pub fn carried_out(&self, future: PlanId, now: Timestamp) -> Self {
        Self {
            renewed_subscription_plan: Some(future),
            processed: true,
            processed_datetime: Some(now),
            modified: now,
            ..self.clone()
        }
    }
}

/// What a change of a license of the prior plan asks for in the future plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarryOver {
    /// The license has no copy yet.
    Copy,
    /// The copy becomes this.
    Change(Box<License>),
}

/// What is to happen in the future plan of a processed renewal, given the learner's license of the prior plan and what is
/// in the learner's slot of the future plan. The states decide, not the events, so that repetitions change nothing.
///
/// - A license that the renewal would have copied is copied.
/// - A copy is activated, or revoked, as its original is.
pub fn carry_over(
    renewal: &SubscriptionPlanRenewal,
    original: &License,
    there: Option<&License>,
    now: Timestamp,
) -> Option<CarryOver> {
    let is_copied = renewal.license_types_to_copy.statuses().contains(&original.status);
    match there {
        Some(copy) if original.renewed_to == Some(copy.uuid) => {
            let after = match (original.status, copy.status) {
                (LicenseStatus::Activated, LicenseStatus::Assigned) => {
                    copy.activate(original.lms_user_id, renewal.effective_date).ok().flatten()?
                }
                (LicenseStatus::Revoked, LicenseStatus::Assigned | LicenseStatus::Activated) => {
                    copy.revoke(now).expect("a live license can be revoked")
                }
                _ => return None,
            };
            Some(CarryOver::Change(Box::new(License { modified: now, ..after })))
        }
        Some(other) if other.status.is_live() => None,
        _ => (is_copied && original.renewed_to.is_none()).then_some(CarryOver::Copy),
    }
}

impl License {
    /// The copy of this license that takes a seat of the future plan: learner, key and status are the same, and the
    /// activation date of a learner who studies is the plan's start. Whether the learner got it by auto-apply is kept;
    /// reminders and the sale are not copied.
    #[must_use]
    pub fn carried_over(&self, seat: &Self, start: Timestamp, now: Timestamp) -> Self {
        Self {
            status: self.status,
            user_email: self.user_email.clone(),
            lms_user_id: self.lms_user_id,
            activation_key: self.activation_key,
            assigned_date: self.assigned_date,
            activation_date: (self.status == LicenseStatus::Activated).then_some(start),
            auto_applied: self.auto_applied,
            modified: now,
            ..seat.clone()
        }
    }

    /// The original license, with a link to its renewed copy.
    #[must_use]
    pub fn carried_on_by(&self, copy: LicenseId, now: Timestamp) -> Self {
        Self { renewed_to: Some(copy), modified: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        email::EmailAddress,
        ids::{ActivationKey, AgreementId, CatalogId, LmsUserId, ProductId, RenewalId},
    };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn now() -> Timestamp {
        at("2026-11-23T10:46:08Z")
    }

    fn plan(id: u128, total: u64) -> SubscriptionPlan {
        SubscriptionPlan {
            uuid: PlanId(Uuid::from_u128(id)),
            title: "Acme".to_owned(),
            customer_agreement: AgreementId(Uuid::nil()),
            start_date: at("2026-01-01T00:00:00Z"),
            expiration_date: at("2026-12-31T00:00:00Z"),
            expiration_processed: true,
            enterprise_catalog_uuid: Some(CatalogId(Uuid::from_u128(900))),
            is_active: true,
            is_revocation_cap_enabled: true,
            revoke_max_percentage: 7,
            num_revocations_applied: 3,
            salesforce_opportunity_id: Some("an opportunity".to_owned()),
            salesforce_opportunity_line_item: Some("00k000000000000001".to_owned()),
            product: Some(ProductId(2)),
            for_internal_use_only: false,
            can_freeze_unused_licenses: true,
            last_freeze_timestamp: None,
            should_auto_apply_licenses: None,
            auto_apply_since: None,
            desired_num_licenses: Some(total),
            created: at("2025-12-01T00:00:00Z"),
            modified: at("2025-12-01T00:00:00Z"),
            change_reason: ChangeReason::DelayedPayment,
            seats: SeatLayout::for_total(total, SeatPrefix::from_bits(7)),
        }
    }

    fn renewal(number: u64) -> SubscriptionPlanRenewal {
        SubscriptionPlanRenewal {
            id: RenewalId(7),
            customer_agreement: AgreementId(Uuid::nil()),
            prior_subscription_plan: PlanId(Uuid::from_u128(1)),
            renewed_subscription_plan: None,
            salesforce_opportunity_id: Some("00k000000000000777".to_owned()),
            number_of_licenses: number,
            effective_date: at("2027-01-01T00:00:00Z"),
            renewed_expiration_date: at("2028-01-01T00:00:00Z"),
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

    fn counts(total: u64, assigned: u64, activated: u64, revoked: u64) -> SeatCounts {
        SeatCounts { total, assigned, activated, revoked, revoked_without_person: 0 }
    }

    #[test]
    fn only_licenses_that_would_be_copied_need_seats() {
        let (prior, there) = (plan(1, 20), counts(20, 3, 4, 5));
        for (types, wanted) in [
            (LicenseTypesToCopy::AssignedAndActivated, 7),
            (LicenseTypesToCopy::Activated, 4),
            (LicenseTypesToCopy::Nothing, 0),
        ] {
            let check = |number| {
                let renewal = SubscriptionPlanRenewal { license_types_to_copy: types, ..renewal(number) };
                renewal.check((&prior, &there), None)
            };
            assert_eq!(check(wanted), Ok(()));
            if wanted > 0 {
                assert_eq!(check(wanted - 1), Err(Refusal::TooFew { number: wanted - 1, wanted }));
            }
        }
        let number = MAX_LICENSES + 1;
        assert_eq!(renewal(number).check((&prior, &there), None), Err(Refusal::TooMany { number }));
        let internal = SubscriptionPlan { for_internal_use_only: true, ..prior };
        assert_eq!(renewal(number).check((&internal, &there), None), Ok(()));
    }

    #[test]
    fn a_given_plan_is_untouched_and_not_too_large() {
        let (prior, licenses) = (plan(1, 20), counts(20, 3, 4, 5));
        let check =
            |given: &SubscriptionPlan, there: SeatCounts| renewal(10).check((&prior, &licenses), Some((given, &there)));
        assert_eq!(check(&plan(2, 10), counts(10, 0, 0, 0)), Ok(()));
        for used in [counts(10, 1, 0, 0), counts(10, 0, 1, 0), counts(10, 0, 0, 1)] {
            assert_eq!(check(&plan(2, 10), used), Err(Refusal::InUse));
        }
        let refusal = Refusal::TooManyThere { number: 10, total: 11 };
        assert_eq!(check(&plan(2, 11), counts(11, 0, 0, 0)), Err(refusal));
        let frozen = SubscriptionPlan { last_freeze_timestamp: Some(now()), ..plan(2, 9) };
        assert_eq!(check(&frozen, counts(9, 0, 0, 0)), Err(Refusal::Frozen));
        assert_eq!(check(&frozen, counts(10, 0, 0, 0)), Ok(()));
    }

    #[test]
    fn the_default_title_has_the_prior_title_and_the_year() {
        let mut prior = plan(1, 1);
        assert_eq!(renewal(1).future_title(&prior), "Acme - Renewal 2027");
        let named = SubscriptionPlanRenewal { renewed_plan_title: Some("Next".to_owned()), ..renewal(1) };
        assert_eq!(named.future_title(&prior), "Next");
        prior.title = "ä".repeat(MAX_TITLE);
        let title = renewal(1).future_title(&prior);
        assert_eq!(title.chars().count(), MAX_TITLE);
        assert!(title.ends_with("ä - Renewal 2027"));
    }

    #[test]
    fn a_new_plan_has_the_prior_ones_terms_and_the_renewals_time() {
        let prior = SubscriptionPlan { should_auto_apply_licenses: Some(true), ..plan(1, 20) };
        let id = PlanId(Uuid::from_u128(9));
        let made = renewal(30).new_plan(&prior, id, SeatPrefix::from_bits(8), now());
        let expected = SubscriptionPlan {
            uuid: id,
            title: "Acme - Renewal 2027".to_owned(),
            start_date: at("2027-01-01T00:00:00Z"),
            expiration_date: at("2028-01-01T00:00:00Z"),
            expiration_processed: false,
            num_revocations_applied: 0,
            salesforce_opportunity_id: None,
            salesforce_opportunity_line_item: Some("00k000000000000777".to_owned()),
            can_freeze_unused_licenses: false,
            should_auto_apply_licenses: Some(false),
            auto_apply_since: None,
            desired_num_licenses: Some(30),
            created: now(),
            modified: now(),
            change_reason: ChangeReason::New,
            seats: SeatLayout::for_total(30, SeatPrefix::from_bits(8)),
            ..prior
        };
        assert_eq!(made, expected);
    }

    #[test]
    fn a_given_plan_takes_dates_number_and_line_item_and_keeps_its_other_terms() {
        let given = plan(2, 20);
        let after = renewal(100).given_plan(&given, now());
        assert_eq!((after.start_date, after.expiration_date), (at("2027-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z")));
        assert_eq!((after.seats.total, after.seats.buckets, after.desired_num_licenses), (100, 4, Some(100)));
        assert_eq!(after.salesforce_opportunity_line_item.as_deref(), Some("00k000000000000777"));
        assert_eq!((&after.title, after.product), (&given.title, given.product));
        let unsold = SubscriptionPlanRenewal { salesforce_opportunity_id: None, ..renewal(20) };
        let after = unsold.given_plan(&given, now());
        assert_eq!(after.salesforce_opportunity_line_item, given.salesforce_opportunity_line_item);
    }

    #[test]
    fn auto_apply_moves_or_ends() {
        let (prior, future) = (plan(1, 1), plan(2, 1));
        assert_eq!(renewal(1).hand_over(&prior, &future, now()), None);
        let prior = SubscriptionPlan { should_auto_apply_licenses: Some(true), ..prior };
        let flags = |renewal: SubscriptionPlanRenewal| {
            let (before, after) = renewal.hand_over(&prior, &future, now()).expect("it applies");
            (before.should_auto_apply_licenses, after.should_auto_apply_licenses)
        };
        assert_eq!(flags(renewal(1)), (Some(false), Some(true)));
        let ends = SubscriptionPlanRenewal { disable_auto_apply_licenses: true, ..renewal(1) };
        assert_eq!(flags(ends), (Some(false), Some(false)));
    }

    #[test]
    fn a_copy_is_the_learners_license_in_the_future_plan() {
        let key = ActivationKey(Uuid::from_u128(3));
        let seat =
            |plan: u128| License::unassigned(LicenseId(Uuid::from_u128(plan)), PlanId(Uuid::from_u128(plan)), now());
        let assigned = seat(1).assign(EmailAddress::on_record("Ada@example.com"), key, at("2026-02-01T00:00:00Z"));
        let assigned = assigned.expect("free").remind(now()).expect("assigned");
        let start = at("2027-01-01T00:00:00Z");
        let copy = assigned.carried_over(&seat(2), start, now());
        let expected = License {
            uuid: seat(2).uuid,
            subscription_plan: seat(2).subscription_plan,
            last_remind_date: None,
            ..assigned.clone()
        };
        assert_eq!(copy, expected);

        let activated = assigned.activate(Some(LmsUserId(7)), now()).expect("assigned").expect("a change");
        let copy = activated.carried_over(&seat(2), start, now());
        assert_eq!((copy.status, copy.activation_date), (LicenseStatus::Activated, Some(start)));
        assert_eq!((copy.lms_user_id, copy.activation_key), (Some(LmsUserId(7)), Some(key)));
        let after = activated.carried_on_by(copy.uuid, now());
        assert_eq!((after.renewed_to, after.status), (Some(copy.uuid), LicenseStatus::Activated));
    }
}
