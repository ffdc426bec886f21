//! Purging the personal data of licenses.

use super::*;

/// Lets the sweeper look, and what it begins end, some times.
async fn settle(app: &TestApp) {
    for _ in 0..4 {
        app.advance("PT10M").await;
    }
}

#[tokio::test]
async fn ninety_days_after_a_plans_end_its_licenses_are_revoked_and_name_no_one() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 20, &json!({ "expiration_date": "2026-12-01T00:00:00Z" })).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let eve = plan.activated(&app, "eve@example.com").await;
    plan.revoke(&["eve@example.com"]).await.expect(200);
    let revoked = plan.license(&eve.id).await["revoked_date"].clone();
    app.advance("P89D").await;
    settle(&app).await;
    assert_eq!(app.invariants().await.slots.len(), 3, "none is as old as that");
    app.advance("P9D").await;
    settle(&app).await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!((invariants.slots.len(), invariants.others.len()), (0, 3));
    for license in &invariants.others {
        assert_eq!(license.status, license_domain::LicenseStatus::Revoked);
        assert!(
            license.user_email.is_none() && license.lms_user_id.is_none() && license.source.is_none(),
            "{license:?}"
        );
        assert!(license.activation_key.is_some() && license.revoked_date.is_some(), "{license:?}");
    }
    // What was revoked long ago stays revoked since then, and no seat takes the place of the others.
    assert_eq!(plan.license(&eve.id).await["revoked_date"], revoked);
    let counts = plan.overview().await;
    // Eve's revocation had added a seat: 20, less the two that ended with the plan.
    assert_eq!((counts["revoked"], counts["unassigned"]), (3, 18));
    // Events name the two that changed their status, without an address.
    let published: Vec<Value> = events(&app, "revoked").await;
    assert_eq!(published.len(), 3, "eve's was published when it was revoked");
    assert!(published[1..].iter().all(|event| event["assigned_email"].is_null()), "{published:?}");
    // The histories name no one either.
    let trails = serde_json::to_string(
        &invariants
            .audit_trails
            .values()
            .flatten()
            .filter_map(|entry| entry.license.as_ref().and_then(|step| step.person))
            .collect::<Vec<_>>(),
    );
    assert_eq!(trails.expect("JSON"), "[]");
    // Again changes nothing.
    let before = whole_table(&app).await;
    app.advance("P3D").await;
    assert_eq!(whole_table(&app).await, before);
}

#[tokio::test]
async fn in_a_plan_that_runs_on_old_invitations_and_revocations_are_forgotten_within_a_day() {
    let app = TestApp::start().await;
    let plan = app.plan(20).await;
    let internal = app.plan_of(&plan.agreement, 20, &json!({ "for_internal_use_only": true })).await;
    for plan in [&plan, &internal] {
        plan.activated(&app, "ann@example.com").await;
        plan.assigned("bob@example.com").await;
        plan.activated(&app, "eve@example.com").await;
        plan.revoke(&["eve@example.com"]).await.expect(200);
    }
    app.advance("P60D").await;
    plan.assigned("later@example.com").await;
    app.advance("P32D").await;
    settle(&app).await;
    let invariants = app.invariants().await;
    invariants.check();
    let named = |plan: &Plan| {
        let of = invariants.slots.iter().filter(|license| license.subscription_plan == plan.uuid().into());
        let mut named: Vec<String> =
            of.map(|license| license.user_email.as_ref().expect("one").key().as_str().to_owned()).collect();
        named.sort();
        named
    };
    assert_eq!(named(&plan), ["ann@example.com", "later@example.com"]);
    assert_eq!(named(&internal), ["ann@example.com", "bob@example.com", "eve@example.com"]);
    let counts = plan.overview().await;
    assert_eq!((counts["activated"], counts["assigned"], counts["revoked"], counts["unassigned"]), (1, 1, 1, 18));
    // The seat has its next learner as if no one had held it.
    plan.assigned("bob@example.com").await;
    app.invariants().await.check();
}

#[tokio::test]
async fn a_negative_duration_purges_nothing() {
    let app = TestApp::start().await;
    let plan = app.plan_of(&app.agreement().await, 5, &json!({ "expiration_date": "2026-12-01T00:00:00Z" })).await;
    plan.activated(&app, "ann@example.com").await;
    keep_for(&app, &plan, -3 * 86_400).await;
    app.advance("P500D").await;
    settle(&app).await;
    assert_eq!(app.invariants().await.slots.len(), 1);
}
