//! An HTTP client with one requester's token.

use reqwest::{Method, StatusCode, header};
use serde_json::Value;

/// Sends requests as one requester.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// A response with its whole body.
#[derive(Clone, Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl TestResponse {
    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// That header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, after asserting the status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

impl Client {
    /// A client that sends this token, or none.
    pub fn new(http: reqwest::Client, url: impl Into<String>, token: Option<String>) -> Self {
        Self { http, url: url.into(), token }
    }

    /// Any request; `path` may be a whole URL, as in a page's `next`.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> TestResponse {
        self.send_with(method, path, body, &[]).await
    }

    /// Any request with more headers.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> TestResponse {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("JWT {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the app responds");
        let (status, headers) = (response.status(), response.headers().clone());
        TestResponse { status, headers, text: response.text().await.expect("a whole body") }
    }

    /// Sends a request without body; returns the response's body as it was on the wire.
    pub async fn send_raw(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> (header::HeaderMap, Vec<u8>) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("JWT {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the app responds");
        (response.headers().clone(), response.bytes().await.expect("a whole body").to_vec())
    }

    /// A request of the HTTP client itself, with the token.
    pub fn authorized(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("JWT {token}")),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, None).await
    }

    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, None).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> TestResponse {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a request with that id to a product that may have been killed; returns its response, if there is one.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        request_id: &str,
    ) -> Option<TestResponse> {
        let request = self.authorized(method, &format!("{}{path}", self.url)).header("x-request-id", request_id);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some(TestResponse { status, headers, text: response.text().await.ok()? })
    }

    /// Sends a POST of JSON to a product that may have been killed; returns the response's body if it succeeded.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        Self::body(self.authorized(Method::POST, &format!("{}{path}", self.url)).json(body)).await
    }

    /// Sends a GET to a product that may have been killed.
    pub async fn try_get(&self, path: &str) -> Option<Value> {
        Self::body(self.authorized(Method::GET, &format!("{}{path}", self.url))).await
    }

    async fn body(request: reqwest::RequestBuilder) -> Option<Value> {
        let response = request.send().await.ok()?.error_for_status().ok()?;
        serde_json::from_str(&response.text().await.ok()?).ok()
    }
}
