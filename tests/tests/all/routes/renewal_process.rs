//! `provisioning-admins/subscription-plan-renewals/{renewal}/process/`.

mod turns;

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use license_domain::{License, LicenseStatus, PlanId};
use license_tests::{
    Fault, Invariants, Role, TestApp, TestResponse,
    builders::{Agreement, Held, Plan, emails, text},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;

const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";
const START: &str = "2027-12-31T00:00:00Z";
const END: &str = "2028-12-31T00:00:00Z";

/// A stored renewal.
#[derive(Clone, Debug)]
struct Renewal {
    path: String,
    prior: Plan,
}

impl Renewal {
    /// The renewal of that plan for so many licenses; `changes` are fields of the request.
    async fn of(app: &TestApp, prior: &Plan, licenses: u64, changes: Value) -> Self {
        let mut body = json!({
            "prior_subscription_plan": prior.id, "renewed_subscription_plan": null, "number_of_licenses": licenses,
            "salesforce_opportunity_id": "00k000000000000777", "effective_date": START, "renewed_expiration_date": END,
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let made = app.provisioner().post(RENEWALS, &body).await.expect(201);
        Self { path: format!("{RENEWALS}{}/", made["id"]), prior: prior.clone() }
    }

    async fn process(&self, app: &TestApp) -> TestResponse {
        app.provisioner().post(&format!("{}process/", self.path), &json!({})).await
    }

    async fn shown(&self, app: &TestApp) -> Value {
        app.provisioner().get(&self.path).await.expect(200)
    }

    /// The plan that it created or was given, after it was processed.
    fn future(&self, processed: &Value) -> Plan {
        Plan { id: text(processed, "renewed_subscription_plan"), agreement: self.prior.agreement.clone() }
    }

    /// Asserts that it is refused for that reason, and that nothing was changed.
    async fn is_refused(&self, app: &TestApp, reason: &str) {
        let before = (self.shown(app).await, app.invariants().await.items);
        let response = self.process(app).await;
        assert_eq!(response.expect(500), json!({ "error": reason }));
        let invariants = app.invariants().await;
        assert_eq!((self.shown(app).await, invariants.items), before);
        invariants.check();
        assert!(invariants.slots.iter().all(|license| license.renewed_to.is_none()));
    }
}

/// A plan with one activated, one invited and one revoked learner: ann, bob, cid.
async fn lived_in(app: &TestApp, agreement: &Agreement, seats: u64, changes: &Value) -> (Plan, [Held; 3]) {
    let plan = app.plan_of(agreement, seats, changes).await;
    let ann = plan.activated(app, "ann@example.com").await;
    let bob = plan.assigned("bob@example.com").await;
    let cid = plan.assigned("cid@example.com").await;
    plan.revoke(&["cid@example.com"]).await.expect(200);
    (plan, [ann, bob, cid])
}

fn live(invariants: &Invariants, plan: &Plan) -> BTreeMap<String, License> {
    let of = |license: &License| license.user_email.as_ref().map(|email| email.key().as_str().to_owned());
    invariants.live(plan.uuid().into()).map(|license| (of(license).expect("an address"), license.clone())).collect()
}

#[tokio::test]
async fn the_future_plan_is_created_and_licenses_are_copied() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let terms = json!({
        "title": "Acme", "enterprise_catalog_uuid": null, "is_revocation_cap_enabled": true,
        "revoke_max_percentage": 40, "for_internal_use_only": true, "can_freeze_unused_licenses": true, "product": 2,
    });
    let (prior, [ann, bob, cid]) = lived_in(&app, &agreement, 5, &terms).await;
    let renewal = Renewal::of(&app, &prior, 8, json!({})).await;
    let before = renewal.shown(&app).await;

    let processed = renewal.process(&app).await.expect(201);
    let future = renewal.future(&processed);
    let mut expected = before.clone();
    for name in ["modified", "processed", "processed_datetime", "renewed_subscription_plan"] {
        expected[name] = processed[name].clone();
    }
    expected["renewed_subscription_plan_title"] = json!("Acme - Renewal 2027");
    assert_eq!(processed, expected);
    assert_eq!(processed["processed"], true);
    assert!(processed["processed_datetime"].as_str().is_some_and(|at| at.starts_with("2026-11-23T10:46")));
    assert_eq!(renewal.shown(&app).await, processed);

    let invariants = app.invariants().await;
    invariants.check();
    let (old, new) = (&invariants.plans[&PlanId(prior.uuid())], &invariants.plans[&PlanId(future.uuid())]);
    let same = |plan: &license_domain::SubscriptionPlan| {
        let cap = (plan.is_revocation_cap_enabled, plan.revoke_max_percentage);
        (plan.enterprise_catalog_uuid, plan.product, plan.is_active, cap, plan.for_internal_use_only)
    };
    assert_eq!(same(new), same(old));
    assert_eq!((new.start_date, new.expiration_date), (START.parse().expect("a date"), END.parse().expect("a date")));
    assert_eq!(new.salesforce_opportunity_line_item.as_deref(), Some("00k000000000000777"));
    assert_eq!((new.seats.total, new.desired_num_licenses, new.num_revocations_applied), (8, Some(8), 0));
    assert_eq!(
        (new.can_freeze_unused_licenses, new.should_auto_apply_licenses),
        (false, old.should_auto_apply_licenses)
    );

    let (originals, copies) = (live(&invariants, &prior), live(&invariants, &future));
    assert_eq!(copies.keys().collect::<Vec<_>>(), ["ann@example.com", "bob@example.com"]);
    for (email, copy) in &copies {
        let original = &originals[email];
        assert_eq!(original.renewed_to, Some(copy.uuid));
        assert_eq!((copy.status, &copy.user_email), (original.status, &original.user_email));
        assert_eq!((copy.lms_user_id, copy.activation_key), (original.lms_user_id, original.activation_key));
        assert_eq!((copy.assigned_date, copy.auto_applied), (original.assigned_date, original.auto_applied));
        let start = (copy.status == LicenseStatus::Activated).then_some(new.start_date);
        assert_eq!((copy.activation_date, copy.last_remind_date, copy.revoked_date), (start, None, None));
    }
    assert_eq!(copies["ann@example.com"].status, LicenseStatus::Activated);
    // Originals keep their status, and revoked ones are not changed.
    assert_eq!(
        (prior.license(&ann.id).await["status"].clone(), ann.key),
        (json!("activated"), copies["ann@example.com"].activation_key.expect("a key").to_string())
    );
    assert_eq!(prior.license(&bob.id).await["status"], "assigned");
    assert!(invariants.slots.iter().any(|license| license.uuid.to_string() == cid.id && license.renewed_to.is_none()));

    // It is a plan like any other.
    let shown = future.admin().get(&future.path("")).await.expect(200);
    assert_eq!(
        shown["licenses"],
        json!({
            "activated": 1, "assigned": 1, "unassigned": 6, "revoked": 0, "total": 8, "allocated": 2,
        })
    );
    assert_eq!(shown["prior_renewals"][0]["prior_subscription_plan_id"], json!(prior.id));
    let of_customer = format!("/api/v1/subscriptions/?enterprise_customer_uuid={}", agreement.enterprise);
    assert_eq!(future.admin().get(&of_customer).await.expect(200)["count"], 2);
    let everything = app.client(Role::Superuser, agreement.enterprise).get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(everything["count"], 2);
    future.assign(&["dee@example.com"]).await.expect(200);
    future.revoke(&["bob@example.com"]).await.expect(200);
    app.invariants().await.check();
}

#[tokio::test]
async fn a_learner_finds_the_license_in_the_new_plan_and_the_key_still_works() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (prior, [ann, bob, _]) =
        lived_in(&app, &agreement, 5, &json!({ "expiration_date": "2026-12-31T00:00:00Z" })).await;
    let dates = json!({ "effective_date": "2027-01-01T00:00:00Z", "renewed_expiration_date": "2028-01-01T00:00:00Z" });
    let renewal = Renewal::of(&app, &prior, 5, dates).await;
    let future = renewal.future(&renewal.process(&app).await.expect(201));
    let own = async |email: &str| {
        let path = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", agreement.enterprise);
        let found = app.learner(agreement.enterprise, email).get(&path).await.expect(200);
        let plans = found["results"].as_array().expect("results").iter();
        plans.map(|license| text(&license["subscription_plan"], "uuid")).collect::<Vec<_>>()
    };
    assert_eq!(own("ann@example.com").await, [prior.id.as_str()]);
    app.advance("P60D").await;
    assert_eq!(own("ann@example.com").await, [future.id.as_str()]);
    // Both licenses have the key; the plan that is current now is the future one.
    let activated = future.activate(&app, &bob).await.expect(200);
    assert_eq!(
        (&activated["subscription_plan"]["uuid"], &activated["status"]),
        (&json!(future.id), &json!("activated"))
    );
    assert_eq!(prior.license(&bob.id).await["status"], "assigned");
    future.activate(&app, &ann).await.expect(200);
    app.invariants().await.check();
}

#[tokio::test]
async fn a_given_plan_grows_and_follows() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (prior, _) = lived_in(&app, &agreement, 5, &json!({})).await;
    let given = app.plan_of(&agreement, 3, &json!({ "title": "Next", "product": 2, "is_active": false })).await;
    let link = json!({ "renewed_subscription_plan": given.id });
    let renewal = Renewal::of(&app, &prior, 100, link).await;
    let processed = renewal.process(&app).await.expect(201);
    assert_eq!(processed["renewed_subscription_plan"], json!(given.id));
    assert_eq!(processed["renewed_subscription_plan_title"], "Next");
    let invariants = app.invariants().await;
    invariants.check();
    let plan = &invariants.plans[&PlanId(given.uuid())];
    assert_eq!((plan.start_date, plan.expiration_date), (START.parse().expect("a date"), END.parse().expect("a date")));
    assert_eq!((plan.seats.total, plan.seats.buckets, plan.desired_num_licenses), (100, 4, Some(100)));
    assert_eq!(plan.salesforce_opportunity_line_item.as_deref(), Some("00k000000000000777"));
    assert_eq!((plan.title.as_str(), plan.is_active), ("Next", false), "what was chosen for it stays");
    assert_eq!(live(&invariants, &given).len(), 2);
}

