//! Plans with thousands of learners, written as an import does.

use license_domain::{
    ActivationKey, EmailAddress, License, LicenseId, LmsUserId, PlanId, SeatLayout, SeatPrefix, SubscriptionPlan,
    importing::{PlacedLicense, Placement, bucket_of},
};
use license_storage::{BucketCounts, BulkWrite, ImportedLicense, Portfolios};
use serde_json::json;
use uuid::Uuid;

use crate::{TestApp, app::stamp, builders::Plan};

/// How many licenses one call writes.
const PART: usize = 5_000;

impl TestApp {
    /// A plan with so many licenses that have or had a learner, a tenth of them revoked, and so many free seats.
    pub async fn plan_with_learners(&self, learners: u64, free: u64) -> Plan {
        self.plan_with_layout(learners, free, learners - learners / 10 + free).await
    }

    /// The same with as many buckets and partitions as a plan of `large` seats has.
    pub async fn plan_with_layout(&self, learners: u64, free: u64, large: u64) -> Plan {
        let agreement = self.agreement().await;
        let small = self.plan_of(&agreement, 1, &json!({})).await;
        let store = self.running().store().clone();
        let portfolio = store.portfolio_of_plan(PlanId(small.uuid())).await.expect("the table responds").expect("made");
        let model = portfolio.plan(PlanId(small.uuid())).expect("made").clone();

        let revoked = learners / 10;
        let total = learners - revoked + free;
        let layout = SeatLayout { total, ..SeatLayout::for_total(large, SeatPrefix::from_bits(self.number() << 20)) };
        let title = format!("{} with learners", model.title);
        let plan = SubscriptionPlan { uuid: PlanId(self.uuid(0xa)), title, seats: layout, ..model };
        let licenses: Vec<ImportedLicense> = (0..learners + free)
            .map(|n| {
                let license = license(&plan, n, (n < learners).then_some(learners));
                let placement = if n < learners { Placement::Slot } else { Placement::FreeSeat };
                let placed = PlacedLicense { license, placement };
                let enterprise = portfolio.agreement.enterprise_customer_uuid;
                let agreement = plan.customer_agreement;
                ImportedLicense { placed, enterprise, agreement, layout, events: Vec::new() }
            })
            .collect();
        let mut counts = vec![BucketCounts::default(); usize::from(layout.buckets)];
        for imported in &licenses {
            let license = &imported.placed.license;
            counts[usize::from(bucket_of(license.uuid, &layout))].count(license);
        }
        let bulk = self.running().bulk();
        for part in licenses.chunks(PART) {
            bulk.put_licenses(part, &stamp(self.now())).await.expect("written");
        }
        bulk.import_plan(&plan, &counts, &stamp(self.now())).await.expect("written");
        Plan { id: plan.uuid.to_string(), agreement }
    }
}

/// The address of learner number `n`: neighbors in the list were not created one after the other.
pub fn address(n: u64, learners: u64) -> String {
    format!("learner{:06}@example.com", n * 7_919 % learners)
}

fn license(plan: &SubscriptionPlan, n: u64, learners: Option<u64>) -> License {
    let random = |salt: u64| {
        Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt, n.wrapping_mul(0x2545_f491_4f6c_dd1d))
    };
    let id = uuid::Builder::from_random_bytes(*random(plan.uuid.0.as_u64_pair().1).as_bytes()).into_uuid();
    let seat = License::unassigned(LicenseId(id), plan.uuid, plan.created);
    let Some(learners) = learners else { return seat };
    let at = plan.created;
    let email = EmailAddress::on_record(address(n, learners));
    let assigned = seat.assign(email, ActivationKey(random(1)), at).expect("a free seat");
    match n % 10 {
        0..4 => assigned
            .activate(Some(LmsUserId(i64::try_from(n + 1).expect("few"))), at)
            .expect("assigned")
            .expect("a change"),
        9 => assigned.revoke(at).expect("live"),
        _ => assigned,
    }
}
