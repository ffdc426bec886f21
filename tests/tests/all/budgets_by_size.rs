//! What reads of a plan cost, for plans of different sizes: the second table of `docs/budgets.md`. `UPDATE_BUDGETS=1`
//! writes it.

use std::fmt::Write as _;

use license_domain::{PlanId, SeatLayout, SeatPrefix, SubscriptionPlan};
use license_storage::{BucketCounts, BulkWrite, Portfolios};
use license_tests::{
    Call, Client, TestApp,
    app::stamp,
    builders::{Agreement, Plan, text},
    large_plan::address,
};
use serde_json::json;

use crate::budgets::compare;

const MARKS: (&str, &str) = ("<!-- sizes: written by the test `budgets_by_size` -->", "<!-- end of sizes -->");

/// How many licenses of each plan have or had a learner, and the size for which the plan has buckets and partitions: a
/// million licenses would take minutes to write, and what the table is asked depends on their number only by these.
const SIZES: [(u64, u64); 3] = [(1_000, 1_000), (10_000, 10_000), (10_000, 1_000_000)];

/// The most that a read of the third plan may cost more than one of the second: an empty part of the log in each of
/// twelve more partitions.
const PARTITIONS: f64 = 6.0;

/// How often a read is measured at most: the sweeper may be at work beside it.
const ATTEMPTS: usize = 6;

/// A read to measure.
struct Read {
    operation: &'static str,
    client: Client,
    path: String,
    /// Whether it costs the same, whatever the size.
    is_flat: bool,
}

/// What one read costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    calls: usize,
    units: f64,
    bytes: usize,
}

impl Cost {
    fn of(calls: &[Call]) -> Self {
        let units = calls.iter().map(|call| call.read_units).sum();
        Self { calls: calls.len(), units, bytes: calls.iter().map(|call| call.bytes).sum() }
    }

    fn cells(self) -> String {
        // The size depends a little on random ids and on times.
        let bound = self.bytes.div_ceil(1_024).next_power_of_two();
        format!("{}, {} units, {bound} kB", self.calls, self.units)
    }
}

/// The cost of a read by a process that has read the plan before and knows the requester: what two of its repetitions
/// agree on.
async fn measure(app: &TestApp, read: &Read) -> Cost {
    let mut before: Option<Cost> = None;
    for _ in 0..ATTEMPTS {
        app.proxy().take();
        read.client.get(&read.path).await.expect(200);
        let cost = Cost::of(&app.proxy().take());
        if before.is_some_and(|before| before.calls == cost.calls) {
            return cost;
        }
        before = Some(cost);
    }
    panic!("{}: no two repetitions cost the same", read.operation);
}

/// The reads of a plan of that size.
async fn reads(app: &TestApp, plan: &Plan, size: u64) -> Vec<Read> {
    let list = |query: &str| plan.path(&format!("licenses/{query}"));
    let admin = |operation, path| Read { operation, client: plan.admin().clone(), path, is_flat: true };
    let email = address(0, size);
    let found = plan.admin().get(&list(&format!("?search={email}"))).await.expect(200);
    let one = text(&found["results"][0], "uuid");
    let learner = app.learner(plan.agreement.enterprise, &email);
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let first = plan.admin().get(&list("")).await.expect(200);
    // A tenth of the licenses is revoked; a quarter as many are free.
    let (middle, middle_of_free) = (size / 200, size / 800);
    let mut reads = vec![
        admin("first page", list("")),
        admin("the page that next leads to", text(&first, "next")),
        admin("page in the middle", list(&format!("?page={}", middle.max(2)))),
        admin("last page", list("?page=last")),
        admin("page in the middle of the assigned ones", list(&format!("?status=assigned&page={}", size / 400))),
        admin("last page of the revoked ones", list("?status=revoked&page=last")),
        admin(
            "page in the middle of the free ones",
            list(&format!("?status=unassigned&page={}", middle_of_free.max(1))),
        ),
        admin("search", list(&format!("?search={}", &email[..12]))),
        admin("overview", list("overview/")),
        admin("one license", list(&format!("{one}/"))),
        Read { operation: "own licenses", client: learner, path: own, is_flat: true },
    ];
    for (operation, order) in [
        ("page 3 by user_email", "user_email"),
        ("page 3 by -user_email", "-user_email"),
        ("page 3 by status", "status"),
        ("page 3 by -status", "-status"),
        ("page 3 by activation_date", "activation_date"),
        ("page 3 by -activation_date", "-activation_date"),
        ("page 3 by last_remind_date", "last_remind_date"),
        ("page 3 by -last_remind_date", "-last_remind_date"),
    ] {
        reads.push(admin(operation, list(&format!("?ordering={order}&page=3"))));
    }
    reads
}

/// An agreement with a hundred plans of that size.
async fn hundred_plans(app: &TestApp, size: u64) -> Agreement {
    let agreement = app.agreement().await;
    let model = app.plan_of(&agreement, 1, &json!({})).await;
    let portfolio = app.running().store().portfolio_of_plan(PlanId(model.uuid())).await.expect("the table responds");
    let model = portfolio.expect("made").plan(PlanId(model.uuid())).expect("made").clone();
    for n in 1..100 {
        let seats = SeatLayout::for_total(size, SeatPrefix::from_bits(app.number() << 20));
        let title = format!("Plan {n} of {size}");
        let plan = SubscriptionPlan { uuid: PlanId(app.uuid(0xa)), title, seats, ..model.clone() };
        let counts = vec![BucketCounts::default(); usize::from(seats.buckets)];
        app.running().bulk().import_plan(&plan, &counts, &stamp(app.now())).await.expect("written");
    }
    agreement
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_of_large_plans_cost_what_the_document_lists() {
    let app = TestApp::proxied().await;
    let mut plans = Vec::new();
    for (size, layout) in SIZES {
        plans.push(app.plan_with_layout(size, size / 4, layout).await);
    }
    // The sweeper makes the rosters.
    app.advance("PT5M").await;

    let mut lines: Vec<(&str, bool, Vec<Cost>)> = Vec::new();
    for (at, (plan, (size, _))) in plans.iter().zip(SIZES).enumerate() {
        for (n, read) in reads(&app, plan, size).await.iter().enumerate() {
            if at == 0 {
                lines.push((read.operation, read.is_flat, Vec::new()));
            }
            lines[n].2.push(measure(&app, read).await);
        }
    }
    let mut costs = Vec::new();
    for (_, layout) in SIZES {
        let agreement = hundred_plans(&app, layout).await;
        let path = format!("/api/v1/subscriptions/?enterprise_customer_uuid={}", agreement.enterprise);
        let read = Read { operation: "a customer's 100 plans", client: agreement.admin, path, is_flat: false };
        costs.push(measure(&app, &read).await);
    }
    lines.push(("a customer's 100 plans", false, costs));

    let mut table = String::from("| read | 1,000 | 10,000 | as 1,000,000 |\n|---|---|---|---|\n");
    for (operation, _, costs) in &lines {
        let cells: Vec<String> = costs.iter().map(|cost| cost.cells()).collect();
        writeln!(table, "| {operation} | {} |", cells.join(" | ")).expect("text");
    }
    for (operation, _, costs) in lines.iter().filter(|(_, is_flat, _)| *is_flat) {
        let [_, second, third] = costs.as_slice() else { panic!("{costs:?}") };
        assert!(third.units <= second.units + PARTITIONS, "{operation}: {costs:?}\n{table}");
    }
    compare(MARKS, &table);
}
