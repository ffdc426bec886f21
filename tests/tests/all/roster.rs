//! Rosters of larger plans: a read from one gives what the index shows, however the roster was made and whatever has
//! changed since.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use chrono::TimeDelta;
use license_domain::{
    Clock, EmailAddress, License, LicenseFilter, LicenseStatus, OrderBy, OrderField, PlanId, SubscriptionPlan,
    Timestamp,
};
use license_storage::{
    DueRoster, LicenseQuery, Licenses, Objects, Portfolios, Purge, RosterMarks, RosterOutcome, RosterUpdate, Rosters,
    StoreError,
};
use license_storage_dynamodb::{
    Store,
    testing::{check_roster, keys, objects_of, table_of},
};
use license_tests::{
    Role, TestApp,
    app::stamp,
    builders::{Plan, emails},
    large_plan::address,
};
use serde_json::json;

const LEARNERS: u64 = 2_300;

/// A plan with a roster, and the store that reads it.
struct Rostered {
    app: TestApp,
    plan: Plan,
    store: Arc<Store>,
}

impl Rostered {
    async fn start() -> Self {
        Self::start_with(LEARNERS, 200).await
    }

    async fn start_with(learners: u64, free: u64) -> Self {
        let app = TestApp::start().await;
        let plan = app.plan_with_learners(learners, free).await;
        let parts = app.running().parts(function_sweeper::SETTINGS);
        let store = parts.store_with_rosters().expect("the runner has a bucket");
        Self { app, plan, store }
    }

    async fn plan(&self) -> SubscriptionPlan {
        let id = PlanId(self.plan.uuid());
        let portfolio = self.store.portfolio_of_plan(id).await.expect("the table responds").expect("it is there");
        portfolio.plan(id).expect("it is there").clone()
    }

    /// A store with its own cache, whose clock is ahead of the app's.
    fn ahead_by(&self, time: TimeDelta, objects: Arc<dyn Objects>) -> Store {
        let table = table_of(&self.store);
        let clock = Ahead(self.app.running().clock().clone(), time);
        let store = Store::new(table.client().clone(), table.name(), Arc::new(clock), self.store.random().clone());
        store.with_rosters(objects)
    }

    /// The position of the roster's head among the due ones, whenever it is due.
    async fn due(&self) -> DueRoster {
        let plan = PlanId(self.plan.uuid());
        let head = table_of(&self.store).get(&keys::roster(plan)).await.expect("the table responds").expect("a head");
        let (plan, place) = keys::due_roster_in(&head).expect("it is due");
        DueRoster { plan, place }
    }

    async fn update(&self) -> RosterOutcome {
        self.store.update_roster(&self.due().await).await.expect("the table responds")
    }

    /// The time up to which the roster is complete.
    async fn complete_to(&self) -> Option<String> {
        let key = keys::roster(PlanId(self.plan.uuid()));
        let head = table_of(&self.store).get(&key).await.expect("the table responds")?;
        Some(head.get("complete_to")?.as_s().expect("a text").clone())
    }

    /// Checks that the roster has the rows of the index; returns how many.
    async fn check(&self) -> u64 {
        let found = check_roster(&self.store, &self.plan().await).await.expect("it is read");
        let (rows, different) = found.expect("there is a roster");
        assert_eq!(different, 0, "of {rows} rows");
        rows
    }

    /// Changes of every kind.
    async fn change_a_bit(&self, name: &str) {
        let (app, plan) = (&self.app, &self.plan);
        plan.assign(&emails(name, 0..12)).await.expect(200);
        plan.revoke(&emails(name, 0..3)).await.expect(200);
        plan.assign(&emails(name, 0..1)).await.expect(200);
        plan.activated(app, &format!("{name}-activated@example.com")).await;
        let reminded = json!({ "user_emails": emails(name, 3..6) });
        plan.admin().post(&plan.path("licenses/remind/"), &reminded).await;
        let moved = plan.activated(app, &format!("{name}-before@example.com")).await;
        plan.revoke(&[moved.email]).await.expect(200);
        // An imported learner, whose row is in a block.
        plan.revoke(&[address(1, LEARNERS), address(if name == "first" { 2 } else { 4 }, LEARNERS)]).await;
        app.drain().await;
    }
}

