//! `infra/smoke.sh`, which checks a deployment from outside, run against the runner.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use license_tests::{Role, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

const CUSTOMER: &str = "5e1f7e57-0000-4000-8000-000000000000";

/// Whether the script can run on this machine.
fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: curl is not installed");
    }
    found
}

async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new("bash");
    command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/smoke.sh")).args(arguments);
    // The app runs in this process, and responds meanwhile.
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    ran.expect("it ends").expect("bash runs")
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

async fn plans(app: &TestApp) -> Vec<Value> {
    let path =
        format!("/api/v1/provisioning-admins/subscriptions/?enterprise_customer_uuid={CUSTOMER}&include_inactive=true");
    app.provisioner().get(&path).await.expect(200)["results"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_deployment_is_proven_from_outside_and_left_as_it_was() {
    if !has_curl() {
        return;
    }
    let app = TestApp::start().await;
    let token = |role: &str| app.token(json!({ "preferred_username": "smoke", "roles": [format!("{role}:*")] }));
    let (provisioner, operator) = (token("enterprise_provisioning_admin"), token("enterprise_openedx_operator"));
    let roles = ["enterprise_provisioning_admin:*", "enterprise_openedx_operator:*"];
    let both = app.token(json!({ "preferred_username": "smoke", "roles": roles }));
    let url = app.running().url();
    for (arguments, checks) in
        [(vec![url.as_str(), &provisioner, &operator], "16 checks passed"), (vec![&url, &both], "16 checks passed")]
    {
        let text = ended(&run(&arguments).await, 0);
        assert!(text.contains(checks), "{text}");
        assert!(!text.contains(&both) && !text.contains(&operator), "a token is shown");
        let plans = plans(&app).await;
        assert_eq!((plans.len(), &plans[0]["is_active"]), (1, &json!(false)), "{plans:?}");
        let counts = &plans[0]["licenses"];
        assert_eq!((&counts["assigned"], &counts["activated"]), (&json!(0), &json!(0)), "{counts}");
    }
    app.drain().await;
    assert_eq!(app.anonymous().get("/_local/mail").await.expect(200), json!([]));
    app.invariants().await.check();
}

#[tokio::test]
async fn failures_are_reported_and_test_data_is_removed() {
    if !has_curl() {
        return;
    }
    let app = TestApp::start().await;
    let url = app.running().url();
    let learner = app.token(
        Role::Learner
            .claims(license_domain::EnterpriseId(Uuid::from_u128(7)), license_domain::EnterpriseId(Uuid::from_u128(8))),
    );
    let text = ended(&run(&[&url, &learner]).await, 1);
    assert!(text.contains("FAILED  a customer agreement is made (expected 201): status 403"), "{text}");

    // A requester who may only provision: the plan is removed although the assignment failed.
    let roles = json!({ "preferred_username": "smoke", "roles": ["enterprise_provisioning_admin:*"] });
    let text = ended(&run(&[&url, &app.token(roles)]).await, 1);
    assert!(text.contains("FAILED  a license is assigned"), "{text}");
    assert_eq!(plans(&app).await[0]["is_active"], false);

    ended(&run(&["http://127.0.0.1:9", &learner]).await, 3);
    ended(&run(&[&url]).await, 2);
    ended(&run(&["elsewhere", &learner]).await, 2);
}