#[tokio::test]
async fn the_types_to_copy_are_copied() {
    let app = TestApp::start().await;
    for (types, wanted) in [
        ("assigned_and_activated", &["ann@example.com", "bob@example.com"][..]),
        ("activated", &["ann@example.com"]),
        ("nothing", &[]),
    ] {
        let agreement = app.agreement().await;
        let (prior, _) = lived_in(&app, &agreement, 5, &json!({})).await;
        // It is enough to have as many seats as licenses are copied.
        let seats = u64::try_from(wanted.len().max(1)).expect("few");
        let renewal = Renewal::of(&app, &prior, seats, json!({ "license_types_to_copy": types })).await;
        let future = renewal.future(&renewal.process(&app).await.expect(201));
        let invariants = app.invariants().await;
        let copies = live(&invariants, &future);
        assert_eq!(copies.keys().collect::<Vec<_>>(), wanted, "{types}");
        // The same three learners have licenses of all agreements, so only these checks can be used.
        invariants.check_counts();
        let of_future = invariants.events.iter().filter(|event| event.plan == Some(future.uuid().into()));
        assert_eq!(of_future.flat_map(|event| &event.licenses).count(), wanted.len());
    }
}

#[tokio::test]
async fn what_cannot_be_renewed_is_refused_and_nothing_is_changed() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (prior, _) = lived_in(&app, &agreement, 5, &json!({ "title": "Prior" })).await;
    let renewal = Renewal::of(&app, &prior, 1, json!({})).await;
    renewal.is_refused(&app, "Cannot renew for 1 licenses: 2 licenses would be copied.").await;

    let change =
        async |body: Value| app.provisioner().send(Method::PATCH, &renewal.path, Some(&body)).await.expect(200);
    change(json!({ "number_of_licenses": 4, "renewed_plan_title": "PRIOR " })).await;
    let taken = "Cannot renew: the customer agreement has another plan with the title \"PRIOR\".";
    renewal.is_refused(&app, taken).await;
    change(json!({ "number_of_licenses": 1_000_001 })).await;
    let too_many = "Cannot renew for 1000001 licenses: only plans for internal use may have more than 1000000.";
    renewal.is_refused(&app, too_many).await;

    let large = app.plan_of(&agreement, 6, &json!({})).await;
    change(json!({ "number_of_licenses": 4, "renewed_subscription_plan": large.id })).await;
    renewal.is_refused(&app, "Cannot renew for 4 licenses into a plan that has 6.").await;
    let in_use = "Cannot renew into a plan that has licenses other than unassigned ones.";
    let used = app.plan_of(&agreement, 2, &json!({})).await;
    change(json!({ "renewed_subscription_plan": used.id })).await;
    used.assigned("dee@example.com").await;
    renewal.is_refused(&app, in_use).await;
    used.revoke(&["dee@example.com"]).await.expect(200);
    renewal.is_refused(&app, in_use).await;

    // A refused renewal can be corrected.
    change(json!({ "renewed_subscription_plan": null, "renewed_plan_title": null })).await;
    renewal.process(&app).await.expect(201);
    app.invariants().await.check();
}