fn queries() -> Vec<LicenseQuery> {
    let by = |field, descending| OrderBy { field, descending };
    let orders = [
        vec![by(OrderField::UserEmail, true)],
        vec![by(OrderField::ActivationDate, true), by(OrderField::UserEmail, false)],
        vec![by(OrderField::Status, true), by(OrderField::LastRemindDate, false)],
        vec![by(OrderField::LastRemindDate, true)],
    ];
    let filters = [
        LicenseFilter::default(),
        LicenseFilter {
            statuses: Some(vec![LicenseStatus::Revoked, LicenseStatus::Assigned]),
            ..LicenseFilter::default()
        },
        LicenseFilter { search: vec!["er0012".to_owned()], ..LicenseFilter::default() },
        LicenseFilter { ignore_null_emails: true, ..LicenseFilter::default() },
    ];
    let windows = [(0, 20), (777, 50), (LEARNERS - 30, 100), (LEARNERS + 150, 100)];
    let mut queries = Vec::new();
    let mut add = |filter: &LicenseFilter, order: &[OrderBy], (offset, limit): (u64, usize)| {
        let (filter, order) = (filter.clone(), order.to_vec());
        queries.push(LicenseQuery { filter, order, offset, limit, ..LicenseQuery::default() });
    };
    for filter in &filters {
        for window in &windows {
            add(filter, &[], *window);
        }
    }
    // The index reads and sorts everything for each of these.
    for order in &orders {
        add(&filters[0], order, windows[1]);
        add(&filters[0], order, windows[3]);
        add(&filters[2], order, windows[0]);
    }
    queries
}

/// Checks that both give the same results for every query.
async fn compare(rostered: &Rostered) {
    let plan = rostered.plan().await;
    let index = rostered.app.running().store();
    for query in queries() {
        let (counts, rows) = rostered.store.count_and_list(&plan, &query).await.expect("it is read");
        assert_eq!(rows, index.list(&plan, &query).await.expect("it is read"), "{query:?}");
        assert_eq!(counts, index.count(&plan, &query.filter).await.expect("it is read"), "{query:?}");
        assert_eq!(rows, rostered.store.list(&plan, &query).await.expect("it is read"), "{query:?}");
        // The rows after a cursor.
        if query.order.is_empty() && query.filter.search.is_empty() && !rows.is_empty() {
            let after = Some(index.position_behind(rows.last().expect("a row")));
            let next = LicenseQuery { after, offset: 0, ..query.clone() };
            let rows = rostered.store.list(&plan, &next).await.expect("it is read");
            assert_eq!(rows, index.list(&plan, &next).await.expect("it is read"), "{next:?}");
        }
    }
}

#[tokio::test]
async fn a_roster_gives_the_results_of_the_index() {
    let rostered = Rostered::start().await;
    assert_eq!(check_roster(&rostered.store, &rostered.plan().await).await, Ok(None), "none is made yet");
    rostered.app.advance("PT5M").await;
    assert_eq!(rostered.check().await, LEARNERS, "the sweeper has made it");

    rostered.change_a_bit("first").await;
    assert!(rostered.check().await > LEARNERS);
    compare(&rostered).await;

    // The blocks get the changes; the results stay.
    let before = rostered.complete_to().await.expect("a roster");
    rostered.store.mark(&rostered.plan().await, RosterUpdate::Soon).await.expect("marked");
    rostered.app.advance("PT5M").await;
    rostered.app.advance("PT1M").await;
    assert!(rostered.complete_to().await.expect("a roster") > before);
    rostered.check().await;
    rostered.change_a_bit("second").await;
    rostered.check().await;
    compare(&rostered).await;

    // A page over HTTP is the same, too.
    let page = rostered.plan.admin().get(&rostered.plan.path("licenses/?page=3&page_size=100")).await.expect(200);
    let plan = rostered.plan().await;
    let query = LicenseQuery { offset: 200, limit: 100, ..LicenseQuery::default() };
    let rows = rostered.app.running().store().list(&plan, &query).await.expect("it is read");
    let ids: Vec<String> = rows.iter().map(|row| row.uuid.to_string()).collect();
    let listed: Vec<&str> =
        page["results"].as_array().expect("rows").iter().filter_map(|row| row["uuid"].as_str()).collect();
    assert_eq!(listed, ids);
    rostered.app.invariants().await.check_counts();
}

#[tokio::test]
async fn a_roster_is_made_while_licenses_change() {
    let rostered = Rostered::start().await;
    let writers = async {
        let writes = (0..4_usize).map(|n| {
            let plan = &rostered.plan;
            async move {
                for round in 0..5 {
                    let people = emails(&format!("writer{n}-{round}-"), 0..5);
                    plan.assign(&people).await.expect(200);
                    plan.revoke(&people[..2]).await.expect(200);
                    let first = u64::try_from(n * 40 + round * 8).expect("few");
                    let known: Vec<String> = (first..first + 4).map(|learner| address(learner, LEARNERS)).collect();
                    plan.revoke(&known).await;
                }
            }
        });
        futures::future::join_all(writes).await;
    };
    let (outcome, ()) = tokio::join!(rostered.update(), writers);
    assert_eq!(outcome, RosterOutcome::Built);
    rostered.check().await;
    compare(&rostered).await;
    rostered.app.invariants().await.check_counts();
}

