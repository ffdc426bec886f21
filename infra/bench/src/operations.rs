//! The measured operations, with the figures of edx's license-manager and the goals.

use std::time::{Duration, Instant};

use license_domain::{EnterpriseId, PlanId};
use license_storage::Portfolios;
use license_tests::{
    Client, Role, TestApp, TestResponse,
    dump::{AGREEMENT, CUSTOMER, DumpedPlan},
};
use serde_json::json;

use crate::{
    cpu,
    table::{self, Line},
};

/// Measures one operation after the other.
struct Meter<'a> {
    only: &'a str,
    runs: usize,
}

/// The known figures of an operation: the median of edx's license-manager and our goal, in milliseconds.
type Known = (Option<f64>, Option<f64>);

impl Meter<'_> {
    /// Repeats an operation; each run gets its number.
    async fn measure(
        &self,
        operation: &str,
        (peer, goal): Known,
        runs: usize,
        run: impl AsyncFn(usize) -> TestResponse,
    ) {
        if !operation.contains(self.only) {
            return;
        }
        let used = || [cpu::PRODUCT, cpu::ENGINE, cpu::STAND_INS].map(cpu::used_by);
        let before = used();
        let mut times = Vec::with_capacity(runs);
        for number in 0..runs {
            let began = Instant::now();
            let response = run(number).await;
            times.push(began.elapsed());
            assert!(response.status.is_success(), "{operation}: {} {}", response.status, response.text);
        }
        times.sort_unstable();
        let after = used();
        let [product, engine, stand_ins] = std::array::from_fn(|component| {
            after[component].saturating_sub(before[component]) / u32::try_from(runs).expect("few runs")
        });
        table::print(&Line {
            operation: operation.to_owned(),
            peer,
            goal,
            median: times[runs / 2],
            longest: times[runs - 1],
            product,
            engine,
            stand_ins,
        });
    }

    /// Repeats a read.
    async fn get(&self, operation: &str, known: Known, client: &Client, path: &str) {
        self.measure(operation, known, self.runs, async |_| client.get(path).await).await;
    }
}

/// Measures everything.
pub async fn measure(app: &TestApp, only: &str, runs: usize, plans: &[DumpedPlan; 5]) {
    let meter = Meter { only, runs };
    let enterprise = EnterpriseId(CUSTOMER.parse().expect("a UUID"));
    let admin = app.client(Role::Admin, enterprise);
    reads(&meter, app, &admin, plans).await;
    writes(&meter, app, &admin, plans).await;
    expiry(&meter, app, &plans[4]).await;
}

async fn reads(meter: &Meter<'_>, app: &TestApp, admin: &Client, plans: &[DumpedPlan; 5]) {
    let [small, middle, large, unassigned, _] = plans;
    let path = |plan: &DumpedPlan, rest: &str| format!("/api/v1/subscriptions/{}/licenses/{rest}", plan.id());
    let page = |plan: &DumpedPlan, number: u32, size: u32| path(plan, &format!("?page={number}&page_size={size}"));
    let enterprise = EnterpriseId(CUSTOMER.parse().expect("a UUID"));
    let learner = app.learner(enterprise, &small.email(7));
    let size = large.licenses;

    let plans = format!("/api/v1/subscriptions/?enterprise_customer_uuid={CUSTOMER}");
    meter.get("subscriptions of a customer", (Some(54.0), Some(1.0)), admin, &plans).await;
    meter.get("page of 100, of 1,000", (Some(23.0), Some(2.5)), admin, &page(small, 1, 100)).await;
    meter.get("page of 100, of 10,000", (Some(49.0), Some(2.5)), admin, &page(middle, 1, 100)).await;
    meter.get(&format!("page of 100, of {size}"), (Some(180.0), Some(2.5)), admin, &page(large, 1, 100)).await;
    meter.get("page of 500, of 10,000", (Some(98.0), Some(8.0)), admin, &page(middle, 1, 500)).await;
    let (half, most) = (size / 200, size * 9 / 1_000);
    meter
        .get(&format!("page {half} of 100, of {size}"), (Some(360.0), Some(5.0)), admin, &page(large, half, 100))
        .await;
    meter
        .get(&format!("page {most} of 100, unassigned"), (Some(359.0), Some(5.0)), admin, &page(unassigned, most, 100))
        .await;
    let by_address = path(large, "?ordering=-user_email&page=3");
    meter.get(&format!("page 3 by address, of {size}"), (None, Some(30.0)), admin, &by_address).await;
    let search = path(large, "?search=0000777");
    meter.get(&format!("search in {size}"), (Some(193.0), Some(30.0)), admin, &search).await;
    meter
        .measure(
            &format!("4 searches at once in {size}"),
            (Some(390.0), Some(30.0)),
            meter.runs.div_ceil(4),
            async |_| {
                let (a, b, c, d) =
                    tokio::join!(admin.get(&search), admin.get(&search), admin.get(&search), admin.get(&search));
                [a, b, c].into_iter().find(|response| !response.status.is_success()).unwrap_or(d)
            },
        )
        .await;
    meter.get("CSV of 10,000", (Some(338.0), Some(25.0)), admin, &path(middle, "csv/")).await;
    meter.get("overview of 1,000", (Some(10.0), None), admin, &path(small, "overview/")).await;
    meter.get(&format!("overview of {size}"), (Some(53.0), None), admin, &path(large, "overview/")).await;
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={CUSTOMER}");
    meter.get("learner-licenses", (Some(27.0), Some(0.8)), &learner, &own).await;
    let subsidy = format!("/api/v1/license-subsidy/?enterprise_customer_uuid={CUSTOMER}&course_key=edX%2BDemoX");
    meter.get("license-subsidy", (Some(13.0), Some(0.8)), &learner, &subsidy).await;
}

