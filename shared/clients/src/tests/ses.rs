//! SES: the requests, and whether a failed mail may have been sent.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use license_domain::EmailAddress;
use serde_json::json;

use super::{
    Standing, Zero,
    peer::{Peer, Reply, unreachable_url},
};
use crate::{ClientError, Email, EmailSender, SendError, SesClient, SesSettings};

fn client(url: &str, sender: Option<&str>) -> SesClient {
    let credentials = Credentials::new("AKIDEXAMPLE", "s3cret", Some("s3ssion".to_owned()), None, "a test");
    let settings = SesSettings::from_lookup(|name| match name {
        "SES_SENDER" => sender.map(str::to_owned),
        "SES_ENDPOINT" => Some(format!("{url}/")),
        _ => None,
    });
    let config = SdkConfig::builder()
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    SesClient::new(settings, &config, Arc::new(Standing::default()), Arc::new(Zero)).expect("a client")
}

fn message() -> Email {
    Email {
        to: EmailAddress::on_record("ann@x.example"),
        subject: "Grüße".to_owned(),
        text: "plain".to_owned(),
        html: "<p>rich</p>".to_owned(),
        reply_to: Some("help@acme.example".to_owned()),
    }
}

#[tokio::test]
async fn a_letter_is_sent_with_a_signature() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(200).json(&json!({"MessageId": "m-1"}))]);
    let client = client(&peer.url, Some("Acme <no-reply@acme.example>"));
    assert_eq!(client.send(&message()).await.expect("sent"), "m-1");
    let seen = peer.seen();
    assert_eq!(seen[0].target, "/v2/email/outbound-emails");
    let authorization = seen[0].header("authorization");
    assert!(authorization.contains("/eu-central-1/ses/aws4_request"), "{authorization}");
    assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"));
    assert_eq!(seen[0].header("x-amz-security-token"), "s3ssion");
    let utf8 = |text: &str| json!({"Data": text, "Charset": "UTF-8"});
    assert_eq!(
        seen[0].json(),
        json!({
            "FromEmailAddress": "Acme <no-reply@acme.example>",
            "Destination": {"ToAddresses": ["ann@x.example"]},
            "ReplyToAddresses": ["help@acme.example"],
            "Content": {"Simple": {
                "Subject": utf8("Grüße"),
                "Body": {"Text": utf8("plain"), "Html": utf8("<p>rich</p>")},
            }},
        })
    );
    peer.reply([Reply::status(200).text("garbage")]);
    assert_eq!(client.send(&message()).await.expect("sent"), "");
}

#[tokio::test]
async fn a_failure_tells_whether_the_mail_was_sent_and_is_not_retried() {
    let peer = Peer::start().await;
    let mut errors = Vec::new();
    for status in [400, 429, 504] {
        peer.reply([Reply::status(status).header("retry-after", "0")]);
        let sent = client(&peer.url, Some("no-reply@acme.example")).send(&message()).await;
        errors.push(sent.expect_err("a failure"));
        assert_eq!(peer.calls(), 1);
    }
    assert!(matches!(errors[0], SendError::Refused(_)));
    assert!(matches!(errors[1], SendError::NotSent(_)));
    assert!(matches!(errors[2], SendError::Unknown(_)));
    let error = client(&unreachable_url().await, Some("no-reply@acme.example")).send(&message()).await;
    errors.push(error.expect_err("no server listens there"));
    assert!(matches!(errors[3], SendError::NotSent(_)));
    errors.push(client(&peer.url, None).send(&message()).await.expect_err("no sender"));
    assert!(matches!(errors[4], SendError::NotSent(ClientError::NotConfigured(_))));
    let text = format!("{errors:?} {:?} {:?}", message(), client(&peer.url, None));
    assert!(!text.contains("ann") && !text.contains("s3cret") && !text.contains("plain"), "{text}");
}
