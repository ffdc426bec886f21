//! Tokens signed with keys of a JWK set: given, fetched, changed under way.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{Json, Router, http::StatusCode, routing::get};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet},
};
use serde_json::json;

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
    for good in [first.own(), second.own(), second.token(Algorithm::RS512, None)] {
        assert_eq!(status(&api, &good).await, 200);
    }
    let unknown = second.token(Algorithm::RS512, Some("third"));
    let weaker = first.token(Algorithm::RS256, Some("first"));
    for bad in [stranger.own(), unknown, weaker] {
        assert_eq!(status(&api, &bad).await, 401);
    }
    // The public key is no secret: nobody may sign with it.
    let modulus = json!(first.public())["n"].as_str().expect("a modulus").to_owned();
    let claims = json!({ "preferred_username": "ada", "roles": [ADMIN], "exp": 1_795_430_768 + 100 });
    let forged = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(modulus.as_bytes()));
    assert_eq!(status(&api, &format!("JWT {}", forged.expect("a token"))).await, 401);
}

/// A server of keys that counts who asks, and can be made to fail.
#[derive(Clone, Default)]
struct KeyServer {
    keys: Arc<Mutex<Option<JwkSet>>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    fn publish(&self, keys: Option<&[&Signer]>) {
        let set = keys.map(|keys| JwkSet { keys: keys.iter().map(|key| key.public()).collect() });
        *self.keys.lock().expect("not poisoned") = set;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Starts it, on a free port; its URL.
    async fn start(&self) -> String {
        let server = self.clone();
        let answer = move || {
            server.asked.fetch_add(1, Ordering::SeqCst);
            let keys = server.keys.lock().expect("not poisoned").clone();
            std::future::ready(keys.map(Json).ok_or(StatusCode::BAD_GATEWAY))
        };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/keys", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/keys")
    }
}

#[tokio::test]
async fn fetched_keys_are_kept_and_an_unknown_one_makes_them_be_fetched_again_once_a_minute() {
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

    // A server that is away is not asked more often, and what is known serves on.
    server.publish(None);
    clock.advance(60);
    let unknown = old.token(Algorithm::RS512, Some("unknown"));
    assert_eq!((status(&api, &unknown).await, status(&api, &unknown).await, server.asked()), (401, 401, 3));
    assert_eq!((status(&api, &new.own()).await, server.asked()), (200, 3));

    // After an hour what was taken back is forgotten.
    server.publish(Some(&[&new]));
    clock.advance(3600);
    assert_eq!((status(&api, &old.own()).await, status(&api, &new.own()).await), (401, 200));
}

#[tokio::test]
async fn without_any_key_the_service_is_unavailable_and_tries_again_soon() {
    let signer = Signer::new("one");
    let server = KeyServer::default();
    let clock = Standing::at(START);
    let api = api(&clock, &[("JWT_PUBLIC_SIGNING_JWK_SET", &server.start().await)]);
    assert_eq!((status(&api, &signer.own()).await, status(&api, &signer.own()).await, server.asked()), (503, 503, 1));
    server.publish(Some(&[&signer]));
    clock.advance(5);
    assert_eq!((status(&api, &signer.own()).await, server.asked()), (200, 2));
}
