//! A browser at the console: it keeps cookies, sends forms with the token of its page, and follows no redirect by
//! itself.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Method, Url, header, redirect};
use serde_json::Value;

use crate::{TestApp, TestResponse};

/// The cookie with the token of forms.
const TOKEN: &str = "license_manager_csrftoken";

/// A browser with its cookies.
#[derive(Debug)]
pub struct Browser {
    http: reqwest::Client,
    url: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// The field of forms with the token.
const FORM_TOKEN: &str = "csrfmiddlewaretoken";

impl Browser {
    /// A new browser at that app.
    pub fn new(app: &TestApp) -> Self {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
        Self { http, url: app.running().url(), cookies: Mutex::default() }
    }

    /// The cookie of that name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("no test panics here").get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("no test panics here").insert(name.to_owned(), value.to_owned());
    }

    /// Sends any request; cookies are only sent to the app.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> TestResponse {
        let is_ours = path.starts_with('/') || path.starts_with(&self.url);
        let url = if path.starts_with('/') { format!("{}{path}", self.url) } else { path.to_owned() };
        let mut request = self.http.request(method, url);
        if is_ours {
            let cookies = self.cookies.lock().expect("no test panics here");
            let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await.expect("the app responds");
        let (status, headers) = (response.status(), response.headers().clone());
        if is_ours {
            for set in headers.get_all(header::SET_COOKIE) {
                self.keep(set.to_str().expect("text"));
            }
        }
        TestResponse { status, headers, text: response.text().await.expect("a whole body") }
    }

    fn keep(&self, set: &str) {
        let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
        let mut cookies = self.cookies.lock().expect("no test panics here");
        if set.contains("Max-Age=0;") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, None, &[]).await
    }

    /// Sends a form, with the token of the cookie.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> TestResponse {
        let token = self.cookie(TOKEN).unwrap_or_default();
        let form: Vec<(&str, &str)> = form.iter().copied().chain([("csrfmiddlewaretoken", token.as_str())]).collect();
        self.send(Method::POST, path, Some(&form), &[]).await
    }

    /// Sends a form with a file; without a token among the fields, with the one of the cookie.
    pub async fn post_file(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        (name, file_name): (&str, &str),
        file: &[u8],
    ) -> TestResponse {
        let token = self.cookie(TOKEN).unwrap_or_default();
        let has_token = fields.iter().any(|(name, _)| *name == FORM_TOKEN);
        let token = (!has_token).then_some((FORM_TOKEN, token.as_str()));
        let mut body = Vec::new();
        for (name, value) in fields.iter().copied().chain(token) {
            let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: text/csv\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let cookies = self.cookies.lock().expect("no test panics here").clone();
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header(header::COOKIE, pairs.join("; "))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
            .body(body);
        let response = request.send().await.expect("the app responds");
        let (status, headers) = (response.status(), response.headers().clone());
        TestResponse { status, headers, text: response.text().await.expect("a whole body") }
    }

    /// Begins to sign in; returns the LMS's URL with the request.
    pub async fn begin(&self, next: &str) -> Url {
        let begun = self.get(&format!("/login/?next={next}")).await;
        assert_eq!(begun.status.as_u16(), 303, "{}", begun.text);
        begun.header("location").and_then(|to| to.parse().ok()).expect("an address")
    }

    /// The URL that leads back to the console after the LMS's page, for that person, perhaps with these claims.
    pub async fn choose(&self, at_lms: &Url, name: &str, claims: Option<&Value>) -> String {
        let mut url = at_lms.clone();
        url.query_pairs_mut().append_pair("as", name);
        if let Some(claims) = claims {
            url.query_pairs_mut().append_pair("claims", &claims.to_string());
        }
        let back = self.get(url.as_str()).await;
        assert_eq!(back.status.as_u16(), 302, "{}", back.text);
        back.header("location").expect("an address").to_owned()
    }

    /// Signs in as one of the stand-in's people, or with these claims.
    pub async fn sign_in(&self, name: &str, claims: Option<&Value>) -> TestResponse {
        let at_lms = self.begin("/admin/").await;
        let back = self.choose(&at_lms, name, claims).await;
        self.get(&back).await
    }

    /// A browser whose user is signed in.
    pub async fn signed_in(app: &TestApp, name: &str) -> Self {
        let browser = Self::new(app);
        let signed_in = browser.sign_in(name, None).await;
        assert_eq!(
            (signed_in.status.as_u16(), signed_in.header("location")),
            (303, Some("/admin/")),
            "{}",
            signed_in.text
        );
        browser
    }
}
