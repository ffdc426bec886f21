//! The text that the runner prints when it is ready.

use std::{fmt::Write, time::Duration};

use license_domain::Clock;

use crate::{Running, demo};

/// All addresses, the tokens, and requests to try.
pub fn ready(running: &Running, took: Duration) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, running, took);
    text
}

fn write_all(text: &mut String, running: &Running, took: Duration) -> std::fmt::Result {
    let url = running.url();
    writeln!(text, "License Manager listens on {url} (ready after {:.2} s). Ctrl-C stops it.\n", took.as_secs_f64())?;
    writeln!(text, "  API         {url}/api/v1/")?;
    writeln!(text, "  console     {url}/admin/ (one click signs you in)")?;
    writeln!(text, "  health      {url}/health/")?;
    writeln!(text, "  the runner  {url}/_local/ (clock, tokens, calls to other services)")?;
    writeln!(text, "  clock       {}", running.clock().now().format("%Y-%m-%dT%H:%M:%SZ"))?;
    let kept = match running.data() {
        Some(folder) => format!("kept in {}", folder.display()),
        None => "in memory; --data DIR keeps it".to_owned(),
    };
    writeln!(text, "  table       {} in a DynamoDB at {} ({kept})", running.table(), running.engine_url())?;
    writeln!(text, "  AWS         {} (stand-ins for SQS, EventBridge, S3, SES, secrets)", running.aws_url())?;
    for (name, url, is_ours) in running.other_services() {
        let note = if is_ours { " (a stand-in)" } else { "" };
        writeln!(text, "  {name:<11} {url}{note}")?;
    }
    for (option, address) in running.exposed() {
        writeln!(
            text,
            "  warning     {option} {address} is not a loopback address: it can be used without a password"
        )?;
    }
    if let Some(report) = running.imported() {
        writeln!(text, "\nImported\n{report}")?;
    }
    let tokens = running.tokens();
    if tokens.is_empty() {
        writeln!(text, "\nNo tokens: the settings name signing keys that are not the runner's.")?;
        return Ok(());
    }
    writeln!(
        text,
        "\nTokens (they do not expire; also at {url}/_local/tokens/ROLE, their keys at {url}/_local/jwks.json)\n"
    )?;
    for (role, token) in tokens {
        writeln!(text, "  {role:<19} {token}")?;
    }
    if running.has_demo() { examples(text, &url) } else { lists(text, &url) }
}

/// Each line works without the others.
fn examples(text: &mut String, url: &str) -> std::fmt::Result {
    let by = |role: &str| format!("curl -s -H \"Authorization: JWT $(curl -s {url}/_local/tokens/{role})\"");
    let admin = by("admin");
    let learner = by("learner");
    let plan = format!("{url}/api/v1/subscriptions/{}", demo::PLAN);
    let json = "-H 'Content-Type: application/json'";
    let email = demo::LEARNER;
    let key = format!(
        "$({admin} '{plan}/licenses/?search={email}&status=assigned' | grep -o '\"activation_key\":\"[^\"]*' | cut -d'\"' -f4)"
    );
    writeln!(text, "\nTry, as the demo customer's admin and as its learner {email}:\n")?;
    for (what, line) in [
        ("the customer's plans", format!("{admin} {url}/api/v1/subscriptions/")),
        (
            "a license for the learner",
            format!(
                "{admin} {json} -d '{{\"user_emails\": [\"{email}\"], \"notify_users\": false}}' {plan}/licenses/assign/"
            ),
        ),
        (
            "the learner activates it, with the key of the invitation",
            format!("{learner} -X POST \"{url}/api/v1/license-activation/?activation_key={key}\""),
        ),
        ("the plan's counts", format!("{admin} {plan}/licenses/overview/")),
        (
            "the license is revoked",
            format!("{admin} {json} -d '{{\"user_emails\": [\"{email}\"]}}' {plan}/licenses/bulk-revoke/"),
        ),
        (
            "a page of the plan with a million seats",
            format!("{admin} '{url}/api/v1/subscriptions/{}/licenses/?page=9999'", demo::MILLION),
        ),
    ] {
        writeln!(text, "# {what}\n{line}\n")?;
    }
    Ok(())
}

fn lists(text: &mut String, url: &str) -> std::fmt::Result {
    let operator = format!("curl -s -H \"Authorization: JWT $(curl -s {url}/_local/tokens/operator)\"");
    writeln!(text, "\nTry, as the operator:\n")?;
    for path in ["customer-agreement", "subscriptions"] {
        writeln!(text, "{operator} {url}/api/v1/{path}/")?;
    }
    Ok(())
}
