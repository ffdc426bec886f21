//! `lmctl redrive`, `mails` and `webhooks`.

use license_lmctl::Exit;
use license_local::aws::ACCOUNT;
use license_tests::{TestApp, builders::text};
use serde_json::{Value, json};

use super::{done, exit_of, on};
use crate::after::fault;

async fn queues(app: &TestApp) -> Value {
    app.anonymous().get("/_local/queues").await.expect(200)
}

#[tokio::test]
async fn messages_that_were_given_up_are_sent_back() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    // The function ends before it begins, until the queue gives the message up.
    fault(&app, json!({ "worker": "function-mail", "next": 1_000, "how": "before" })).await;
    let assign = json!({ "user_emails": ["ann@example.com"] });
    plan.admin().post(&plan.path("licenses/assign/"), &assign).await.expect(200);
    app.drain().await;
    for _ in 0..20 {
        app.advance("PT1H").await;
    }
    assert_eq!(queues(&app).await["MailQueue"]["dead"], 1, "{}", queues(&app).await);
    app.anonymous().delete("/_local/faults").await.expect(204);

    let url = |queue: &str| format!("{}/{ACCOUNT}/{queue}", app.running().aws_url());
    let (from, to) = (url(&dead_letters_of("MailQueue")), url("MailQueue"));
    let redrive = ["redrive", "--from", &from, "--to", &to, "--sqs-endpoint", app.running().aws_url()];
    let dry = done(&app, &[&["--dry-run"][..], &redrive].concat()).await;
    assert_eq!((&dry[0]["waiting"], &dry[0]["moved"]), (&json!(1), &json!(0)), "{dry}");
    let moved = done(&app, &redrive).await;
    assert_eq!((&moved[0]["waiting"], &moved[0]["moved"]), (&json!(1), &json!(1)), "{moved}");
    assert_eq!(done(&app, &redrive).await[0]["moved"], 0);
    assert_eq!(queues(&app).await["MailQueue"]["dead"], 0);
    app.drain().await;
    let mails = app.anonymous().get("/_local/mail").await.expect(200);
    assert!(mails.as_array().is_some_and(|mails| mails.iter().any(|mail| mail["to"] == "ann@example.com")), "{mails}");
    let same = ["redrive", "--from", &to, "--to", &to];
    assert_eq!(exit_of(on(&app, &same).await), Exit::Usage);
}

fn dead_letters_of(queue: &str) -> String {
    let template = license_template::Template::embedded().expect("a template");
    let spec = template.queues().iter().find(|spec| spec.name == queue).expect("a queue");
    spec.dead_letters.clone().expect("it has one").0
}

#[tokio::test]
async fn webhooks_are_listed_without_their_secrets() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 5, &json!({})).await;
    let list = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    let url = text(&app.anonymous().get("/_local/webhooks").await.expect(200), "url");
    let made = agreement.admin.post(&list, &json!({ "url": format!("{url}a-secret-path") })).await.expect(201);
    fault(&app, json!({ "service": "webhooks", "next": 1_000, "how": { "status": 503 } })).await;
    plan.assigned("ann@example.com").await;
    app.drain().await;
    let customer = agreement.enterprise.to_string();
    let hooks = done(&app, &["webhooks", "list", "--enterprise-customer-uuid", &customer]).await;
    assert_eq!(hooks[0]["id"], made["id"]);
    assert!(hooks[0]["failures"].as_u64().is_some_and(|failures| failures > 0), "{hooks}");
    assert!(!hooks.to_string().contains("a-secret-path"), "{hooks}");
    let unknown = ["webhooks", "list", "--enterprise-customer-uuid", "eeeeeeee-0000-4000-8000-0000000000ff"];
    assert_eq!(exit_of(on(&app, &unknown).await), Exit::Refused);
}

#[tokio::test]
async fn mails_of_unknown_fate_are_sent_again_on_demand() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    assert_eq!(done(&app, &["mails", "list"]).await, json!([]));
    // The call has its effect, and no answer comes.
    fault(&app, json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" })).await;
    let assign = json!({ "user_emails": ["ann@example.com"] });
    plan.admin().post(&plan.path("licenses/assign/"), &assign).await.expect(200);
    app.drain().await;
    app.advance("PT2H").await;
    let mails = done(&app, &["mails", "list"]).await;
    assert_eq!((&mails[0]["state"], &mails[0]["people"]), (&json!("unknown"), &json!(1)), "{mails}");
    assert!(!mails.to_string().contains("ann@"), "{mails}");
    let id = text(&mails[0], "id");
    assert_eq!(exit_of(on(&app, &["mails", "send", &id]).await), Exit::Usage, "there is no terminal to answer");
    assert_eq!(done(&app, &["--dry-run", "mails", "send", &id]).await[0]["state"], "resent");
    assert_eq!(done(&app, &["mails", "list"]).await[0]["state"], "unknown");
    assert_eq!(done(&app, &["--yes", "mails", "send", &id]).await[0]["state"], "resent");
    assert_eq!(done(&app, &["mails", "list"]).await, json!([]));
    assert_eq!(exit_of(on(&app, &["--yes", "mails", "send", &id]).await), Exit::Refused);
}
