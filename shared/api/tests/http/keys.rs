//! Tokens signed with keys of a JWK set: from the settings, fetched, and changed while requests run.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{Router, http::StatusCode, routing::get};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{ADMIN, Standing, THINGS, api, ask};

const START: &str = "2026-11-23T10:46:08Z";

/// A key pair of the LMS.
struct Signer {
    kid: &'static str,
    key: EncodingKey,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("an encoding");
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Self { kid, key: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key") }
    }

    fn public(&self) -> Jwk {
        let mut key = Jwk::from_encoding_key(&self.key, Algorithm::RS512).expect("a key");
        key.common.key_id = Some(self.kid.to_owned());
        key
    }

    /// The value of `Authorization` for a token that names its key, or does not.
    fn token(&self, algorithm: Algorithm, kid: Option<&str>) -> String {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(ToOwned::to_owned);
        let claims = json!({ "preferred_username": "ada", "roles": [ADMIN], "exp": 1_795_430_768 + 100_000 });
        format!("JWT {}", encode(&header, &claims, &self.key).expect("a token"))
    }

    fn own(&self) -> String {
        self.token(Algorithm::RS512, Some(self.kid))
    }
}

async fn status(api: &Router, token: &str) -> u16 {
    ask(api, "GET", THINGS, &[("Authorization", token)], "").await.status
}

#[tokio::test]
async fn any_of_several_keys_may_have_signed() {
    let (first, second, stranger) = (Signer::new("first"), Signer::new("second"), Signer::new("first"));
    let set = json!(JwkSet { keys: vec![first.public(), second.public()] }).to_string();
    let api = api(&Standing::at(START), &[("JWT_PUBLIC_SIGNING_JWK_SET", &set)]);
    // A token that names an unknown key is tried with all keys.
    let unknown = second.token(Algorithm::RS512, Some("third"));
    for good in [first.own(), second.own(), second.token(Algorithm::RS512, None), unknown] {
        assert_eq!(status(&api, &good).await, 200);
    }
    let weaker = first.token(Algorithm::RS256, Some("first"));
    for bad in [stranger.own(), stranger.token(Algorithm::RS512, Some("third")), weaker] {
        assert_eq!(status(&api, &bad).await, 401);
    }
    // The public key is not a secret: a token that is signed with it must be refused.
    let modulus = json!(first.public())["n"].as_str().expect("a modulus").to_owned();
    let claims = json!({ "preferred_username": "ada", "roles": [ADMIN], "exp": 1_795_430_768 + 100 });
    let forged = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(modulus.as_bytes()));
    assert_eq!(status(&api, &format!("JWT {}", forged.expect("a token"))).await, 401);
}

/// A server of keys that counts its requests and can be made to fail.
#[derive(Clone)]
struct KeyServer {
    /// The response; an error if there is none.
    response: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    /// How many responses may be sent; the others wait.
    allowed: Arc<Semaphore>,
}

impl Default for KeyServer {
    fn default() -> Self {
        let allowed = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { response: Arc::default(), asked: Arc::default(), allowed }
    }
}

impl KeyServer {
    fn publish(&self, keys: Option<&[&Signer]>) {
        let set = keys.map(|keys| JwkSet { keys: keys.iter().map(|key| key.public()).collect() });
        self.say(set.map(|set| json!(set).to_string()));
    }

    fn say(&self, response: Option<String>) {
        *self.response.lock().expect("not poisoned") = response;
    }

    /// Holds back all responses until [`KeyServer::go_on`].
    fn hold(&self) {
        self.allowed.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn go_on(&self) {
        self.allowed.add_permits(1_000);
    }

    /// Waits until the server has had that many requests.
    async fn until_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Starts the server on a free port and returns its URL.
    async fn start(&self) -> String {
        let server = self.clone();
        let response = move || {
            let server = server.clone();
            async move {
                server.asked.fetch_add(1, Ordering::SeqCst);
                server.allowed.acquire().await.expect("never closed").forget();
                let response = server.response.lock().expect("not poisoned").clone();
                response.ok_or(StatusCode::BAD_GATEWAY)
            }
        };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/keys", get(response));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/keys")
    }
}