#[tokio::test]
async fn the_renewal_must_exist() {
    let app = TestApp::start().await;
    let process = async |id: &str| app.provisioner().post(&format!("{RENEWALS}{id}/process/"), &json!({})).await;
    let missing = json!({ "detail": "No SubscriptionPlanRenewal matches the given query." });
    assert_eq!(process("999999").await.expect(404), missing);
    process("x").await.expect(404);
    process(UNKNOWN).await.expect(404);
    let plan = app.plan(2).await;
    let renewal = Renewal::of(&app, &plan, 2, json!({})).await;
    let stranger = app.client(Role::Admin, plan.agreement.enterprise);
    stranger.post(&format!("{}process/", renewal.path), &json!({})).await.expect(403);
    // Without its slash, and without a body.
    let response = app.provisioner().send(Method::POST, &format!("{}process", renewal.path), None).await;
    response.expect(201);
}

#[tokio::test]
async fn auto_apply_moves_to_the_future_plan_or_ends() {
    let app = TestApp::start().await;
    for (ends, after) in [(false, true), (true, false)] {
        let agreement = app.agreement().await;
        let terms = json!({ "should_auto_apply_licenses": true });
        let prior = app.plan_of(&agreement, 5, &terms).await;
        let take = async |email: &str| {
            let path = format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id);
            app.learner(agreement.enterprise, email).post(&path, &json!({})).await
        };
        let ann = format!("ann{}@example.com", app.number());
        take(&ann).await.expect(200);
        let changes = json!({ "disable_auto_apply_licenses": ends, "effective_date": "2026-11-01T00:00:00Z" });
        let renewal = Renewal::of(&app, &prior, 5, changes).await;
        let future = renewal.future(&renewal.process(&app).await.expect(201));
        let flag = async |plan: &Plan| {
            plan.admin().get(&plan.path("")).await.expect(200)["should_auto_apply_licenses"].clone()
        };
        assert_eq!((flag(&prior).await, flag(&future).await), (json!(false), json!(after)));
        let copy = live(&app.invariants().await, &future).remove(&ann).expect("a copy");
        assert_eq!(copy.auto_applied, Some(true), "it keeps that the learner used auto-apply");
        let bob = take(&format!("bob{}@example.com", app.number())).await;
        if after {
            assert_eq!(bob.expect(200)["subscription_plan"]["uuid"], json!(future.id));
        } else {
            bob.expect(422);
        }
        app.invariants().await.check();
    }
}

