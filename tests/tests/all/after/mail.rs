//! Mails: one for each cause and person, whatever fails.

use license_domain::DeliveryState;
use license_tests::{
    Role, TestApp,
    app::options,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

use super::{dead, fault, mails, recipients};

const ASSIGNMENT: &str = "assignment-email-campaign";

/// Assigns, with mails to the learners.
async fn invite(plan: &Plan, emails: &[String]) {
    let body = json!({ "user_emails": emails, "greeting": "Dear all", "closing": "Yours" });
    plan.admin().post(&plan.path("licenses/assign/"), &body).await.expect(200);
}

#[tokio::test]
async fn learners_are_linked_and_invited_fifty_at_a_time() {
    let app = TestApp::start().await;
    let plan = app.plan(200).await;
    let learners = emails("ann", 0..120);
    invite(&plan, &learners).await;
    app.drain().await;
    assert_eq!(recipients(&app, ASSIGNMENT).await, learners);

    let first = mails(&app).await.into_iter().find(|mail| mail["to"] == json!(learners[0])).expect("a mail");
    let said = &first["trigger_properties"];
    let license = plan.admin().get(&plan.path("licenses/?search=ann00000")).await.expect(200);
    assert_eq!(said["license_activation_key"], license["results"][0]["activation_key"]);
    assert_eq!((&said["TEMPLATE_GREETING"], &said["TEMPLATE_CLOSING"]), (&json!("Dear all"), &json!("Yours")));
    for name in
        ["enterprise_customer_slug", "enterprise_customer_name", "enterprise_sender_alias", "enterprise_contact_email"]
    {
        assert!(said.get(name).is_some(), "{name}");
    }

    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let sizes = |path: &str, list: &str| {
        let of = calls.as_array().expect("calls").iter().filter(|call| call["path"] == json!(path));
        let mut sizes: Vec<usize> =
            of.map(|call| call["body"].pointer(list).and_then(Value::as_array).map_or(0, Vec::len)).collect();
        sizes.sort_unstable();
        sizes
    };
    let linked = sizes("/enterprise/api/v1/pending-enterprise-learner/", "");
    assert_eq!(linked.iter().sum::<usize>(), 120);
    assert!(sizes("/campaigns/trigger/send", "/recipients").iter().all(|size| *size <= 50));
    let states: Vec<DeliveryState> = app.invariants().await.deliveries.iter().map(|mail| mail.state).collect();
    assert!(states.iter().all(|state| *state == DeliveryState::Sent), "{states:?}");
}

#[tokio::test]
async fn a_mail_waits_until_the_enterprise_service_knows_the_customer() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let path = "/enterprise/api/v1/enterprise-customer/";
    let unknown = json!({ "service": "enterprise", "path": path, "next": 2, "how": { "status": 404 } });
    fault(&app, unknown).await;
    invite(&plan, &emails("ann", 0..1)).await;
    app.drain().await;
    assert_eq!(mails(&app).await, Vec::<Value>::new(), "it would have no link, sender or address for replies");
    for _ in 0..2 {
        app.advance("PT5M").await;
    }
    let sent = mails(&app).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0]["trigger_properties"]["license_activation_link"].is_string(), "{sent:?}");
}

#[tokio::test]
async fn no_mail_is_sent_if_the_request_asks_for_none() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    assert_eq!(mails(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_certain_failure_is_retried_and_a_permanent_one_goes_to_the_dead_letter_queue() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    fault(&app, json!({ "service": "braze", "path": "/campaigns/", "next": 2, "how": { "status": 500 } })).await;
    invite(&plan, &emails("ann", 0..1)).await;
    app.drain().await;
    assert_eq!(mails(&app).await.len(), 0);
    for _ in 0..2 {
        app.advance("PT5M").await;
    }
    assert_eq!(recipients(&app, ASSIGNMENT).await, ["ann00000@example.com"]);

    fault(&app, json!({ "service": "braze", "path": "/campaigns/", "next": 6, "how": { "status": 503 } })).await;
    invite(&plan, &emails("bob", 0..1)).await;
    app.drain().await;
    for _ in 0..7 {
        app.advance("PT1H").await;
    }
    assert_eq!(dead(&app, "MailQueue").await, 1);
    assert_eq!(recipients(&app, ASSIGNMENT).await.len(), 1);
    // An operator has repaired Braze, and redrives the queue.
    app.anonymous().post("/_local/queues/MailQueue/redrive", &json!({})).await.expect(200);
    app.drain().await;
    assert_eq!(recipients(&app, ASSIGNMENT).await, ["ann00000@example.com", "bob00000@example.com"]);
    assert_eq!(dead(&app, "MailQueue").await, 0);
}

#[tokio::test]
async fn a_mail_of_unknown_fate_is_not_repeated_but_listed_and_an_operator_sends_it_again() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let staff = app.client(Role::Staff, plan.agreement.enterprise);
    fault(&app, json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" })).await;
    invite(&plan, &emails("ann", 0..2)).await;
    app.drain().await;
    for _ in 0..3 {
        app.advance("PT1H").await;
    }
    // Braze had accepted it although the response was lost: it was sent once.
    assert_eq!(recipients(&app, ASSIGNMENT).await.len(), 2);
    let listed = staff.get("/api/v1/mails/").await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let mail = &listed[0];
    assert_eq!((&mail["state"], &mail["people"], &mail["unknown"]), (&json!("unknown"), &json!(2), &json!(2)));
    assert!(!listed.to_string().contains("example.com"), "{listed}");
    plan.admin().get("/api/v1/mails/").await.expect(403);

    let send = format!("/api/v1/mails/{}/send/", text(mail, "id"));
    plan.admin().post(&send, &json!({})).await.expect(403);
    staff.post(&send, &json!({})).await.expect(202);
    staff.post(&send, &json!({})).await.expect(409);
    app.drain().await;
    assert_eq!(recipients(&app, ASSIGNMENT).await.len(), 4);
    assert_eq!(staff.get("/api/v1/mails/").await.expect(200), json!([]));
    staff.post("/api/v1/mails/nothing/send/", &json!({})).await.expect(404);
}

#[tokio::test]
async fn a_worker_that_is_killed_after_the_call_leaves_a_mail_that_is_sent_once() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    // The invocation's response is lost: the message is delivered again, and everything is done already.
    fault(&app, json!({ "worker": "function-mail", "next": 1, "how": "after" })).await;
    fault(&app, json!({ "worker": "function-mail", "next": 1, "how": "before" })).await;
    invite(&plan, &emails("ann", 0..2)).await;
    app.drain().await;
    for _ in 0..4 {
        app.advance("PT10M").await;
    }
    assert_eq!(recipients(&app, ASSIGNMENT).await.len(), 2);
    assert_eq!(dead(&app, "MailQueue").await, 0);
}