#[tokio::test]
async fn fetched_keys_are_cached_and_an_unknown_key_causes_one_fetch_a_minute() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = KeyServer::default();
    server.publish(Some(&[&old]));
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);

    assert_eq!((status(&api, &old.own()).await, status(&api, &old.own()).await), (200, 200));
    assert_eq!(server.asked(), 1);
    server.publish(Some(&[&old, &new]));
    assert_eq!((status(&api, &new.own()).await, server.asked()), (401, 1));
    clock.advance(60);
    assert_eq!((status(&api, &new.own()).await, server.asked()), (200, 2));
    assert_eq!((status(&api, &old.own()).await, server.asked()), (200, 2));

    // While the server is unavailable, it is not called more often, and the known keys are used.
    server.publish(None);
    clock.advance(60);
    let unknown = Signer::new("unknown").own();
    assert_eq!((status(&api, &unknown).await, status(&api, &unknown).await, server.asked()), (401, 401, 3));
    assert_eq!((status(&api, &new.own()).await, server.asked()), (200, 3));

    // After an hour a withdrawn key is forgotten.
    server.publish(Some(&[&new]));
    clock.advance(3600);
    assert_eq!((status(&api, &old.own()).await, status(&api, &new.own()).await), (401, 200));
}

#[tokio::test]
async fn without_any_key_the_service_is_unavailable_and_fetches_again_soon() {
    let signer = Signer::new("one");
    let server = KeyServer::default();
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);
    assert_eq!((status(&api, &signer.own()).await, status(&api, &signer.own()).await, server.asked()), (503, 503, 1));
    server.publish(Some(&[&signer]));
    clock.advance(5);
    assert_eq!((status(&api, &signer.own()).await, server.asked()), (200, 2));
}

#[tokio::test]
async fn an_unusable_set_never_replaces_good_keys() {
    let (signer, other) = (Signer::new("one"), Signer::new("two"));
    let encrypting = with(other.public(), |key| key.common.public_key_use = Some(PublicKeyUse::Encryption));
    let padded = json!({ "keys": [other.public()], "padding": "x".repeat(300_000) });
    let server = KeyServer::default();
    server.publish(Some(&[&signer]));
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);
    assert_eq!(status(&api, &signer.own()).await, 200);
    let responses = [
        String::new(),
        "<html>be back soon</html>".to_owned(),
        json!({ "keys": [] }).to_string(),
        json!({ "keys": {} }).to_string(),
        json!({ "keys": [{ "kty": "RSA" }, 5] }).to_string(),
        json!({ "keys": [encrypting] }).to_string(),
        padded.to_string(),
    ];
    for (n, response) in responses.into_iter().enumerate() {
        let shown: String = response.chars().take(60).collect();
        server.say(Some(response));
        clock.advance(3_600);
        assert_eq!((status(&api, &signer.own()).await, server.asked()), (200, n + 2), "{shown}");
        assert_eq!(status(&api, &other.own()).await, 401, "{shown}");
    }
    // A set may have keys of unknown kinds beside good ones.
    let beside = json!({ "keys": [{ "kty": "new", "kid": "x" }, { "kty": "RSA", "alg": "X9" }, other.public()] });
    server.say(Some(beside.to_string()));
    clock.advance(3_600);
    assert_eq!((status(&api, &other.own()).await, status(&api, &signer.own()).await), (200, 401));
}

