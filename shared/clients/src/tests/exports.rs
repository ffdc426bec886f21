//! Files: a missing file is distinguished from one that may not be read; large files are written in parts.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

use super::{
    Standing, Zero,
    peer::{Peer, Reply, Seen},
};
use crate::{ClientError, ExportClient, ExportSettings, Exports, FilePart, FileWriter, Written};

const NAME: &str = "uploads/7.csv";

fn client(url: &str) -> ExportClient {
    let credentials = Credentials::new("AKIDEXAMPLE", "s3cret", None, None, "a test");
    let settings = ExportSettings { bucket: Some("files".to_owned()), endpoint: Some(url.to_owned()) };
    let credentials = SharedCredentialsProvider::new(credentials);
    let config =
        SdkConfig::builder().region(Region::from_static("eu-central-1")).credentials_provider(credentials).build();
    ExportClient::new(settings, &config, Arc::new(Standing::default()), Arc::new(Zero)).expect("a client")
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::status(status)
        .text(&format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>"))
}

fn list(keys: &[&str]) -> Reply {
    let keys: Vec<String> = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    Reply::status(200).text(&format!("<ListBucketResult>{}</ListBucketResult>", keys.concat()))
}

/// Reads the file; returns the result and the requests.
async fn read(replies: impl IntoIterator<Item = Reply>) -> (Result<FilePart, ClientError>, Vec<String>) {
    let peer = Peer::start().await;
    peer.reply(replies);
    let read = client(&peer.url).read(NAME, 5, Some("\"tag\"")).await;
    (read, peer.seen().into_iter().map(|seen| seen.target).collect())
}

fn part(text: &str, range: &str) -> Reply {
    Reply::status(206).text(text).header("content-range", range).header("etag", "\"tag\"")
}

#[tokio::test]
async fn a_part_of_a_file_is_read() {
    let peer = Peer::start().await;
    peer.reply([part("rows", "bytes 5-8/12")]);
    let read = client(&peer.url).read(NAME, 5, Some("\"tag\"")).await.expect("there");
    assert_eq!(read, FilePart::Bytes { bytes: b"rows".to_vec(), size: 12, tag: "\"tag\"".to_owned() });
    let seen = &peer.seen()[0];
    assert_eq!((seen.header("range"), seen.header("if-match")), ("bytes=5-4194308", "\"tag\""));
}

#[tokio::test]
async fn a_response_that_is_no_part_is_not_taken_for_one() {
    for reply in [part("rows", "bytes 0-3/12"), Reply::status(200).text("the whole file"), part("rows", "bytes */12")] {
        let (read, asked) = read(vec![reply; 3]).await;
        assert!(matches!(read, Err(ClientError::Unreadable { .. })) && asked.len() == 3, "{read:?}");
    }
    let (read, _) = read([refusal(412, "PreconditionFailed")]).await;
    assert_eq!(read.expect("a response"), FilePart::Replaced);
}

#[tokio::test]
async fn a_missing_file_is_none_whatever_permissions_we_have() {
    let (missing, asked) = read([refusal(404, "NoSuchKey")]).await;
    assert_eq!((missing.expect("missing"), asked.len()), (FilePart::Missing, 1));
    let (missing, asked) = read([refusal(403, "AccessDenied"), list(&[])]).await;
    assert_eq!((missing.expect("missing"), asked.len()), (FilePart::Missing, 2));
    assert!(asked[1].starts_with("/files/?list-type=2&max-keys=1&prefix=uploads%2F7.csv&X-Amz-"), "{asked:?}");
}

#[tokio::test]
async fn a_denied_access_is_an_error_and_not_a_missing_file() {
    for replies in [
        vec![refusal(403, "AccessDenied"), list(&[NAME])],
        vec![refusal(403, "AccessDenied"), refusal(403, "AccessDenied")],
        vec![refusal(403, "SignatureDoesNotMatch")],
        vec![refusal(404, "NoSuchBucket")],
    ] {
        let (denied, _) = read(replies).await;
        let error = denied.expect_err("denied");
        assert!(matches!(error, ClientError::Denied { .. }), "{error:?}");
        assert_eq!((error.metric(), error.is_retryable()), ("ServiceDenied", false));
    }
    let (busy, asked) = read(vec![refusal(503, "SlowDown"); 3]).await;
    assert!(busy.expect_err("busy").is_retryable() && asked.len() == 3, "{asked:?}");
    let (read, _) = read([refusal(503, "SlowDown"), part("rows", "bytes 5-8/12")]).await;
    assert!(matches!(read, Ok(FilePart::Bytes { .. })), "{read:?}");
}

/// The methods and URLs of the requests, without their signatures.
fn asked(peer: &Peer) -> Vec<String> {
    shown(&peer.seen())
}

fn shown(seen: &[Seen]) -> Vec<String> {
    let shown = |target: &str| {
        let unsigned = target.split("X-Amz-").next().expect("a beginning");
        unsigned.trim_end_matches(['&', '?']).trim_start_matches("/files/").to_owned()
    };
    seen.iter().map(|seen| format!("{} {}", seen.method, shown(&seen.target))).collect()
}

#[tokio::test]
async fn a_small_file_is_stored_in_one_call_and_a_smaller_one_is_returned() {
    let peer = Peer::start().await;
    let client = client(&peer.url);
    let mut file = FileWriter::new(&client, NAME.to_owned()).unless_small(4);
    file.write(b"rows").await.expect("memory");
    assert_eq!(file.end::<ClientError>(Ok(())).await.expect("handed back"), Written::Small(b"rows".to_vec()));
    let mut file = FileWriter::new(&client, NAME.to_owned()).unless_small(3);
    file.write(b"rows").await.expect("memory");
    assert_eq!(file.end::<ClientError>(Ok(())).await.expect("put"), Written::File);
    assert_eq!(asked(&peer), ["PUT uploads/7.csv"]);
}

#[tokio::test]
async fn a_large_file_is_stored_in_parts_and_aborted_if_it_cannot_be_ended() {
    let begun = || {
        Reply::status(200)
            .text("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
    };
    let put = |tag: &str| Reply::status(200).header("etag", tag);
    let large = vec![b'x'; 9 << 20];
    let beginning = ["POST uploads/7.csv?uploads=", "PUT uploads/7.csv?partNumber=1&uploadId=u1"];

    let peer = Peer::start().await;
    peer.reply([begun(), put("\"a\""), put("\"b\""), Reply::status(200).text("<CompleteMultipartUploadResult/>")]);
    let bucket = client(&peer.url);
    let mut file = FileWriter::new(&bucket, NAME.to_owned());
    file.write(&large).await.expect("a part");
    file.write(b"rest").await.expect("memory");
    assert_eq!(file.end::<ClientError>(Ok(())).await.expect("ended"), Written::File);
    let ended = ["PUT uploads/7.csv?partNumber=2&uploadId=u1", "POST uploads/7.csv?uploadId=u1"];
    let seen = peer.seen();
    assert_eq!(shown(&seen), [beginning, ended].concat());
    let named = String::from_utf8(seen[3].body.to_vec()).expect("text");
    let part = |number: u8, tag: &str| format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{tag}\"</ETag></Part>");
    assert_eq!(named, format!("<CompleteMultipartUpload>{}{}</CompleteMultipartUpload>", part(1, "a"), part(2, "b")));

    // S3 reports a failure with the status 200, or the source of the file fails.
    for failure in [Ok(()), Err(ClientError::Denied { service: crate::Service::Lms })] {
        let peer = Peer::start().await;
        let refused = Reply::status(200).text("<Error><Code>InternalError</Code></Error>");
        let more = failure.is_ok().then_some(refused);
        peer.reply([begun(), put("\"a\"")].into_iter().chain(more).chain([Reply::status(204).text("")]));
        let bucket = client(&peer.url);
        let mut file = FileWriter::new(&bucket, NAME.to_owned());
        file.write(&large).await.expect("a part");
        file.end(failure).await.expect_err("it failed");
        assert_eq!(asked(&peer).last().map(String::as_str), Some("DELETE uploads/7.csv?uploadId=u1"));
    }
}
