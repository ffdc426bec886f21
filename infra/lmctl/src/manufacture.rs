//! Made-up customers: which licenses each plan has, and how each got where it is. Everything follows from the seed and
//! from the time for which the data is made, so that any license can be made by itself, in any order.

use chrono::{Datelike, Months, TimeDelta};
use license_domain::{
    ActivationKey, AgreementId, CatalogId, ChangeReason, CustomerAgreement, EmailAddress, EnterpriseId, License,
    LicenseId, LicenseStatus, LicenseTypesToCopy, LmsUserId, PlanId, ProductId, RenewalId, SubscriptionPlan,
    SubscriptionPlanRenewal, Timestamp, importing,
};
use uuid::Uuid;

/// So many renewals of each customer have numbers that are kept for them.
const RENEWALS: u64 = 20;

/// Customers of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plans: u32,
    pub(crate) licenses: u64,
    /// The time for which the data is made.
    pub(crate) now: Timestamp,
}

/// What an id or a decision is for; part of the bits that it is made of.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
enum Purpose {
    Customer = 1,
    Agreement,
    Catalog,
    Plan,
    License,
    Key,
    Status,
    Assigned,
    Activated,
    Reminded,
    Revoked,
}

/// How a learner stands with the license of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Free,
    Assigned,
    Activated,
    Revoked,
}

impl Standing {
    const fn is_live(self) -> bool {
        matches!(self, Self::Assigned | Self::Activated)
    }
}