#[tokio::test]
async fn requests_whose_key_is_known_wait_for_no_fetch() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = KeyServer::default();
    server.publish(Some(&[&old]));
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);
    assert_eq!(status(&api, &old.own()).await, 200);
    server.publish(Some(&[&old, &new]));
    server.hold();
    clock.advance(3_600);
    let ask = |token: String| {
        let api = api.clone();
        tokio::spawn(async move { status(&api, &token).await })
    };
    let waiting: Vec<_> = (0..5).map(|_| ask(new.own())).collect();
    server.until_asked(2).await;
    // The keys are due to be fetched, and their server does not respond.
    for _ in 0..3 {
        let known = tokio::time::timeout(Duration::from_secs(2), status(&api, &old.own())).await;
        assert_eq!(known.expect("no wait"), 200);
    }
    assert!(waiting.iter().all(|request| !request.is_finished()));
    // The client whose request began the fetch disconnects; the others get the fetched keys.
    waiting[0].abort();
    server.go_on();
    for request in waiting.into_iter().skip(1) {
        assert_eq!(request.await.expect("a response"), 200);
    }
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn the_first_requests_share_one_fetch_and_unknown_keys_cause_one_a_minute() {
    let signer = Signer::new("one");
    let server = KeyServer::default();
    server.publish(Some(&[&signer]));
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);
    let own = signer.own();
    let stranger = Signer::new("stranger");
    let first = futures::future::join_all((0..10).map(|_| status(&api, &own))).await;
    assert_eq!((first, server.asked()), (vec![200; 10], 1));
    for minute in 1..4 {
        clock.advance(60);
        for n in 0..20 {
            let unknown = stranger.token(Algorithm::RS512, Some(&format!("unknown-{minute}-{n}")));
            assert_eq!(status(&api, &unknown).await, 401);
            clock.advance(2);
        }
        assert_eq!(server.asked(), 1 + minute);
    }
}

#[tokio::test]
async fn a_key_verifies_only_the_algorithm_that_it_declares() {
    let signer = Signer::new("one");
    let status = async |change: fn(&mut Jwk), algorithm: Algorithm| {
        let set = json!({ "keys": [with(signer.public(), change)] }).to_string();
        let api = api(&Standing::at(START), &[("JWT_PUBLIC_SIGNING_JWK_SET", &set)]);
        status(&api, &signer.token(algorithm, Some("one"))).await
    };
    let (strong, weak) = (Algorithm::RS512, Algorithm::RS256);
    assert_eq!(status(|_| {}, strong).await, 200);
    assert_eq!(status(|key| key.common.key_algorithm = None, strong).await, 200);
    assert_eq!(status(|key| key.common.public_key_use = Some(PublicKeyUse::Signature), strong).await, 200);
    assert_eq!(status(|key| key.common.key_operations = Some(vec![KeyOperations::Verify]), strong).await, 200);
    assert_eq!(status(|key| key.common.key_algorithm = Some(KeyAlgorithm::RS256), weak).await, 200);
    assert_eq!(status(|key| key.common.public_key_use = Some(PublicKeyUse::Encryption), strong).await, 401);
    assert_eq!(status(|key| key.common.key_operations = Some(vec![KeyOperations::WrapKey]), strong).await, 401);
    for other in [KeyAlgorithm::RS256, KeyAlgorithm::PS512, KeyAlgorithm::RSA_OAEP, KeyAlgorithm::UNKNOWN_ALGORITHM] {
        let set = json!({ "keys": [with(signer.public(), |key| key.common.key_algorithm = Some(other))] }).to_string();
        let api = api(&Standing::at(START), &[("JWT_PUBLIC_SIGNING_JWK_SET", &set)]);
        assert_eq!(self::status(&api, &signer.own()).await, 401, "{other:?}");
    }
    assert_eq!(status(|key| key.common.key_algorithm = None, weak).await, 401);
    assert_eq!(status(|_| {}, weak).await, 401);
}

/// The key with `change` applied, as JSON.
fn with(mut key: Jwk, change: impl FnOnce(&mut Jwk)) -> Value {
    change(&mut key);
    json!(key)
}
