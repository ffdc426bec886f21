//! Ten years of a customer by the clock: plans are renewed, grow, end and are purged, without an operator's hand but for the
//! renewals that are agreed upon. At each step the state, the mails, the events, and what each learner can do.

use license_tests::{
    TestApp,
    builders::{Agreement, Held, Plan, emails, text},
};
use serde_json::{Value, json};

const LINE_ITEM: &str = "00k000000000000777";

/// A plan that lasts the year from the first of January.
async fn year(app: &TestApp, agreement: &Agreement, (title, from, seats): (&str, i32, u64)) -> Plan {
    let terms = json!({
        "title": format!("{title} {from}"), "start_date": format!("{from}-01-01T00:00:00Z"),
        "expiration_date": format!("{}-01-01T00:00:00Z", from + 1),
    });
    app.plan_of(agreement, seats, &terms).await
}

/// Agrees that a plan is renewed for the year that begins when it ends.
async fn renew(app: &TestApp, plan: &Plan, year: i32, seats: u64) {
    let body = json!({
        "prior_subscription_plan": plan.id, "renewed_subscription_plan": null, "number_of_licenses": seats,
        "salesforce_opportunity_id": LINE_ITEM, "effective_date": format!("{year}-01-01T00:00:00Z"),
        "renewed_expiration_date": format!("{}-01-01T00:00:00Z", year + 1),
        "renewed_plan_title": format!("Main {year}"),
    });
    app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await.expect(201);
}

/// Moves the clock to a time of day in that year, and lets everything that was due end.
async fn until(app: &TestApp, day: &str) {
    let at: license_domain::Timestamp = format!("{day}T03:00:00Z").parse().expect("a time");
    app.advance(&format!("PT{}S", (at - app.now()).num_seconds())).await;
    app.drain().await;
}

/// The plan of that title, as the customer's admin sees it.
async fn plan_of_title(agreement: &Agreement, title: &str) -> Option<Value> {
    let path = format!(
        "/api/v1/subscriptions/?enterprise_customer_uuid={}&include_inactive=true&page_size=100",
        agreement.enterprise
    );
    let plans = agreement.admin.get(&path).await.expect(200);
    plans["results"].as_array().expect("plans").iter().find(|plan| plan["title"] == title).cloned()
}

/// The licenses by which a learner can study now: of current plans and activated.
async fn usable(app: &TestApp, agreement: &Agreement, email: &str) -> Vec<Value> {
    let learner = app.learner(agreement.enterprise, email);
    let path = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", agreement.enterprise);
    let licenses = learner.get(&path).await.expect(200);
    let all = licenses["results"].as_array().expect("licenses").iter();
    all.filter(|license| license["status"] == "activated").cloned().collect()
}

/// How many lifecycle events of that name are about a license of the learner, and in which plan the last one is.
async fn events(app: &TestApp, name: &str, email: &str) -> (usize, Option<String>) {
    let name = format!("edx.server.license-manager.license-lifecycle.{name}");
    let events = app.anonymous().get(&format!("/_local/events?type={name}")).await.expect(200);
    let events = events.as_array().expect("events").iter().map(|event| &event["detail"]);
    let of: Vec<&Value> = events.filter(|detail| detail["assigned_email"] == email).collect();
    (of.len(), of.last().map(|detail| text(detail, "subscription_plan_uuid")))
}

