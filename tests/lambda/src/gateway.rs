//! All AWS endpoints of the functions. The gateway recognizes the function by the access key of the request's
//! signature, checks the function's role, and forwards the request to the engine or to the runner's stand-ins.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    access::{AwsRequest, Credential, listing},
    policy::{Access, Policy},
    template::REGION,
};

/// Headers that belong to one connection.
const OWN_HEADERS: [HeaderName; 4] =
    [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];

#[derive(Clone, Debug)]
pub struct Role {
    /// The function's logical id.
    pub function: String,
    pub policy: Policy,
}

/// The targets of forwarded requests.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The table's engine.
    pub engine: String,
    /// The runner's stand-ins.
    pub services: String,
}

struct Inner {
    roles: RwLock<BTreeMap<String, Role>>,
    upstream: RwLock<Upstream>,
    http: reqwest::Client,
    used: Mutex<BTreeSet<(String, Access)>>,
    refused: Mutex<Vec<String>>,
}

#[derive(Clone)]
pub struct Gateway {
    url: String,
    inner: Arc<Inner>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({})", self.url)
    }
}

impl Gateway {
    /// Begins to listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            roles: RwLock::default(),
            upstream: RwLock::new(Upstream { engine: String::new(), services: String::new() }),
            http: reqwest::Client::new(),
            used: Mutex::default(),
            refused: Mutex::default(),
        });
        let router = Router::new().fallback(serve).layer(DefaultBodyLimit::disable()).with_state(inner.clone());
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the gateway stopped: {error}");
            }
        });
        Self { url, inner }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the targets of forwarded requests.
    pub fn forward_to(&self, upstream: Upstream) {
        *self.inner.upstream.write().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Adds a function with its access key.
    pub fn admit(&self, key: &str, role: Role) {
        self.inner.roles.write().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), role);
    }

    /// The permitted accesses so far, with the functions.
    pub fn used(&self) -> BTreeSet<(String, Access)> {
        lock(&self.inner.used).clone()
    }

    /// The refused or unknown requests so far.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.inner.refused).clone()
    }
}

async fn serve(State(inner): State<Arc<Inner>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = AwsRequest { method: &method, uri: &uri, headers: &headers, body: &body };
    let Some(credential) = request.credential() else {
        return inner.refuse(&uri, "MissingAuthenticationToken", &format!("{method} {} is not signed", uri.path()));
    };
    let role = inner.roles.read().unwrap_or_else(PoisonError::into_inner).get(&credential.key).cloned();
    let Some(role) = role else {
        return inner.refuse(&uri, "UnrecognizedClientException", &format!("the key {} is unknown", credential.key));
    };
    if !credential.has_token || credential.region != REGION {
        let message =
            format!("{}: a signature without its session, or of another region: {credential:?}", role.function);
        return inner.refuse(&uri, "UnrecognizedClientException", &message);
    }
    let Some(accesses) = request.accesses(&credential.service) else {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let what = format!("{}: {method} {} {target} is not understood", role.function, uri.path());
        return inner.refuse(&uri, "UnknownOperationException", &what);
    };
    for access in accesses {
        if !role.policy.allows(&access) {
            let message = format!(
                "User: {} is not authorized to perform: {} on resource: {} because no identity-based policy allows the {} action",
                role.function, access.action, access.resource, access.action
            );
            return inner.refuse(&uri, "AccessDeniedException", &message);
        }
        lock(&inner.used).insert((role.function.clone(), access));
    }
    let response = inner.forward(&request, &credential).await;
    // Without the permission to list the bucket, S3 does not say that an object is missing.
    let is_missing = credential.service == "s3" && response.status() == StatusCode::NOT_FOUND;
    match listing(&uri).filter(|_| is_missing) {
        Some(listing) if !role.policy.allows(&listing) => s3_error("AccessDenied", "Access Denied"),
        Some(listing) => {
            lock(&inner.used).insert((role.function.clone(), listing));
            response
        }
        None => response,
    }
}

impl Inner {
    /// Responds as AWS does, and records it.
    fn refuse(&self, uri: &Uri, code: &str, message: &str) -> Response {
        lock(&self.refused).push(message.to_owned());
        if uri.path().starts_with("/s3/") {
            return s3_error("AccessDenied", message);
        }
        let body =
            json!({ "__type": format!("com.amazon.coral.service#{code}"), "message": message, "Message": message });
        let content = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        (StatusCode::BAD_REQUEST, content, body.to_string()).into_response()
    }

    async fn forward(&self, request: &AwsRequest<'_>, credential: &Credential) -> Response {
        let upstream = self.upstream.read().unwrap_or_else(PoisonError::into_inner).clone();
        let to = if credential.service == "dynamodb" { upstream.engine } else { upstream.services };
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut forwarded = self.http.request(request.method.clone(), format!("{to}{path}"));
        for (name, value) in request.headers.iter().filter(|(name, _)| !OWN_HEADERS.contains(name)) {
            forwarded = forwarded.header(name, value);
        }
        match forwarded.body(request.body.to_vec()).send().await {
            Ok(answer) => {
                let mut response = Response::builder().status(answer.status());
                for (name, value) in answer.headers().iter().filter(|(name, _)| !OWN_HEADERS.contains(name)) {
                    response = response.header(name, value);
                }
                let body = answer.bytes().await.unwrap_or_default();
                response.body(Body::from(body)).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
            }
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

fn s3_error(code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
