//! A service with prepared responses that records its requests.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use license_domain::Random;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{Standing, Zero};
use crate::{ClientSettings, ServiceClient, caller::CallLimits};

/// A prepared response to one request.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: "{}".to_owned(), delay: Duration::ZERO }
    }

    pub fn text(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A request that was received.
#[derive(Clone)]
pub struct Seen {
    pub method: Method,
    /// The path with the query string.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

#[derive(Default)]
struct Inner {
    tokens: AtomicUsize,
    token_faults: Mutex<VecDeque<u16>>,
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

/// The service. A request without a prepared response gets an empty object.
pub struct Peer {
    pub url: String,
    pub clock: Arc<Standing>,
    inner: Arc<Inner>,
}

async fn token(State(inner): State<Arc<Inner>>) -> Response {
    if let Some(status) = inner.token_faults.lock().expect("not poisoned").pop_front() {
        return StatusCode::from_u16(status).expect("a status").into_response();
    }
    let number = inner.tokens.fetch_add(1, Ordering::Relaxed) + 1;
    Json(json!({"access_token": format!("token-{number}"), "expires_in": 3600})).into_response()
}

async fn response(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    inner.seen.lock().expect("not poisoned").push(Seen { method, target: uri.to_string(), headers, body });
    let reply = inner.replies.lock().expect("not poisoned").pop_front().unwrap_or_else(|| Reply::status(200));
    tokio::time::sleep(reply.delay).await;
    let mut response = (StatusCode::from_u16(reply.status).expect("a status"), reply.body).into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().expect("a value"));
    }
    response
}

impl Peer {
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let router = Router::new()
            .route("/oauth2/access_token", post(token))
            .fallback(response)
            .layer(DefaultBodyLimit::disable());
        let router = router.with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, clock: Arc::default(), inner }
    }

    /// A client of this service with long timeouts.
    pub fn client(&self) -> ServiceClient {
        self.client_within(Duration::from_secs(5), Arc::new(Zero))
    }

    /// A client of this service with that timeout.
    pub fn client_within(&self, total: Duration, random: Arc<dyn Random>) -> ServiceClient {
        let settings = ClientSettings::from_lookup(|name| match name {
            "LMS_URL" => Some(self.url.clone()),
            _ => Some("s3cret".to_owned()),
        });
        ServiceClient::with_limits(settings, self.clock.clone(), random, CallLimits::within(total)).expect("a client")
    }

    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.replies.lock().expect("not poisoned").extend(replies);
    }

    pub fn fail_with(&self, statuses: &[u16]) {
        self.reply(statuses.iter().map(|status| Reply::status(*status)));
    }

    /// Fails the next requests for a token.
    pub fn fail_tokens_with(&self, statuses: &[u16]) {
        self.inner.token_faults.lock().expect("not poisoned").extend(statuses);
    }

    /// The requests since the last call of this function, without those for tokens.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.inner.seen.lock().expect("not poisoned"))
    }

    pub fn calls(&self) -> usize {
        self.seen().len()
    }

    pub fn tokens(&self) -> usize {
        self.inner.tokens.load(Ordering::Relaxed)
    }
}

/// A server that breaks the connection after each request, and the number of its requests.
pub async fn broken() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let calls = Arc::new(AtomicUsize::default());
    let counter = calls.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut some = [0; 16];
            if connection.read(&mut some).await.is_ok_and(|read| read > 0) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (url, calls)
}

/// A URL on which no server listens.
pub async fn unreachable_url() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