#[tokio::test]
async fn a_customer_lives_ten_years_by_the_clock() {
    const YEARS: std::ops::Range<i32> = 2027..2037;
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    // The tests' clock begins late in 2026; the plans with it.
    let main =
        app.plan_of(&agreement, 20, &json!({ "title": "Main 2026", "expiration_date": "2027-01-01T00:00:00Z" })).await;
    let side = year(&app, &agreement, ("Side", 2028, 5)).await;
    let ann = main.activated(&app, "ann@example.com").await;
    main.assign(&emails("waits", 0..2)).await.expect(200);
    main.revoke(&["waits00001@example.com"]).await.expect(200);
    let mut last = main.clone();
    let mut seats = 20;
    let mut learners: Vec<Held> = vec![ann];
    for year in YEARS {
        // Autumn: the renewal is agreed upon. The customer grows by a seat each year.
        until(&app, &format!("{}-11-30", year - 1)).await;
        seats += 1;
        renew(&app, &last, year, seats).await;
        // Each learner who studied until now still can, and the plan is not renewed early.
        for held in &learners {
            assert_eq!(usable(&app, &agreement, &held.email).await.len(), 1, "{} in {year}", held.email);
        }
        let title = format!("Main {year}");
        assert!(plan_of_title(&agreement, &title).await.is_none(), "renewed early in {year}");
        // New Year: exactly one usable license each, in the new plan.
        until(&app, &format!("{year}-01-02")).await;
        let renewed = plan_of_title(&agreement, &title).await.unwrap_or_else(|| panic!("no plan of {year}"));
        assert_eq!(renewed["licenses"]["total"], seats, "{renewed}");
        assert_eq!(renewed["licenses"]["activated"], learners.len(), "{renewed}");
        let plan = Plan { id: text(&renewed, "uuid"), agreement: agreement.clone() };
        for held in &learners {
            let licenses = usable(&app, &agreement, &held.email).await;
            assert_eq!(licenses.len(), 1, "{} in {year}: {licenses:?}", held.email);
            assert_eq!(licenses[0]["subscription_plan_uuid"], plan.id.as_str(), "{year}");
        }
        // A learner joins each spring.
        until(&app, &format!("{year}-03-15")).await;
        learners.push(plan.activated(&app, &format!("joins{year}@example.com")).await);
        app.invariants().await.check_counts();
        last = plan;
    }
    // No renewal is agreed upon any more: the last plan ends, and with it what each learner could do.
    for held in &learners {
        assert_eq!(events(&app, "expired", &held.email).await.0, 0, "{} was renewed each time", held.email);
    }
    until(&app, "2037-01-03").await;
    for held in &learners {
        assert_eq!(usable(&app, &agreement, &held.email).await.len(), 0, "{}", held.email);
    }
    let ended = last.admin().get(&last.path("?include_inactive=true")).await.expect(200);
    assert_eq!(ended["is_current"], false, "{ended}");
    // Each learner is informed once, with the license of the last plan. The first one was renewed ten times.
    for held in &learners {
        assert_eq!(events(&app, "expired", &held.email).await, (1, Some(last.id.clone())), "{}", held.email);
    }
    // A license that was never activated became free again 90 days after it was assigned, so that nothing expired.
    assert_eq!(events(&app, "expired", "waits00000@example.com").await, (0, None));
    assert_eq!(events(&app, "renewed", "ann@example.com").await.0, 10);
    // The side plan has lived and ended unused.
    let counts = side.admin().get(&side.path("")).await.expect(200)["licenses"].clone();
    assert_eq!((&counts["total"], &counts["unassigned"]), (&json!(5), &json!(5)));
    // Half a year later no license names anyone.
    until(&app, "2037-07-01").await;
    let listed = last.admin().get(&last.path("licenses/?page_size=100")).await.expect(200);
    let licenses = listed["results"].as_array().expect("licenses");
    assert!(licenses.iter().all(|license| license["user_email"].is_null()), "{listed}");
    app.invariants().await.check_counts();
    crate::lmctl::check(&app).await;
    // Nothing was left undone.
    let queues = app.anonymous().get("/_local/queues").await.expect(200);
    let dead = queues.as_object().expect("queues").values().filter(|queue| queue["dead"] != 0).count();
    assert_eq!(dead, 0, "{queues}");
    // Each learner was welcomed once, when they activated their license: no renewal invites anyone anew.
    let mails = app.anonymous().get("/_local/mail").await.expect(200);
    let mails = mails.as_array().expect("mails");
    for held in &learners {
        let welcomes = mails
            .iter()
            .filter(|mail| mail["to"] == held.email.as_str() && mail["campaign"] == "activation-email-campaign");
        assert_eq!(welcomes.count(), 1, "{}", held.email);
    }
    assert!(mails.iter().all(|mail| mail["to"] != "waits00001@example.com"), "the license was revoked unannounced");
    // Each plan has the history of its life.
    let history = last.admin().get(&last.path("history/?kind=plan-updated")).await.expect(200);
    let changes = history["results"].as_array().expect("entries").iter();
    assert!(changes.clone().any(|entry| !entry["changes"]["expiration_processed"].is_null()), "{history}");
}
