//! Braze: the requests, and whether a failed mail may have been sent.

use std::{sync::Arc, time::Duration};

use license_domain::EmailAddress;
use serde_json::{Map, Value, json};

use super::{
    Standing, Zero,
    peer::{Peer, Reply, broken, unreachable_url},
};
use crate::{
    Braze, BrazeCampaign, BrazeClient, BrazeSettings, ClientError, Dispatch, Recipient, SendError, caller::CallLimits,
};

fn client(url: &str) -> BrazeClient {
    let settings = BrazeSettings::from_lookup(|name| {
        Some(if name == "BRAZE_API_URL" { format!("{url}/") } else { "k3y".to_owned() })
    });
    let limits = CallLimits::within(Duration::from_secs(1));
    BrazeClient::with_limits(settings, Arc::new(Standing::default()), Arc::new(Zero), limits).expect("a client")
}

fn properties(name: &str, value: &str) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), Value::from(value))])
}

fn campaign(recipients: usize) -> BrazeCampaign {
    let recipient = |number| Recipient {
        email: EmailAddress::on_record(format!("p{number}@x.example")),
        attributes: properties("email", &format!("p{number}@x.example")),
        trigger_properties: properties("link", "https://portal.example/k1"),
    };
    BrazeCampaign {
        id: "c-1".to_owned(),
        recipients: (0..recipients).map(recipient).collect(),
        trigger_properties: properties("plan", "Gold"),
    }
}

#[tokio::test]
async fn users_are_created_fifty_at_a_time() {
    let peer = Peer::start().await;
    let people: Vec<_> = (0..51).map(|number| EmailAddress::on_record(format!("p{number}@x.example"))).collect();
    peer.fail_with(&[429]);
    client(&peer.url).create_aliases(&people, true).await.expect("known");
    let seen = peer.seen();
    let targets: Vec<_> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(targets, ["/users/alias/new", "/users/alias/new", "/users/track", "/users/alias/new", "/users/track"]);
    assert!(seen.iter().all(|seen| seen.header("authorization") == "Bearer k3y"));
    let alias = json!({"alias_label": "Enterprise", "alias_name": "p50@x.example"});
    assert_eq!(seen[1].json()["user_aliases"].as_array().map(Vec::len), Some(50));
    assert_eq!(seen[3].json(), json!({"user_aliases": [alias]}));
    let attributes = json!({
        "user_alias": alias, "email": "p50@x.example", "is_enterprise_learner": true, "_update_existing_only": false,
    });
    assert_eq!(seen[4].json(), json!({"attributes": [attributes]}));

    client(&peer.url).create_aliases(&people[..1], false).await.expect("known");
    let seen = peer.seen();
    let attributes = &seen.last().expect("a call").json()["attributes"][0];
    assert!(attributes.get("is_enterprise_learner").is_none(), "admins are no learners");
}

#[tokio::test]
async fn a_campaign_is_sent_to_its_recipients() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(201).json(&json!({"message": "success", "dispatch_id": "d-1"}))]);
    let dispatch = client(&peer.url).send_campaign(&campaign(1)).await.expect("sent");
    assert_eq!(dispatch.dispatch_id.as_deref(), Some("d-1"));
    let seen = peer.seen();
    assert_eq!(seen[0].target, "/campaigns/trigger/send");
    assert_eq!(seen[0].header("authorization"), "Bearer k3y");
    let recipient = json!({
        "user_alias": {"alias_label": "Enterprise", "alias_name": "p0@x.example"},
        "attributes": {"email": "p0@x.example"},
        "trigger_properties": {"link": "https://portal.example/k1"},
    });
    assert_eq!(
        seen[0].json(),
        json!({"campaign_id": "c-1", "trigger_properties": {"plan": "Gold"}, "recipients": [recipient]})
    );

    peer.reply([Reply::status(201).text("garbage")]);
    assert_eq!(client(&peer.url).send_campaign(&campaign(50)).await.expect("sent"), Dispatch::default());
}

#[tokio::test]
async fn a_campaign_is_for_one_to_fifty() {
    let peer = Peer::start().await;
    for size in [0, 51] {
        let error = client(&peer.url).send_campaign(&campaign(size)).await.expect_err("none of that");
        assert!(matches!(error, SendError::Refused(ClientError::WrongSize { limit: 50, .. })));
        assert!(!error.is_retryable());
    }
    assert_eq!(peer.calls(), 0);
}

/// Whether a mail was `n`ot sent, `r`efused, or is `u`nknown.
fn known(error: &SendError) -> char {
    let text = format!("{error} {error:?}");
    assert!(!text.contains("@x") && !text.contains("k3y") && !text.contains("k1"), "{text}");
    match error {
        SendError::NotSent(_) => 'n',
        SendError::Refused(_) => 'r',
        SendError::Unknown(_) => 'u',
    }
}

#[tokio::test]
async fn a_failure_tells_whether_the_mail_was_sent_and_is_not_retried() {
    let peer = Peer::start().await;
    let cases =
        [(400, 'r'), (401, 'r'), (404, 'r'), (408, 'u'), (429, 'n'), (500, 'n'), (502, 'u'), (503, 'n'), (504, 'u')];
    for (status, expected) in cases {
        peer.reply([Reply::status(status).header("retry-after", "0")]);
        let error = client(&peer.url).send_campaign(&campaign(1)).await.expect_err("a failure");
        assert_eq!(known(&error), expected, "{status}");
        assert_eq!(peer.calls(), 1, "{status}");
    }

    peer.reply([Reply::status(201).after(Duration::from_secs(3))]);
    let error = client(&peer.url).send_campaign(&campaign(1)).await.expect_err("too late");
    assert_eq!(known(&error), 'u');
    assert_eq!(peer.calls(), 1);

    let (broken, calls) = broken().await;
    let error = client(&broken).send_campaign(&campaign(1)).await.expect_err("broken off");
    assert_eq!(known(&error), 'u');
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);

    let error =
        client(&unreachable_url().await).send_campaign(&campaign(1)).await.expect_err("no server listens there");
    assert_eq!(known(&error), 'n');
}

#[tokio::test]
async fn failures_do_not_keep_the_next_call_from_being_made() {
    let peer = Peer::start().await;
    let client = client(&peer.url);
    peer.fail_with(&[500; 6]);
    for _ in 0..6 {
        client.send_campaign(&campaign(1)).await.expect_err("a failure");
    }
    peer.reply([Reply::status(201).json(&json!({ "dispatch_id": "d-1", "message": "success" }))]);
    client.send_campaign(&campaign(1)).await.expect("Braze works again");
}

#[tokio::test]
async fn missing_settings_are_named_and_no_value_is_shown() {
    let nothing = BrazeSettings::from_lookup(|_| None);
    let client = BrazeClient::new(nothing, Arc::new(Standing::default()), Arc::new(Zero)).expect("a client");
    let error = client.send_campaign(&campaign(1)).await.expect_err("no address");
    assert_eq!((known(&error), error.to_string()), ('n', "not sent: the setting BRAZE_API_URL is missing".to_owned()));
    let client = super::braze::client("http://127.0.0.1:1");
    let shown = format!("{client:?} {:?} {:?}", campaign(1), campaign(1).recipients);
    assert!(!shown.contains("@x") && !shown.contains("portal.example"), "{shown}");
    let settings = BrazeSettings { key: Some("hush".to_owned()), ..BrazeSettings::default() };
    assert!(!format!("{settings:?}").contains("hush"));
}
