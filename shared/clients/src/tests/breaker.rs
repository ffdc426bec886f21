//! A service that fails again and again is left alone.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;

use super::peer::{Peer, Reply};
use crate::{ClientError, Safety, Service, ServiceClient};

async fn post(client: &ServiceClient, peer: &Peer, service: Service, safety: Safety) -> Result<(), ClientError> {
    client.post(service, &peer.url, &json!({}), safety).await
}

async fn once(client: &ServiceClient, peer: &Peer) -> Result<(), ClientError> {
    post(client, peer, Service::Enterprise, Safety::Once).await
}

async fn fail(client: &ServiceClient, peer: &Peer, times: usize) {
    for _ in 0..times {
        peer.fail_with(&[500]);
        let error = once(client, peer).await.expect_err("a failure");
        assert!(matches!(error, ClientError::Failed { .. }));
    }
    assert_eq!(peer.calls(), times);
}

fn is_open(outcome: Result<(), ClientError>) -> bool {
    outcome.is_err_and(|error| {
        assert!(error.is_retryable() && !error.is_outcome_unknown());
        assert_eq!(error.metric(), "ServiceOpen");
        matches!(error, ClientError::Open { service: Service::Enterprise })
    })
}

#[tokio::test]
async fn after_five_failures_in_a_row_it_is_left_alone_for_fifteen_seconds() {
    let peer = Peer::start().await;
    let client = peer.client();
    fail(&client, &peer, 4).await;
    peer.fail_with(&[404]);
    assert!(matches!(once(&client, &peer).await, Err(ClientError::Refused { .. })), "a refusal is an answer");
    assert_eq!(peer.calls(), 1);
    fail(&client, &peer, 5).await;
    assert!(is_open(once(&client, &peer).await));
    peer.clock.0.store(14, Ordering::Relaxed);
    assert!(is_open(once(&client, &peer).await));
    assert_eq!(peer.calls(), 0);
    post(&client, &peer, Service::Catalog, Safety::Once).await.expect("another service is none of its business");

    peer.clock.0.store(15, Ordering::Relaxed);
    once(&client, &peer).await.expect("well again");
    once(&client, &peer).await.expect("well again");
    assert_eq!(peer.calls(), 3);
    fail(&client, &peer, 4).await;
}

#[tokio::test]
async fn then_one_call_goes_through_and_decides() {
    let peer = Peer::start().await;
    let client = peer.client();
    fail(&client, &peer, 5).await;
    peer.clock.0.store(15, Ordering::Relaxed);
    peer.reply([Reply::status(500).after(Duration::from_millis(200))]);
    let (one, other) = tokio::join!(once(&client, &peer), once(&client, &peer));
    assert!(matches!(one, Err(ClientError::Failed { .. })));
    assert!(is_open(other));
    assert_eq!(peer.calls(), 1);

    peer.clock.0.store(29, Ordering::Relaxed);
    assert!(is_open(once(&client, &peer).await), "left alone for as long again");
    peer.clock.0.store(30, Ordering::Relaxed);
    once(&client, &peer).await.expect("well again");
}

#[tokio::test]
async fn a_call_that_is_one_too_many_says_what_it_met() {
    let peer = Peer::start().await;
    let client = peer.client();
    fail(&client, &peer, 4).await;
    peer.fail_with(&[503]);
    let outcome = post(&client, &peer, Service::Enterprise, Safety::Repeatable).await;
    assert!(matches!(outcome, Err(ClientError::Failed { status: 503, .. })));
    assert_eq!(peer.calls(), 1, "its other attempts were not made");
}