#[tokio::test]
async fn after_connections_to_braze_broke_no_mail_is_lost_or_sent_twice() {
    let app = TestApp::start().await;
    let plan = app.plan(30).await;
    fault(&app, json!({ "service": "braze", "next": 40, "how": "reset" })).await;
    for n in 0..10 {
        invite(&plan, &emails("ann", n..n + 1)).await;
    }
    app.drain().await;
    app.anonymous().send(reqwest::Method::DELETE, "/_local/faults", None).await.expect(204);
    for _ in 0..6 {
        app.advance("PT30M").await;
    }
    // A mail may have been sent before the connection broke; such mails are listed. No learner has two.
    let got = recipients(&app, ASSIGNMENT).await;
    let staff = app.client(Role::Staff, plan.agreement.enterprise);
    let unknown = staff.get("/api/v1/mails/").await.expect(200).as_array().map_or(0, Vec::len);
    let mut once = got.clone();
    once.dedup();
    assert_eq!(once, got);
    assert_eq!(got.len() + unknown, 10, "{got:?}");
}

#[tokio::test]
async fn every_kind_of_mail_reaches_whom_it_is_for() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let changes = json!({ "is_revocation_cap_enabled": true, "revoke_max_percentage": 25 });
    let plan = app.plan_of(&agreement, 4, &changes).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    plan.assign(&["bob@example.com"]).await.expect(200);
    plan.admin().post(&plan.path("licenses/remind/"), &json!({ "user_emails": ["bob@example.com"] })).await.expect(204);
    plan.revoke(&[&ann.email]).await.expect(200);
    app.drain().await;
    assert_eq!(recipients(&app, "activation-email-campaign").await, ["ann@example.com"]);
    assert_eq!(recipients(&app, "remind-email-campaign").await, ["bob@example.com"]);
    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let revoked =
        calls.as_array().expect("calls").iter().filter(|call| text(call, "path").ends_with("/license_revoke/"));
    assert_eq!(revoked.count(), 1, "the learner's enrollments become audits");

    let plan = app.plan_of(&agreement, 4, &json!({ "should_auto_apply_licenses": true })).await;
    let apply = format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id);
    let body = json!({ "enterprise_customer": agreement.enterprise, "emails": ["boss@example.com"] });
    app.anonymous().post("/_local/admins", &body).await.expect(204);
    for n in 0..4 {
        app.learner(agreement.enterprise, &format!("carl{n}@example.com")).post(&apply, &json!({})).await.expect(200);
        app.drain().await;
    }
    assert_eq!(recipients(&app, "auto-apply-email-campaign").await.len(), 4);
    // 75%, then 100%: each once, and never 75% after 100%.
    let received = mails(&app).await;
    let received: Vec<&Value> =
        received.iter().filter(|mail| mail["campaign"] == json!("utilization-email-campaign")).collect();
    let percents: Vec<&Value> = received.iter().map(|mail| &mail["trigger_properties"]["percent_allocated"]).collect();
    assert_eq!(percents, [&json!(75), &json!(100)], "{}", plan.id);
    assert!(received.iter().all(|mail| mail["to"] == json!("boss@example.com")));
}

#[tokio::test]
async fn without_braze_mails_are_sent_by_ses_or_only_logged() {
    for (sender, transport) in [("ses", Some("ses")), ("log", None)] {
        let mut options = options();
        options.settings.insert("MAIL_SENDER".into(), sender.into());
        options.settings.insert("SES_SENDER".into(), "licenses@example.com".into());
        options.settings.insert("CUSTOMER_SUCCESS_EMAIL".into(), "success@example.com".into());
        let app = TestApp::start_with(options, false).await;
        let plan = app.plan(5).await;
        invite(&plan, &emails("ann", 0..3)).await;
        app.drain().await;
        let mails = mails(&app).await;
        let deliveries = app.invariants().await.deliveries;
        assert_eq!((deliveries.len(), deliveries[0].transport.as_str()), (1, sender));
        assert_eq!(deliveries[0].state, DeliveryState::Sent);
        match transport {
            Some(transport) => {
                assert_eq!(mails.len(), 3);
                assert!(mails.iter().all(|mail| mail["transport"] == json!(transport)));
                assert!(mails[0].to_string().contains("/activate"), "{}", mails[0]);
            }
            None => assert_eq!(mails, Vec::<Value>::new()),
        }
    }
}