async fn writes(meter: &Meter<'_>, app: &TestApp, admin: &Client, plans: &[DumpedPlan; 5]) {
    let [_, middle, ..] = plans;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 200_000, &json!({})).await;
    let runs = meter.runs;
    let emails = |kind: &str, run: usize, n: usize| -> Vec<String> {
        (0..n).map(|learner| format!("{kind}{run:04}x{learner:04}@example.com")).collect()
    };
    meter
        .measure("assign 1", (Some(18.0), Some(2.0)), runs, async |run| plan.assign(&emails("one", run, 1)).await)
        .await;
    let hundred = async |run| plan.assign(&emails("hundred", run, 100)).await;
    meter.measure("assign 100", (Some(167.0), Some(15.0)), runs, hundred).await;
    let thousand = async |run| plan.assign(&emails("thousand", run, 1_000)).await;
    meter.measure("assign 1,000", (Some(1_561.0), Some(120.0)), runs.div_ceil(4), thousand).await;

    let mut held = Vec::with_capacity(runs);
    for run in 0..if "activation".contains(meter.only) { runs } else { 0 } {
        held.push(plan.assigned(&format!("active{run:04}@example.com")).await);
    }
    meter.measure("activation", (Some(47.0), Some(2.5)), runs, async |run| plan.activate(app, &held[run]).await).await;
    if "bulk-revoke 100".contains(meter.only) {
        for run in 0..runs {
            plan.assign(&emails("revoked", run, 100)).await.expect(200);
        }
    }
    let revoke = async |run| plan.revoke(&emails("revoked", run, 100)).await;
    meter.measure("bulk-revoke 100", (Some(989.0), Some(20.0)), runs, revoke).await;
    renewal(meter, app, admin, middle).await;
}

/// The renewal of the middle plan, until a worker has finished what the request has left.
async fn renewal(meter: &Meter<'_>, app: &TestApp, _admin: &Client, plan: &DumpedPlan) {
    const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";
    let provisioner = app.provisioner();
    let body = json!({
        "customer_agreement": AGREEMENT, "prior_subscription_plan": plan.id(),
        "renewed_subscription_plan": null, "number_of_licenses": plan.licenses,
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        "salesforce_opportunity_id": "00k000000000000002", "renewed_plan_title": "Next",
        "license_types_to_copy": "assigned_and_activated",
    });
    let operation = format!("renewal of {}", plan.licenses);
    if !operation.contains(meter.only) {
        return;
    }
    let made = provisioner.post(RENEWALS, &body).await.expect(201);
    let path = format!("{RENEWALS}{}/process/", made["id"]);
    meter
        .measure(&operation, (Some(19_300.0), Some(1_500.0)), 1, async |_| {
            loop {
                let response = provisioner.post(&path, &json!({})).await;
                if response.status.as_u16() != 503 {
                    break response;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
        .await;
}

/// The expiry of a plan, from its moment until it is on record. Three fifths of the licenses are activated: the LMS ends
/// their enrollments.
async fn expiry(meter: &Meter<'_>, app: &TestApp, plan: &DumpedPlan) {
    let operation = format!("expiry of {}", plan.licenses);
    if !operation.contains(meter.only) {
        return;
    }
    let provisioner = app.provisioner();
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id());
    let soon = app.now() + chrono::TimeDelta::minutes(1);
    let change = json!({ "expiration_date": soon, "change_reason": "other" });
    provisioner.send(reqwest::Method::PATCH, &path, Some(&change)).await.expect(200);
    app.drain().await;
    let id = PlanId(plan.id().parse().expect("a UUID"));
    meter
        .measure(&operation, (None, Some(1_000.0)), 1, async |_| {
            loop {
                let moved = app.anonymous().post("/_local/clock", &json!({ "advance": "PT1M" })).await;
                let portfolio = app.running().store().portfolio_of_plan(id).await.expect("the table responds");
                let portfolio = portfolio.expect("the plan is there");
                if portfolio.plan(id).is_some_and(|plan| plan.expiration_processed) {
                    break moved;
                }
            }
        })
        .await;
}
