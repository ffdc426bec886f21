//! Events are delivered by HTTPS to public addresses only, and once.

use std::{sync::atomic::Ordering, time::Duration};

use super::peer::{Peer, Reply, broken, unreachable_url};
use crate::{Cause, ClientError, WebhookClient, WebhookSettings, caller::CallLimits};

fn anywhere() -> WebhookClient {
    let settings = WebhookSettings::from_lookup(|name| (name == "WEBHOOK_ALLOW_HTTP").then(|| "true".to_owned()));
    WebhookClient::with_limits(settings, CallLimits::within(Duration::from_secs(1))).expect("a client")
}

#[tokio::test]
async fn an_event_is_delivered_as_it_is() {
    let peer = Peer::start().await;
    let headers = [("content-type", "application/json"), ("x-signature", "abc")];
    for status in [204, 400, 429, 500] {
        peer.reply([Reply::status(status)]);
        let response = anywhere().deliver(&format!("{}/hook?x=1", peer.url), b"{\"a\":1}", &headers).await;
        assert_eq!(response.expect("a response"), status);
    }
    let seen = peer.seen();
    assert_eq!(seen.len(), 4, "none is repeated");
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/hook?x=1"));
    assert_eq!((seen[0].header("x-signature"), seen[0].header("content-type")), ("abc", "application/json"));
    assert_eq!(&seen[0].body[..], b"{\"a\":1}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (peer, other) = (Peer::start().await, Peer::start().await);
    for status in [302, 307, 308] {
        peer.reply([Reply::status(status).header("location", &other.url)]);
        assert_eq!(anywhere().deliver(&peer.url, b"{}", &[]).await.expect("a response"), status);
    }
    assert_eq!((peer.calls(), other.calls()), (3, 0));
}

#[tokio::test]
async fn addresses_that_only_we_can_reach_are_refused() {
    let (url, calls) = broken().await;
    let port = url.rsplit(':').next().expect("a port");
    for settings in [WebhookSettings::default(), WebhookSettings::from_lookup(|_| Some("1".to_owned()))] {
        let client = WebhookClient::new(settings).expect("a client");
        let hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "ann@localhost"];
        for host in hosts {
            let error = client.deliver(&format!("https://{host}:{port}/hook"), b"{}", &[]).await.expect_err("private");
            assert!(matches!(error, ClientError::Forbidden { reason: "it is not public", .. }), "{host}: {error}");
            assert!(!error.is_retryable() && !error.is_outcome_unknown());
            assert!(!format!("{error} {error:?}").contains("ann"));
        }
        for url in [url.as_str(), "http://example.com/", "ftp://example.com/", "file:///etc/hosts", "no address"] {
            let error = client.deliver(url, b"{}", &[]).await.expect_err("no HTTPS");
            assert!(matches!(error, ClientError::Forbidden { .. }), "{url}: {error}");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_outcome_of_a_failed_delivery_may_be_unknown() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(200).after(Duration::from_secs(3))]);
    let error = anywhere().deliver(&peer.url, b"{}", &[]).await.expect_err("too late");
    assert!(matches!(error, ClientError::Unreachable { cause: Cause::TimedOut, .. }) && error.is_outcome_unknown());
    assert_eq!(peer.calls(), 1);
    let error = anywhere().deliver(&unreachable_url().await, b"{}", &[]).await.expect_err("no server listens there");
    assert!(matches!(error, ClientError::Unreachable { cause: Cause::NoConnection, .. }));
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    let error = anywhere().deliver(&peer.url, b"{}", &[("x", "a\nb")]).await.expect_err("not a header");
    assert!(matches!(error, ClientError::Setup(_)) && !error.is_outcome_unknown());
    assert_eq!(peer.calls(), 0);
}
