//! Files: one that is missing is told from one that we may not read.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

use super::{
    Standing,
    peer::{Peer, Reply},
};
use crate::{ClientError, ExportClient, ExportSettings, Exports};

const NAME: &str = "uploads/7.csv";

fn client(url: &str) -> ExportClient {
    let credentials = Credentials::new("AKIDEXAMPLE", "s3cret", None, None, "a test");
    let settings = ExportSettings { bucket: Some("files".to_owned()), endpoint: Some(url.to_owned()) };
    let credentials = SharedCredentialsProvider::new(credentials);
    let config =
        SdkConfig::builder().region(Region::from_static("eu-central-1")).credentials_provider(credentials).build();
    ExportClient::new(settings, &config, Arc::new(Standing::default())).expect("a client")
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::status(status)
        .text(&format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>"))
}

fn list(keys: &[&str]) -> Reply {
    let keys: Vec<String> = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    Reply::status(200).text(&format!("<ListBucketResult>{}</ListBucketResult>", keys.concat()))
}

async fn fetch(replies: impl IntoIterator<Item = Reply>) -> (Result<Option<String>, ClientError>, Vec<String>) {
    let peer = Peer::start().await;
    peer.reply(replies);
    let fetched = client(&peer.url).fetch(NAME).await;
    (fetched, peer.seen().into_iter().map(|seen| seen.target).collect())
}

#[tokio::test]
async fn a_file_that_is_there_is_read() {
    let (fetched, asked) = fetch([Reply::status(200).text("user_email\r\n")]).await;
    assert_eq!((fetched.expect("there"), asked.len()), (Some("user_email\r\n".to_owned()), 1));
}

#[tokio::test]
async fn a_file_that_is_missing_is_none_whatever_s3_lets_us_know() {
    let (fetched, asked) = fetch([refusal(404, "NoSuchKey")]).await;
    assert_eq!((fetched.expect("missing"), asked.len()), (None, 1));
    let (fetched, asked) = fetch([refusal(403, "AccessDenied"), list(&[])]).await;
    assert_eq!((fetched.expect("missing"), asked.len()), (None, 2));
    assert!(asked[1].starts_with("/files/?list-type=2&max-keys=1&prefix=uploads%2F7.csv&X-Amz-"), "{asked:?}");
}

#[tokio::test]
async fn what_we_may_not_read_is_our_own_mistake_and_not_missing() {
    for replies in [
        vec![refusal(403, "AccessDenied"), list(&[NAME])],
        vec![refusal(403, "AccessDenied"), refusal(403, "AccessDenied")],
        vec![refusal(403, "SignatureDoesNotMatch")],
        vec![refusal(404, "NoSuchBucket")],
    ] {
        let (fetched, _) = fetch(replies).await;
        let error = fetched.expect_err("denied");
        assert!(matches!(error, ClientError::Denied { .. }), "{error:?}");
        assert_eq!((error.metric(), error.is_retryable()), ("ServiceDenied", false));
    }
    let (fetched, _) = fetch([refusal(503, "SlowDown")]).await;
    assert!(fetched.expect_err("busy").is_retryable());
}