impl World {
    fn bits(&self, purpose: Purpose, customer: u32, plan: u32, n: u64) -> u64 {
        [self.seed, purpose as u64, u64::from(customer), u64::from(plan), n].into_iter().fold(0, |bits, more| {
            // The finalizer of SplitMix64.
            let mut bits = bits ^ more.wrapping_add(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^ (bits >> 31)
        })
    }

    fn id(&self, purpose: Purpose, customer: u32, plan: u32, n: u64) -> Uuid {
        let high = self.bits(purpose, customer, plan, n);
        let low = self.bits(purpose, customer, plan, n ^ (1 << 63));
        uuid::Builder::from_random_bytes(*Uuid::from_u64_pair(high, low).as_bytes()).into_uuid()
    }

    fn enterprise(&self, customer: u32) -> EnterpriseId {
        EnterpriseId(self.id(Purpose::Customer, customer, 0, 0))
    }

    fn agreement_id(&self, customer: u32) -> AgreementId {
        AgreementId(self.id(Purpose::Agreement, customer, 0, 0))
    }

    fn plan_id(&self, customer: u32, plan: u32) -> PlanId {
        PlanId(self.id(Purpose::Plan, customer, plan, 0))
    }

    fn license_id(&self, customer: u32, plan: u32, n: u64) -> LicenseId {
        LicenseId(self.id(Purpose::License, customer, plan, n))
    }

    fn slug(&self, customer: u32) -> String {
        format!("made-{}-{}", self.seed, customer + 1)
    }

    /// When a plan starts: the last one half a year before now, each other one a year before the one that follows it.
    fn start(&self, plan: u32) -> Timestamp {
        let today = self.now.date_naive().with_day(1).unwrap_or_else(|| self.now.date_naive());
        let months = 6 + 12 * (self.plans - 1 - plan);
        let day = today.checked_sub_months(Months::new(months)).unwrap_or(today);
        day.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    fn expiration(&self, plan: u32) -> Timestamp {
        self.start(plan).checked_add_months(Months::new(12)).unwrap_or(self.now)
    }

    pub(crate) fn agreement(&self, customer: u32) -> CustomerAgreement {
        CustomerAgreement {
            enterprise_customer_slug: Some(self.slug(customer)),
            enterprise_customer_name: Some(format!("Made Customer {}", customer + 1)),
            default_enterprise_catalog_uuid: Some(CatalogId(self.id(Purpose::Catalog, customer, 0, 0))),
            ..CustomerAgreement::new(self.agreement_id(customer), self.enterprise(customer), self.start(0))
        }
    }

    /// A plan; its total is known once its licenses are counted.
    pub(crate) fn plan(&self, customer: u32, plan: u32, total: u64) -> SubscriptionPlan {
        let (uuid, start_date, expiration_date) =
            (self.plan_id(customer, plan), self.start(plan), self.expiration(plan));
        SubscriptionPlan {
            uuid,
            title: format!("Made plan {} of {}", plan + 1, start_date.format("%Y-%m")),
            customer_agreement: self.agreement_id(customer),
            start_date,
            expiration_date,
            expiration_processed: expiration_date <= self.now,
            enterprise_catalog_uuid: None,
            is_active: true,
            is_revocation_cap_enabled: false,
            revoke_max_percentage: 5,
            num_revocations_applied: 0,
            salesforce_opportunity_id: None,
            salesforce_opportunity_line_item: Some("00k000000000000001".to_owned()),
            product: Some(ProductId(1)),
            for_internal_use_only: false,
            can_freeze_unused_licenses: false,
            last_freeze_timestamp: None,
            should_auto_apply_licenses: None,
            auto_apply_since: None,
            desired_num_licenses: Some(total),
            created: start_date,
            modified: start_date,
            change_reason: ChangeReason::New,
            seats: importing::layout(uuid, total, |_| true),
        }
    }

    /// The renewal that leads from a plan to the next one; none of the last plan.
    pub(crate) fn renewal(&self, customer: u32, plan: u32) -> Option<SubscriptionPlanRenewal> {
        (plan + 1 < self.plans).then(|| {
            let effective_date = self.start(plan + 1);
            let number = (self.seed % 1_000 + 1) * 1_000_000 + u64::from(customer) * RENEWALS + u64::from(plan);
            SubscriptionPlanRenewal {
                id: RenewalId(i64::try_from(number).expect("below two thousand millions")),
                customer_agreement: self.agreement_id(customer),
                prior_subscription_plan: self.plan_id(customer, plan),
                renewed_subscription_plan: Some(self.plan_id(customer, plan + 1)),
                salesforce_opportunity_id: None,
                number_of_licenses: self.licenses,
                effective_date,
                renewed_expiration_date: self.expiration(plan + 1),
                processed: true,
                processed_datetime: Some(effective_date),
                renewed_plan_title: None,
                license_types_to_copy: LicenseTypesToCopy::AssignedAndActivated,
                disable_auto_apply_licenses: false,
                exempt_from_batch_processing: false,
                created: effective_date - TimeDelta::days(30),
                modified: effective_date,
            }
        })
    }

    /// How learner `n` stands with each plan's license, the plans in order. Who holds a license when a plan ends has one
    /// of the next plan; most of them study on.
    fn standing(&self, customer: u32, plan: u32, n: u64) -> Standing {
        let mut standing = Standing::Free;
        for of in 0..=plan {
            let percent = self.bits(Purpose::Status, customer, of, n) % 100;
            standing = match (standing.is_live(), percent) {
                (true, 0..82) | (false, 0..55) => Standing::Activated,
                (true, 82..94) | (false, 55..70) => Standing::Assigned,
                (true, _) | (false, 70..76) => Standing::Revoked,
                (false, _) => Standing::Free,
            };
        }
        standing
    }

    /// A moment in the so many days from `from` on, not after the plan's end and not after now.
    fn moment(&self, purpose: Purpose, at: (u32, u32, u64), from: Timestamp, days: u64) -> Timestamp {
        let (customer, plan, n) = at;
        let last = self.expiration(plan).min(self.now).max(from);
        let seconds = self.bits(purpose, customer, plan, n) % (days * 86_400);
        (from + TimeDelta::seconds(i64::try_from(seconds).expect("some years"))).min(last)
    }

    /// License number `n` of a plan.
    pub(crate) fn license(&self, customer: u32, plan: u32, n: u64) -> License {
        let at = (customer, plan, n);
        let standing = self.standing(customer, plan, n);
        let start = self.start(plan);
        let seat = License::unassigned(self.license_id(customer, plan, n), self.plan_id(customer, plan), start);
        if standing == Standing::Free {
            return seat;
        }
        let is_renewed = plan > 0 && self.standing(customer, plan - 1, n).is_live();
        // A license that is carried over is assigned in the moment of the renewal.
        let assigned = if is_renewed { start } else { self.moment(Purpose::Assigned, at, start, 90) };
        let was_activated = match standing {
            Standing::Activated => true,
            Standing::Revoked => self.bits(Purpose::Activated, customer, plan, n).is_multiple_of(2),
            Standing::Assigned | Standing::Free => false,
        };
        let activated =
            was_activated.then(|| if is_renewed { start } else { self.moment(Purpose::Activated, at, assigned, 30) });
        let reminded = (activated.is_none() && standing == Standing::Assigned)
            .then(|| self.moment(Purpose::Reminded, at, assigned + TimeDelta::days(7), 60))
            .filter(|reminded| *reminded <= self.now);
        let revoked = (standing == Standing::Revoked)
            .then(|| self.moment(Purpose::Revoked, at, activated.unwrap_or(assigned), 200));
        let user = LmsUserId(i64::from(customer + 1) * 10_000_000 + i64::try_from(n).expect("a few millions"));
        let email = format!("learner{n}@{}.example", self.slug(customer));
        License {
            status: match standing {
                Standing::Activated => LicenseStatus::Activated,
                Standing::Assigned => LicenseStatus::Assigned,
                Standing::Revoked => LicenseStatus::Revoked,
                Standing::Free => LicenseStatus::Unassigned,
            },
            user_email: Some(EmailAddress::on_record(email)),
            lms_user_id: was_activated.then_some(user),
            activation_key: Some(ActivationKey(self.id(Purpose::Key, customer, plan, n))),
            assigned_date: Some(assigned),
            activation_date: activated,
            // An assignment counts as the first reminder.
            last_remind_date: Some(reminded.unwrap_or(assigned)),
            revoked_date: revoked,
            renewed_to: (standing.is_live() && plan + 1 < self.plans).then(|| self.license_id(customer, plan + 1, n)),
            modified: [Some(assigned), activated, reminded, revoked].into_iter().flatten().max().unwrap_or(start),
            ..seat
        }
    }

    /// How many seats of a plan are not revoked.
    pub(crate) fn total(&self, customer: u32, plan: u32) -> u64 {
        let is_seat = |n: &u64| self.standing(customer, plan, *n) != Standing::Revoked;
        (0..self.licenses).filter(is_seat).fold(0, |count, _| count + 1)
    }

    /// Midnight of that day: data of one day is the same whenever it is made.
    pub(crate) fn day_of(now: Timestamp) -> Timestamp {
        now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        let now = "2026-11-23T00:00:00Z".parse().expect("a moment");
        World { seed: 7, plans: 3, licenses: 2_000, now }
    }

    #[test]
    fn the_same_seed_makes_the_same_licenses_and_another_one_others() {
        let (one, other) = (world(), World { seed: 8, ..world() });
        assert_eq!(one.license(0, 1, 5), one.license(0, 1, 5));
        assert_ne!(one.license(0, 1, 5).uuid, other.license(0, 1, 5).uuid);
        let ids: std::collections::HashSet<LicenseId> =
            (0..2_000).flat_map(|n| [0, 1, 2].map(|plan| one.license(0, plan, n).uuid)).collect();
        assert_eq!(ids.len(), 6_000);
    }

    #[test]
    fn histories_are_in_order_and_who_is_carried_over_has_the_next_license() {
        let world = world();
        let mut statuses = std::collections::BTreeMap::new();
        for plan in 0..world.plans {
            for n in 0..world.licenses {
                let license = world.license(0, plan, n);
                *statuses.entry(license.status.as_str()).or_insert(0) += 1;
                let dates =
                    [Some(world.start(plan)), license.assigned_date, license.activation_date, license.revoked_date];
                let dates: Vec<Timestamp> = dates.into_iter().flatten().chain([world.now]).collect();
                assert!(dates.is_sorted(), "{license:?}");
                assert!(license.modified <= world.now && license.last_remind_date <= Some(world.now), "{license:?}");
                assert_eq!(license.status == LicenseStatus::Unassigned, license.user_email.is_none());
                if let Some(next) = license.renewed_to {
                    let follows = world.license(0, plan + 1, n);
                    assert_eq!((follows.uuid, &follows.user_email), (next, &license.user_email));
                    assert!(license.status.is_live());
                }
            }
        }
        assert!(statuses.len() == 4 && statuses.values().all(|count| *count > 100), "{statuses:?}");
    }

    #[test]
    fn plans_follow_each_other_and_the_last_one_is_current() {
        let world = world();
        for plan in 0..2 {
            assert_eq!(world.expiration(plan), world.start(plan + 1));
            let renewal = world.renewal(0, plan).expect("a renewal");
            assert_eq!(renewal.effective_date, world.start(plan + 1));
        }
        assert!(world.start(2) <= world.now && world.now < world.expiration(2));
        assert_eq!(world.renewal(0, 2), None);
    }
}
