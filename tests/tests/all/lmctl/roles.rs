//! `lmctl roles`: granting, revoking, and who did it.

use license_lmctl::Exit;
use license_tests::{Role, TestApp};
use serde_json::{Value, json};

use super::{done, exit_of, on};

#[tokio::test]
async fn roles_are_granted_and_revoked_once_with_a_reason() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let customer = agreement.enterprise.to_string();
    let path = format!("/api/v1/customer-agreement/{}/", agreement.id);
    let claims = json!({ "preferred_username": "sam", "email": "sam@example.com", "user_id": 77, "roles": [] });
    let sam = app.client_with(claims);
    // A process remembers for a minute what is on record of a user.
    let may = async || {
        app.advance("PT61S").await;
        sam.get(&path).await.status.as_u16() == 200
    };
    assert!(!may().await);

    let role = ["--username", "sam", "--role", "enterprise_subscriptions_admin", "--reason", "new colleague"];
    let with = |more: &[&'static str]| -> Vec<String> {
        let words = more.iter().chain(&role).map(|word| (*word).to_owned());
        words.chain(["--enterprise-customer-uuid".to_owned(), customer.clone()]).collect()
    };
    let call = async |more: &[&'static str]| {
        let arguments = with(more);
        done(&app, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await[0]["outcome"].clone()
    };
    // Nothing is done without an answer, or in a dry run.
    let unanswered = with(&["roles", "grant"]);
    let unanswered: Vec<&str> = unanswered.iter().map(String::as_str).collect();
    assert_eq!(exit_of(on(&app, &unanswered).await), Exit::Usage);
    let items = app.invariants().await.items;
    assert_eq!(call(&["--dry-run", "roles", "grant"]).await, "granted");
    assert_eq!(app.invariants().await.items, items, "a dry run changes nothing");
    assert!(!may().await);

    assert_eq!(call(&["--yes", "--actor", "kim", "roles", "grant"]).await, "granted");
    assert!(may().await);
    assert_eq!(call(&["--yes", "roles", "grant"]).await, "unchanged");
    let roles = done(&app, &["roles", "list"]).await;
    assert_eq!(roles[0]["enterprise_customer_uuid"], json!(customer), "{roles}");
    assert_eq!(call(&["--yes", "roles", "revoke"]).await, "revoked");
    assert!(!may().await);
    assert_eq!(call(&["--yes", "roles", "revoke"]).await, "unchanged");

    // What changed nothing has no record. Without `--actor` the operating system says who it is.
    let history = done(&app, &["roles", "history", "--username", "sam"]).await;
    let column = |name: &str| -> Vec<Value> {
        history.as_array().expect("a list").iter().map(|row| row[name].clone()).collect()
    };
    assert_eq!(column("kind"), ["revoked", "granted"], "{history}");
    assert_eq!(column("reason"), ["new colleague", "new colleague"]);
    assert_eq!(column("actor")[1], "lmctl:kim");
    assert!(column("actor")[0].as_str().is_some_and(|actor| actor.starts_with("lmctl")), "{history}");

    // A retirement takes the records, too.
    let worker = app.client(Role::RetirementWorker, agreement.enterprise);
    let body = json!({ "lms_user_id": 77, "original_username": "sam" });
    assert_eq!(worker.post("/api/v1/retire_user/", &body).await.status.as_u16(), 204);
    assert_eq!(done(&app, &["roles", "history", "--username", "sam"]).await, json!([]));
}
