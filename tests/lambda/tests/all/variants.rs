//! The functions with other parameters.

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

/// Only the mail function may send; without the permission no mail is sent.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_to_send_no_mail_is_sent() {
    let Some(build) = Build::find() else { return };
    let keep = |_: &str, statement: &Statement| !statement.actions.contains(&"ses:SendEmail".to_owned());
    let options = settings([("MAIL_SENDER", "ses"), ("SES_SENDER", "licenses@demo.example")]);
    let stack = Stack::start(&build, Options { keep: Some(Arc::new(keep)), ..options }).await;
    invite(&stack).await;
    assert_eq!(stack.aws().state().mails().expect("mails"), []);
    assert!(stack.refused().iter().all(|line| line.starts_with("User: MailFunction")) && !stack.refused().is_empty());
}

/// Settings that name secrets: each function starts, and reads only those that it uses.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_by_name_by_those_who_use_them() {
    let Some(build) = Build::find() else { return };
    let (jwt, braze) = ("license-manager/JWT_SECRET_KEY", "license-manager/BRAZE_API_KEY");
    let (by_jwt, by_braze) = (format!("secretsmanager:{jwt}"), format!("secretsmanager:{braze}"));
    let options = settings([("JWT_SECRET_KEY", by_jwt.as_str()), ("BRAZE_API_KEY", by_braze.as_str())]);
    let secrets = [(jwt, "a secret of more than thirty-two bytes"), (braze, "another one")];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let stack = Stack::start(&build, Options { secrets: secrets.into(), ..options }).await;
    invite(&stack).await;
    assert!(stack.aws().state().mails().expect("mails").iter().any(|mail| mail.to == "ses@demo.example"));
    stack.check();
    let readers = |name: &str| -> Vec<String> {
        let used = stack.used().into_iter().filter(|(_, access)| access.resource.contains(name));
        used.map(|(function, _)| function).collect()
    };
    assert_eq!(readers("BRAZE_API_KEY"), ["MailFunction"]);
    let workers = ["SweeperFunction", "WorkersFunction", "MailFunction", "RelayFunction", "WebhooksFunction"];
    let of_tokens = readers("JWT_SECRET_KEY");
    assert_eq!(of_tokens.len(), 10, "{of_tokens:?}");
    assert!(of_tokens.iter().all(|function| !workers.contains(&function.as_str())), "{of_tokens:?}");
}