#[tokio::test]
async fn a_renewal_is_processed_once() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (prior, _) = lived_in(&app, &agreement, 5, &json!({})).await;
    let renewal = Renewal::of(&app, &prior, 5, json!({})).await;
    let first = renewal.process(&app).await.expect(201);
    prior.assigned("dee@example.com").await;
    // A worker carries the assignment over.
    app.drain().await;
    let items = app.invariants().await.items;
    assert_eq!(renewal.process(&app).await.expect(200), first);
    let invariants = app.invariants().await;
    assert_eq!(invariants.items, items);
    assert_eq!(live(&invariants, &renewal.future(&first)).len(), 3);
    invariants.check();
}

#[tokio::test]
async fn plans_are_renewed_one_after_another() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (first, _) = lived_in(&app, &agreement, 5, &json!({ "title": "Acme" })).await;
    let renewal = Renewal::of(&app, &first, 5, json!({})).await;
    let second = renewal.future(&renewal.process(&app).await.expect(201));
    let dates = json!({ "effective_date": END, "renewed_expiration_date": "2029-12-31T00:00:00Z" });
    let renewal = Renewal::of(&app, &second, 5, dates).await;
    let third = renewal.future(&renewal.process(&app).await.expect(201));
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &third).len(), 2);
    let shown = third.admin().get(&third.path("")).await.expect(200);
    assert_eq!(shown["title"], "Acme - Renewal 2027 - Renewal 2028");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_process_a_renewal_one_does() {
    for (people, changes) in [(3, json!({})), (120, json!({}))] {
        let app = TestApp::start().await;
        let prior = app.plan(people + 10).await;
        let learners = emails("learner", 0..usize::try_from(people).expect("few"));
        prior.assign(&learners).await.expect(200);
        let renewal = Renewal::of(&app, &prior, people, changes).await;
        let responses = join_all((0..8).map(|_| renewal.process(&app))).await;
        let count = |status: u16| responses.iter().filter(|response| response.status.as_u16() == status).count();
        let texts: Vec<&str> = responses.iter().map(|response| response.text.as_str()).collect();
        assert_eq!((count(201), count(200)), (1, 7), "{texts:?}");
        assert!(texts.windows(2).all(|two| two[0] == two[1]), "{texts:?}");
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(invariants.plans.len(), 2);
        let future = renewal.future(&renewal.shown(&app).await);
        assert_eq!(live(&invariants, &future).len(), learners.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_copies_six_hundred_licenses() {
    let app = TestApp::start().await;
    let prior = app.plan(700).await;
    let people = emails("learner", 0..600);
    prior.assign(&people).await.expect(200);
    prior.revoke(&people[..50]).await.expect(200);
    let renewal = Renewal::of(&app, &prior, 550, json!({})).await;
    let future = renewal.future(&renewal.process(&app).await.expect(201));
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &future).into_keys().collect::<Vec<_>>(), &people[50..]);
    assert_eq!(future.overview().await.into_iter().collect::<Vec<_>>(), [("assigned".to_owned(), 550)]);
}

/// After so many transactions every call fails, as if the process had ended.
fn dies_after(app: &TestApp, transactions: usize, how: Fault) {
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        if writes > transactions { how } else { Fault::None }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_renewal_is_resumed_by_the_schedule() {
    for how in [Fault::InternalError, Fault::DropAfter] {
        let app = TestApp::proxied().await;
        let agreement = app.agreement().await;
        let prior = app.plan_of(&agreement, 300, &json!({ "title": "Acme" })).await;
        let people = emails("learner", 0..200);
        prior.assign(&people).await.expect(200);
        let renewal = Renewal::of(&app, &prior, 250, json!({})).await;
        dies_after(&app, 4, how);
        let response = renewal.process(&app).await;
        assert_eq!(response.status.as_u16(), 503, "{}", response.text);
        app.proxy().heal();

        // No reader sees the incomplete plan.
        let invariants = app.invariants().await;
        assert_eq!((invariants.internal_runs, invariants.hidden.len()), (1, 1));
        let hidden = Plan { id: invariants.hidden[0].to_string(), agreement: agreement.clone() };
        assert!((1..200).contains(&live(&invariants, &hidden).len()));
        assert_eq!(renewal.shown(&app).await["processed"], false);
        assert_eq!(hidden.admin().get(&hidden.path("")).await.status.as_u16(), 403);
        let super_user = app.client(Role::Superuser, agreement.enterprise);
        super_user.get(&hidden.path("")).await.expect(404);
        assert_eq!(super_user.get("/api/v1/subscriptions/").await.expect(200)["count"], 1);
        let copied = live(&invariants, &hidden).into_keys().next().expect("a copy");
        let lookup = json!({ "user_email": copied });
        let staff = app.client(Role::Staff, agreement.enterprise);
        let found = staff.post("/api/v1/staff_lookup_licenses/", &lookup).await.expect(200);
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", agreement.enterprise);
        assert_eq!(app.learner(agreement.enterprise, &copied).get(&own).await.expect(200)["count"], 1);
        // No request can change a renewal that is being processed, or take its title.
        let patch = json!({ "number_of_licenses": 7 });
        app.provisioner().send(Method::PATCH, &renewal.path, Some(&patch)).await.expect(422);
        app.provisioner().send(Method::DELETE, &renewal.path, None).await.expect(422);
        let mut body = app.plan_body(&agreement, 1);
        body["title"] = json!("acme - renewal 2027");
        app.provisioner().post("/api/v1/provisioning-admins/subscriptions/", &body).await.expect(400);

        app.advance("PT3M").await;
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(live(&invariants, &hidden).into_keys().collect::<Vec<_>>(), people);
        let processed = renewal.process(&app).await.expect(200);
        assert_eq!(processed["renewed_subscription_plan"], json!(hidden.id));
        assert_eq!(app.invariants().await.items, invariants.items);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_is_interrupted_anywhere_is_resumed_by_the_next_call() {
    for transactions in 0..5 {
        let app = TestApp::proxied().await;
        let agreement = app.agreement().await;
        let prior = app.plan_of(&agreement, 60, &json!({ "should_auto_apply_licenses": true })).await;
        prior.assign(&emails("learner", 0..40)).await.expect(200);
        let given = app.plan_of(&agreement, 10, &json!({})).await;
        let link = json!({ "renewed_subscription_plan": given.id });
        let renewal = Renewal::of(&app, &prior, 50, link).await;
        dies_after(&app, transactions, Fault::InternalError);
        let died = renewal.process(&app).await;
        app.proxy().heal();
        // The opening, two chunks and the closing are four.
        let expected = if transactions < 4 { (503, 201) } else { (201, 200) };
        let again = renewal.process(&app).await;
        assert_eq!((died.status.as_u16(), again.status.as_u16()), expected, "{transactions}: {}", died.text);
        let invariants = app.invariants().await;
        invariants.check();
        assert_eq!(live(&invariants, &given).len(), 40);
        let flags = [&prior, &given].map(|plan| invariants.plans[&PlanId(plan.uuid())].should_auto_apply_licenses);
        assert_eq!(flags, [Some(false), Some(true)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn learners_whose_licenses_change_meanwhile_lose_nothing() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 200, &json!({})).await;
    let people = emails("learner", 0..120);
    prior.assign(&people).await.expect(200);
    let mut held = Vec::new();
    let page = prior.admin().get(&prior.path("licenses/?page_size=500&status=assigned")).await.expect(200);
    for license in page["results"].as_array().expect("results") {
        let (id, key) = (text(license, "uuid"), text(license, "activation_key"));
        held.push(Held { id, key, email: text(license, "user_email") });
    }
    let renewal = Renewal::of(&app, &prior, 140, json!({})).await;
    let activations = join_all(held[..40].iter().map(|held| prior.activate(&app, held)));
    let revocations = join_all(held[40..60].iter().map(|held| prior.revoke(std::slice::from_ref(&held.email))));
    let newcomers = emails("newcomer", 0..10);
    let assignments = join_all(newcomers.iter().map(|email| prior.assign(std::slice::from_ref(email))));
    let (processed, activations, revocations, assignments) =
        tokio::join!(renewal.process(&app), activations, revocations, assignments);
    let future = renewal.future(&processed.expect(201));
    for response in activations.iter().chain(&revocations).chain(&assignments) {
        response.expect(200);
    }
    let invariants = app.invariants().await;
    invariants.check();
    let copies = live(&invariants, &future);
    for held in &held[60..] {
        assert_eq!(copies[&held.email].status, LicenseStatus::Assigned);
    }
    for held in &held[..40] {
        let original = live(&invariants, &prior).remove(&held.email).expect("an original");
        let copy = &copies[&held.email];
        assert_eq!((original.status, original.renewed_to), (LicenseStatus::Activated, Some(copy.uuid)));
        assert!(copy.status.is_live() && copy.activation_key == original.activation_key);
    }
    assert!(copies.len() >= 100 && copies.len() <= 130, "{}", copies.len());
}

#[tokio::test]
async fn every_license_is_copied_although_the_index_does_not_show_some() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let (prior, _) = lived_in(&app, &agreement, 5, &json!({})).await;
    let renewal = Renewal::of(&app, &prior, 5, json!({})).await;
    let lag = |mut left: i32| {
        app.proxy().inject(move |call| {
            let lags = call.is_of_index() && left > 0;
            left -= i32::from(lags);
            if lags { Fault::Unindexed } else { Fault::None }
        });
    };
    lag(1_000);
    let response = renewal.process(&app).await;
    assert!(response.header("retry-after").is_some() && response.status.as_u16() == 503, "{}", response.text);
    lag(3);
    let future = renewal.future(&renewal.process(&app).await.expect(201));
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &future).len(), 2);
}

#[tokio::test]
async fn the_licenses_at_the_time_of_copying_are_copied() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let (prior, [ann, bob, _]) = lived_in(&app, &agreement, 9, &json!({})).await;
    let dee = prior.assigned("dee@example.com").await;
    let renewal = Renewal::of(&app, &prior, 3, json!({})).await;
    dies_after(&app, 1, Fault::InternalError);
    assert_eq!(renewal.process(&app).await.status.as_u16(), 503);
    app.proxy().heal();
    let hidden = Plan { id: app.invariants().await.hidden[0].to_string(), agreement };

    prior.activate(&app, &bob).await.expect(200);
    prior.revoke(&[&dee.email]).await.expect(200);
    prior.assign(&["eve@example.com", "fay@example.com"]).await.expect(200);
    let processed = renewal.process(&app).await.expect(201);
    assert_eq!(renewal.future(&processed).id, hidden.id);
    let invariants = app.invariants().await;
    invariants.check();
    // Four learners hold a license by now, and there are three seats: one of the late ones is left out.
    let copies = live(&invariants, &hidden);
    assert_eq!((copies.len(), copies.contains_key(&dee.email)), (3, false));
    assert_eq!(copies[&bob.email].status, LicenseStatus::Activated);
    assert!(copies.contains_key(&ann.email));
    assert_eq!(hidden.overview().await.values().sum::<u64>(), 3);
}

#[tokio::test]
async fn a_copy_follows_its_learner_who_changes_address_meanwhile() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 5, &json!({})).await;
    let held = prior.activated(&app, "ann@old.example").await;
    let renewal = Renewal::of(&app, &prior, 5, json!({})).await;
    // The license is copied, and the renewal is not closed.
    dies_after(&app, 2, Fault::InternalError);
    assert_eq!(renewal.process(&app).await.status.as_u16(), 503);
    app.proxy().heal();
    let mut claims = Role::Learner.claims(agreement.enterprise, agreement.enterprise);
    claims["email"] = json!("ann@new.example");
    claims["user_id"] = json!(license_tests::app::lms_user_id("ann@old.example"));
    let path =
        format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}&current_plans_only=false", agreement.enterprise);
    let learner = app.client_with(claims);
    assert_eq!(learner.get(&path).await.expect(200)["results"][0]["uuid"], json!(held.id));
    let future = renewal.future(&renewal.process(&app).await.expect(201));
    assert_eq!(learner.get(&path).await.expect(200)["count"], 2);
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &future).into_keys().collect::<Vec<_>>(), ["ann@new.example"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_faults_of_all_kinds_every_license_is_copied_once() {
    for seed in [1, 2, 3] {
        let app = TestApp::proxied().await;
        let agreement = app.agreement().await;
        let prior = app.plan_of(&agreement, 120, &json!({ "should_auto_apply_licenses": true })).await;
        let people = emails("learner", 0..100);
        prior.assign(&people).await.expect(200);
        let renewal = Renewal::of(&app, &prior, 100, json!({})).await;
        let mut random = StdRng::seed_from_u64(seed);
        app.proxy().inject(move |call| match random.random_range(0..40) {
            0..=3 if call.is_of_index() => Fault::Unindexed,
            _ if !call.is_write() => Fault::None,
            0 | 1 => Fault::DropAfter,
            2 | 3 => Fault::DropBefore,
            4 | 5 => Fault::InternalError,
            6..=12 => Fault::Conflict,
            _ => Fault::None,
        });
        let responses = join_all((0..4).map(|_| renewal.process(&app))).await;
        for response in &responses {
            assert!([200, 201, 503].contains(&response.status.as_u16()), "{}: {}", response.status, response.text);
        }
        assert!(responses.iter().filter(|response| response.status.as_u16() == 201).count() <= 1);
        app.proxy().heal();
        app.advance("PT3M").await;
        let invariants = app.invariants().await;
        let processed = renewal.process(&app).await;
        assert!([200, 201].contains(&processed.status.as_u16()), "{}", processed.text);
        let invariants = if processed.status.as_u16() == 201 { app.invariants().await } else { invariants };
        invariants.check();
        assert_eq!(invariants.plans.len(), 2);
        let future = renewal.future(&processed.json());
        assert_eq!(live(&invariants, &future).into_keys().collect::<Vec<_>>(), people);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_call_copies_nothing_more() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let (prior, _) = lived_in(&app, &agreement, 5, &json!({})).await;
    let renewal = Renewal::of(&app, &prior, 5, json!({})).await;
    // The copies of the first call, which has opened the run, are delayed; the second call copies and closes.
    let mut writes = 0;
    app.proxy().inject(move |call| {
        writes += usize::from(call.operation == "TransactWriteItems");
        let is_late = writes == 2 && call.operation == "TransactWriteItems";
        if is_late { Fault::Delay(Duration::from_secs(2)) } else { Fault::None }
    });
    let second = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        renewal.process(&app).await
    };
    let (first, second) = tokio::join!(renewal.process(&app), second);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 201), "{}", first.text);
    assert_eq!(first.json(), second.json());
    app.proxy().heal();
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!(live(&invariants, &renewal.future(&first.json())).len(), 2);
}