#[tokio::test]
async fn a_crash_at_any_object_leaves_the_roster_before() {
    let rostered = Rostered::start().await;
    assert_eq!(rostered.update().await, RosterOutcome::Built);
    rostered.change_a_bit("first").await;
    let objects = objects_of(&rostered.store).expect("a store with rosters");
    // The app's own sweeper is minutes behind.
    let marks = rostered.ahead_by(TimeDelta::seconds(210), objects.clone());
    marks.mark(&rostered.plan().await, RosterUpdate::Soon).await.expect("marked");
    for puts in 0.. {
        let failing = Failing { objects: objects.clone(), left: AtomicI64::new(puts) };
        let store = rostered.ahead_by(TimeDelta::minutes(7), Arc::new(failing));
        match store.update_roster(&rostered.due().await).await {
            Err(_) => {
                rostered.check().await;
            }
            Ok(outcome) => {
                assert_eq!(outcome, RosterOutcome::Compacted);
                assert!(puts > 0, "a compaction puts something");
                break;
            }
        }
    }
    rostered.check().await;
    // What the crashes left is deleted when no reader can have an older manifest.
    rostered.app.advance("PT11M").await;
    rostered.app.advance("PT11M").await;
    let left = objects.list(&format!("rosters/{}/", rostered.plan.id)).await.expect("listed");
    assert!(left.len() <= 3, "{left:?}");
    rostered.check().await;
}

#[tokio::test]
async fn with_a_missing_object_the_index_is_read_and_the_roster_is_built_again() {
    let rostered = Rostered::start().await;
    assert_eq!(rostered.update().await, RosterOutcome::Built);
    let objects = objects_of(&rostered.store).expect("a store with rosters");
    for name in objects.list("rosters/").await.expect("listed") {
        objects.delete(&name).await.expect("deleted");
    }
    let plan = rostered.plan().await;
    let forgetful = rostered.ahead_by(TimeDelta::zero(), objects);
    for query in queries().iter().take(8) {
        let rows = forgetful.list(&plan, query).await.expect("it is read");
        assert_eq!(rows, rostered.app.running().store().list(&plan, query).await.expect("it is read"), "{query:?}");
    }
    assert!(check_roster(&forgetful, &plan).await.is_err(), "there is nothing to read but the index");
    rostered.store.mark(&plan, RosterUpdate::Soon).await.expect("marked");
    for _ in 0..4 {
        rostered.app.advance("PT11M").await;
    }
    rostered.check().await;
}

#[tokio::test]
async fn a_retired_learner_is_in_no_object() {
    let rostered = Rostered::start().await;
    assert_eq!(rostered.update().await, RosterOutcome::Built);
    let objects = objects_of(&rostered.store).expect("a store with rosters");
    let before = objects.list("rosters/").await.expect("listed");
    // The import's third learner, who has activated a license.
    let worker = rostered.app.client(Role::RetirementWorker, rostered.plan.agreement.enterprise);
    let learner = json!({ "lms_user_id": 3, "original_username": "learner" });
    assert_eq!(worker.post("/api/v1/retire_user/", &learner).await.status.as_u16(), 204);
    rostered.app.drain().await;
    rostered.check().await;
    rostered.app.advance("PT4M").await;
    let after = objects.list("rosters/").await.expect("listed");
    assert!(before.iter().any(|name| !after.contains(name)), "the block that had the learner is deleted");
    assert_eq!(rostered.check().await, LEARNERS - 1);
}

#[tokio::test]
async fn learners_whose_data_is_purged_are_in_no_object() {
    let rostered = Rostered::start().await;
    assert_eq!(rostered.update().await, RosterOutcome::Built);
    let objects = objects_of(&rostered.store).expect("a store with rosters");
    let before = objects.list("rosters/").await.expect("listed");
    // Thirty seats are free again, ten revoked licenses name no one.
    let plan = rostered.plan().await;
    let mut wanted = Vec::new();
    for (status, limit) in [(LicenseStatus::Assigned, 30), (LicenseStatus::Revoked, 10)] {
        let filter = LicenseFilter { statuses: Some(vec![status]), ..LicenseFilter::default() };
        let query = LicenseQuery { filter, limit, ..LicenseQuery::default() };
        let page = rostered.store.list(&plan, &query).await.expect("the table responds");
        let key = |license: &License| license.user_email.as_ref().expect("a learner").key();
        wanted.extend(page.iter().map(|license| (key(license), license.uuid)));
    }
    let portfolio = rostered.store.portfolio_of_plan(plan.uuid).await.expect("the table responds");
    let mut portfolio = portfolio.expect("its agreement");
    portfolio.agreement.license_duration_before_purge_seconds = 0;
    let change = stamp(rostered.app.now()).into();
    assert_eq!(rostered.store.purge(&portfolio, &plan, &wanted, &change).await.expect("purged"), 40);
    rostered.app.drain().await;
    assert_eq!(rostered.check().await, LEARNERS - 30);
    rostered.app.advance("PT4M").await;
    let after = objects.list("rosters/").await.expect("listed");
    assert!(before.iter().any(|name| !after.contains(name)), "the block that had the learners is deleted");
    assert_eq!(rostered.check().await, LEARNERS - 30);
    rostered.app.invariants().await.check_counts();
}

