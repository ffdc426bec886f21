//! Posts are retried only if that is harmless, and errors say whether the service may have acted.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use license_domain::Random;
use serde_json::json;

use super::{
    Zero,
    peer::{Peer, Reply, broken, unreachable_url},
};
use crate::{Cause, ClientError, Safety, Service, ServiceClient};

const SHORT: Duration = Duration::from_millis(500);

/// Counts the waits between attempts, and makes them short.
#[derive(Default)]
struct Waits(AtomicUsize);

impl Random for Waits {
    fn bits(&self) -> u128 {
        self.0.fetch_add(1, Ordering::Relaxed);
        0
    }
}

async fn post(client: &ServiceClient, url: &str, safety: Safety) -> Result<(), ClientError> {
    let body = json!({"email": "ann@x.example"});
    client.post(Service::Enterprise, &format!("{url}/learners/?email=ann@x.example"), &body, safety).await
}

#[tokio::test]
async fn a_repeatable_post_is_retried() {
    let peer = Peer::start().await;
    peer.fail_with(&[500, 502]);
    post(&peer.client(), &peer.url, Safety::Repeatable).await.expect("the third attempt");
    let seen = peer.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].json(), json!({"email": "ann@x.example"}));
    assert_eq!(seen[2].header("authorization"), "JWT token-1");

    peer.fail_with(&[504; 3]);
    let error = post(&peer.client(), &peer.url, Safety::Repeatable).await.expect_err("three failures");
    assert!(matches!(error, ClientError::Failed { service: Service::Enterprise, status: 504 }));
    assert_eq!(peer.calls(), 3);
}

#[tokio::test]
async fn a_post_that_must_have_effect_once_is_not_retried_after_a_failure() {
    let peer = Peer::start().await;
    let cases =
        [(500, false), (502, true), (503, false), (504, true), (408, true), (400, false), (404, false), (409, false)];
    for (status, is_unknown) in cases {
        peer.fail_with(&[status]);
        let error = post(&peer.client(), &peer.url, Safety::Once).await.expect_err("a failure");
        assert_eq!(error.is_outcome_unknown(), is_unknown, "{status}");
        assert_eq!(peer.calls(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_post_that_must_have_effect_once_is_retried_if_the_service_did_nothing() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(429), Reply::status(503).header("retry-after", "0")]);
    post(&peer.client(), &peer.url, Safety::Once).await.expect("the third attempt");
    assert_eq!(peer.calls(), 3);

    peer.fail_with(&[429; 3]);
    let error = post(&peer.client(), &peer.url, Safety::Once).await.expect_err("busy");
    assert!(matches!(error, ClientError::Failed { status: 429, .. }));
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    assert_eq!(peer.calls(), 3);
}

#[tokio::test]
async fn without_a_connection_nothing_was_done() {
    let (peer, unreachable) = (Peer::start().await, unreachable_url().await);
    for safety in [Safety::Once, Safety::Repeatable] {
        let waits = Arc::new(Waits::default());
        let client = peer.client_within(Duration::from_secs(5), waits.clone());
        let error = post(&client, &unreachable, safety).await.expect_err("no server listens there");
        assert!(matches!(error, ClientError::Unreachable { cause: Cause::NoConnection, .. }));
        assert!(!error.is_outcome_unknown());
        assert_eq!(waits.0.load(Ordering::Relaxed), 2, "three attempts");
    }
}

#[tokio::test]
async fn after_a_time_out_the_outcome_is_unknown() {
    let peer = Peer::start().await;
    let client = peer.client_within(SHORT, Arc::new(Zero));
    for (safety, attempts) in [(Safety::Once, 1), (Safety::Repeatable, 3)] {
        peer.reply(vec![Reply::status(200).after(Duration::from_secs(3)); attempts]);
        let error = post(&client, &peer.url, safety).await.expect_err("too late");
        assert!(matches!(error, ClientError::Unreachable { cause: Cause::TimedOut, .. }), "{error}");
        assert!(error.is_outcome_unknown());
        assert_eq!(peer.calls(), attempts);
    }
}

#[tokio::test]
async fn after_a_broken_connection_the_outcome_is_unknown() {
    let peer = Peer::start().await;
    for (safety, attempts) in [(Safety::Once, 1), (Safety::Repeatable, 3)] {
        let (url, calls) = broken().await;
        let error = post(&peer.client(), &url, safety).await.expect_err("broken off");
        assert!(matches!(error, ClientError::Unreachable { cause: Cause::BrokenOff, .. }), "{error}");
        assert!(error.is_outcome_unknown());
        assert_eq!(calls.load(Ordering::Relaxed), attempts);
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let peer = Peer::start().await;
    let client = peer.client();
    peer.fail_with(&[401]);
    post(&client, &peer.url, Safety::Once).await.expect("with a new token");
    assert_eq!((peer.calls(), peer.tokens()), (2, 2));
    peer.fail_with(&[401, 401]);
    let error = post(&client, &peer.url, Safety::Once).await.expect_err("refused twice");
    assert!(matches!(error, ClientError::Refused { status: 401, .. }));
    assert!(!error.is_outcome_unknown());
    assert_eq!((peer.calls(), peer.tokens()), (2, 3));
}

#[tokio::test]
async fn without_a_token_nothing_was_done() {
    let peer = Peer::start().await;
    peer.fail_tokens_with(&[504; 3]);
    let error = post(&peer.client(), &peer.url, Safety::Once).await.expect_err("no token");
    assert!(matches!(error, ClientError::Unreachable { service: Service::Lms, cause: Cause::NoToken }));
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    assert_eq!(peer.calls(), 0);
}

#[tokio::test]
async fn the_body_of_a_posts_response_does_not_matter() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(202).text("<html>")]);
    post(&peer.client(), &peer.url, Safety::Once).await.expect("accepted");
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn a_service_is_called_again_after_the_wait_that_it_asks_for() {
    let peer = Peer::start().await;
    let client = peer.client();
    peer.reply([Reply::status(429).header("retry-after", "1")]);
    let mut call = pin!(post(&client, &peer.url, Safety::Once));
    let early = tokio::time::timeout(Duration::from_millis(900), &mut call).await;
    assert!(early.is_err(), "still waiting");
    call.await.expect("the second attempt");
    assert_eq!(peer.calls(), 2);

    peer.reply([Reply::status(503).header("retry-after", "6")]);
    let error = post(&client, &peer.url, Safety::Repeatable).await.expect_err("too long to wait for");
    assert!(matches!(error, ClientError::Failed { status: 503, .. }));
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn errors_do_not_contain_the_request() {
    let peer = Peer::start().await;
    let (broken, _) = broken().await;
    let client = peer.client_within(SHORT, Arc::new(Zero));
    let mut errors = Vec::new();
    for status in [400, 500] {
        peer.reply([Reply::status(status).text("ann@x.example is unknown")]);
        errors.push(post(&client, &peer.url, Safety::Once).await.expect_err("a failure"));
    }
    for url in [broken, unreachable_url().await, "http://ann@x.example:port".to_owned()] {
        errors.push(post(&client, &url, Safety::Once).await.expect_err("a failure"));
    }
    for error in errors {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("ann") && !text.contains("s3cret") && !text.contains("token-"), "{text}");
    }
}
