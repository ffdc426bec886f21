//! The table fails at random during requests, the relay, mails and jobs. When it works again, everything finishes as if
//! nothing had failed.
//!
//! Three seeds at the same time, each with an app of its own. `STORM_SEED` repeats one, `STORM_ROUNDS` makes it longer.

use std::{collections::BTreeSet, time::Duration};

use license_tests::{
    Fault, TestApp,
    builders::{emails, text},
    consequences::Outside,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The seed that this variable names, or three.
pub fn seeds(name: &str) -> Vec<u64> {
    let named = std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
    named.map_or_else(|| vec![20_261_124, 20_261_125, 20_261_126], |seed| vec![seed])
}

#[tokio::test]
async fn a_table_that_fails_at_random_loses_and_repeats_nothing() {
    // A storm mostly waits for calls that are repeated later.
    futures::future::join_all(seeds("STORM_SEED").into_iter().map(storm)).await;
}

async fn storm(seed: u64) {
    println!("seed {seed}");
    let app = TestApp::proxied_throughout().await;
    let plan = app.plan(5_000).await;
    let hooks = format!("/api/v1/customer-agreements/{}/webhooks/", plan.agreement.id);
    let url = text(&app.anonymous().get("/_local/webhooks").await.expect(200), "url");
    plan.admin().post(&hooks, &json!({ "url": format!("{url}storm") })).await.expect(201);
    let since = app.now();
    let mut random = StdRng::seed_from_u64(seed);
    app.proxy().inject(move |_| match random.random_range(0..100) {
        0..4 => Fault::Conflict,
        4..7 => Fault::Throttle,
        7..9 => Fault::InternalError,
        9..11 => Fault::DropBefore,
        11..14 => Fault::DropAfter,
        14..20 => Fault::Delay(Duration::from_millis(20)),
        _ => Fault::None,
    });
    let mut job = None;
    for round in 0..setting("STORM_ROUNDS", 2) {
        let from = usize::try_from(round).expect("a number") * 60;
        let learners = emails("ann", from..from + 60);
        // Requests that failed are repeated: no learner is invited twice.
        for _ in 0..5 {
            let request = json!({ "user_emails": learners });
            let response = plan.admin().post(&plan.path("licenses/assign/"), &request).await;
            if response.status.is_success() {
                break;
            }
            assert!([500, 502, 503].contains(&response.status.as_u16()), "{}", response.text);
        }
        let request = json!({
            "kind": "assign", "subscription_plan": plan.id,
            "params": { "user_emails": emails(&format!("bob{round}-"), 0..200) },
        });
        let asked = plan.admin().post("/api/v1/jobs/", &request).await;
        if asked.status.is_success() {
            job = Some(text(&asked.json(), "id"));
        }
        plan.revoke(&learners[..5]).await;
        // More learners than one transaction can hold: each request is a run.
        let many = emails(&format!("eve{round}-"), 0..130);
        plan.assign(&many).await;
        plan.admin().post(&plan.path("licenses/remind/"), &json!({ "user_emails": many })).await;
        plan.revoke(&many[..120]).await;
    }
    // The table still fails while consequences are carried out.
    app.running().drain().await;
    app.proxy().heal();
    for _ in 0..12 {
        app.advance("PT30M").await;
    }
    app.drain().await;
    let invariants = app.invariants().await;
    let found = Outside::of(&app.anonymous()).await.check(&invariants);
    assert!(found.wanted > 100 && found.mails > 100, "seed {seed}: {found:?}");
    // The customer's own system got all events.
    let received = app.anonymous().get("/_local/webhooks").await.expect(200);
    let received: BTreeSet<String> =
        received["received"].as_array().expect("a list").iter().map(|received| text(received, "id")).collect();
    let missed =
        invariants.events.iter().filter(|event| event.stamp.at > since && !received.contains(&event.id.to_string()));
    assert_eq!(missed.map(|event| (event.kind, event.id)).next(), None, "seed {seed}");
    if let Some(id) = job {
        let job = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
        assert!(["done", "failed"].contains(&job["state"].as_str().unwrap_or_default()), "{job}");
    }
}
