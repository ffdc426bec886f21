//! The same functions under other parameters.

use std::sync::Arc;

use license_lambda_tests::{Build, Options, Stack, policy::Statement};
use serde_json::json;

fn settings<const N: usize>(all: [(&str, &str); N]) -> Options {
    let settings = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Options { settings: settings.into(), ..Options::default() }
}

async fn invite(stack: &Stack) {
    let path = "/api/v1/subscriptions/bbbbbbbb-0000-4000-8000-0000000de301/licenses/assign/";
    let request = json!({ "user_emails": ["ses@demo.example"], "notify_users": true });
    stack.client("admin").post(path, &request).await.expect(200);
    stack.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_may_go_by_ses() {
    let Some(build) = Build::find() else { return };
    let options = settings([("MAIL_SENDER", "ses"), ("SES_SENDER", "License Manager <licenses@demo.example>")]);
    let stack = Stack::start(&build, options).await;
    invite(&stack).await;
    let mails = stack.aws().state().mails().expect("mails");
    assert!(mails.iter().any(|mail| mail.transport == "ses" && mail.to == "ses@demo.example"), "{mails:?}");
    stack.check();
}

/// The right to send is the mail function's alone, and taken from it no mail goes out.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_send_no_mail_goes_out() {
    let Some(build) = Build::find() else { return };
    let keep = |_: &str, statement: &Statement| !statement.actions.contains(&"ses:SendEmail".to_owned());
    let options = settings([("MAIL_SENDER", "ses"), ("SES_SENDER", "licenses@demo.example")]);
    let stack = Stack::start(&build, Options { keep: Some(Arc::new(keep)), ..options }).await;
    invite(&stack).await;
    assert_eq!(stack.aws().state().mails().expect("mails"), []);
    assert!(stack.refused().iter().all(|line| line.starts_with("User: MailFunction")) && !stack.refused().is_empty());
}