/// The page of free seats at each of some offsets, which must be that of the index.
async fn compare_free_seats(rostered: &Rostered) {
    let plan = rostered.plan().await;
    let filter = LicenseFilter { statuses: Some(vec![LicenseStatus::Unassigned]), ..LicenseFilter::default() };
    let index = rostered.app.running().store();
    let all = LicenseQuery { filter: filter.clone(), limit: 10_000, ..LicenseQuery::default() };
    let all = index.list(&plan, &all).await.expect("it is read");
    for offset in (0..all.len() + 100).step_by(97) {
        let query = LicenseQuery { filter: filter.clone(), limit: 40, ..LicenseQuery::default() };
        let query = LicenseQuery { offset: u64::try_from(offset).expect("few"), ..query };
        let rows = rostered.store.list(&plan, &query).await.expect("it is read");
        assert_eq!(rows, all[offset.min(all.len())..(offset + 40).min(all.len())], "{offset} of {}", all.len());
    }
}

#[tokio::test]
async fn pages_of_imported_free_seats_are_those_of_the_index_whatever_changes() {
    let rostered = Rostered::start_with(10, 2_500).await;
    rostered.app.advance("PT5M").await;
    assert!(rostered.complete_to().await.is_some(), "free seats with items are reason enough for a roster");
    compare_free_seats(&rostered).await;

    // Seats are taken, and some return.
    let people = emails("taker", 0..60);
    rostered.plan.assign(&people).await.expect(200);
    rostered.app.drain().await;
    compare_free_seats(&rostered).await;
    let plan = rostered.plan().await;
    let keys: Vec<_> = people[..20].iter().map(|name| EmailAddress::parse(name).expect("an address").key()).collect();
    let filter = LicenseFilter { search: vec!["taker".to_owned()], ..LicenseFilter::default() };
    let query = LicenseQuery { filter, limit: 100, ..LicenseQuery::default() };
    let held = rostered.store.list(&plan, &query).await.expect("it is read");
    let key = |license: &License| license.user_email.as_ref().expect("a learner").key();
    let purged: Vec<_> =
        held.iter().map(|license| (key(license), license.uuid)).filter(|(key, _)| keys.contains(key)).collect();
    assert_eq!(purged.len(), 20);
    let portfolio = rostered.store.portfolio_of_plan(plan.uuid).await.expect("the table responds");
    let mut portfolio = portfolio.expect("its agreement");
    portfolio.agreement.license_duration_before_purge_seconds = 0;
    let change = stamp(rostered.app.now()).into();
    assert_eq!(rostered.store.purge(&portfolio, &plan, &purged, &change).await.expect("purged"), 20);
    rostered.app.drain().await;
    compare_free_seats(&rostered).await;

    // The next roster has the marks of these changes.
    let before = rostered.complete_to().await.expect("a roster");
    rostered.store.mark(&plan, RosterUpdate::Soon).await.expect("marked");
    rostered.app.advance("PT5M").await;
    rostered.app.advance("PT1M").await;
    assert!(rostered.complete_to().await.expect("a roster") > before);
    compare_free_seats(&rostered).await;

    // A revoked license is followed by a seat without an item.
    rostered.plan.revoke(&people[30..33]).await.expect(200);
    rostered.app.drain().await;
    compare_free_seats(&rostered).await;
    rostered.app.invariants().await.check_counts();
}

/// A clock that is ahead of another one.
struct Ahead(Arc<dyn Clock>, TimeDelta);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now() + self.1
    }
}

/// A store of objects that fails after so many puts.
struct Failing {
    objects: Arc<dyn Objects>,
    left: AtomicI64,
}

#[async_trait]
impl Objects for Failing {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.objects.get(name).await
    }

    async fn put(&self, name: &str, object: Vec<u8>) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(StoreError::Unavailable { operation: "put", cause: "a test".to_owned() });
        }
        self.objects.put(name, object).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.objects.delete(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.objects.list(prefix).await
    }
}
