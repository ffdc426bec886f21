//! The LMS's sign-in: a page that offers the demo's people, and the exchange of a code for a token, by OAuth 2
//! (authorization code, PKCE with S256). A click replaces the password.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Services, lms};
use crate::keys::Signer;

/// The id of the console's application.
pub(super) const CLIENT: &str = "license-manager-sso";
/// The secret of the console's application.
pub(super) const SECRET: &str = "local-sso";

/// The path to which the browser may be redirected.
const BACK: &str = "/complete/edx-oauth2/";

/// The most codes that wait for their exchange; the oldest ones are dropped.
const MAX_CODES: usize = 1_000;

/// The people who can sign in: a name, a description, and the claims beside the name.
fn people() -> [(&'static str, &'static str, Value); 5] {
    let provisioner = json!(["enterprise_provisioning_admin:*"]);
    let both = json!(["enterprise_openedx_operator:*", "enterprise_provisioning_admin:*"]);
    [
        ("demo-operator", "operates and provisions", json!({ "administrator": true, "user_id": 3, "roles": both })),
        ("demo-support", "support staff: sees, and changes nothing", json!({ "administrator": true, "user_id": 6 })),
        (
            "demo-provisioner",
            "makes plans and renewals",
            json!({ "administrator": true, "user_id": 4, "roles": provisioner }),
        ),
        ("demo-superuser", "may everything", json!({ "administrator": true, "superuser": true, "user_id": 7 })),
        ("demo-learner", "is not on the staff, and is refused", json!({ "user_id": 2 })),
    ]
}

/// The codes that were given out.
pub(super) struct SignIns {
    signer: Option<Arc<Signer>>,
    codes: Mutex<HashMap<String, Code>>,
}

/// What a code is exchanged for.
struct Code {
    claims: Value,
    challenge: String,
    redirect_uri: String,
}

impl SignIns {
    pub(super) fn new(signer: Option<Arc<Signer>>) -> Self {
        Self { signer, codes: Mutex::default() }
    }

    fn keep(&self, name: String, code: Code) -> String {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() >= MAX_CODES {
            codes.clear();
        }
        codes.insert(name.clone(), code);
        name
    }

    fn take(&self, code: &str) -> Option<Code> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(code)
    }
}

/// The console's request.
#[derive(Deserialize)]
pub(super) struct Authorize {
    client_id: String,
    redirect_uri: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    response_type: String,
    /// The chosen person.
    #[serde(rename = "as")]
    person: Option<String>,
    /// For tests: claims that replace that person's, as JSON.
    claims: Option<String>,
}

/// The page; or, when a person was chosen, the redirect with a code.
pub(super) async fn authorize(State(services): State<Services>, Query(request): Query<Authorize>) -> Response {
    let is_known = request.client_id == CLIENT
        && request.response_type == "code"
        && request.code_challenge_method == "S256"
        && is_ours(&request.redirect_uri);
    if !is_known {
        return (StatusCode::BAD_REQUEST, "The request is not one of the console's.").into_response();
    }
    let Some(name) = &request.person else { return page(&request).into_response() };
    let chosen = people().into_iter().find(|(known, ..)| known == name).map(|(.., claims)| claims);
    let given = request.claims.as_deref().map(serde_json::from_str::<Value>);
    let claims = match (given, chosen) {
        (Some(Ok(claims)), _) => Some(claims),
        (None, chosen) => chosen,
        (Some(Err(_)), _) => None,
    };
    let Some(mut claims) = claims.filter(Value::is_object) else {
        return (StatusCode::BAD_REQUEST, "There is no such person.").into_response();
    };
    claims["preferred_username"] = json!(name);
    claims["email"] = json!(format!("{name}@demo.example"));
    let code = services.sign_ins.keep(
        services.store.random().uuid().simple().to_string(),
        Code { claims, challenge: request.code_challenge, redirect_uri: request.redirect_uri.clone() },
    );
    let back = format!("{}?state={}&code={code}", request.redirect_uri, request.state);
    (StatusCode::FOUND, [(header::LOCATION, back)]).into_response()
}

/// Codes are only sent to this machine, whatever page requests them.
fn is_ours(redirect_uri: &str) -> bool {
    let host = redirect_uri.strip_prefix("http://").and_then(|rest| rest.strip_suffix(BACK));
    host.is_some_and(crate::loopback::is_our_host)
}

fn page(request: &Authorize) -> Html<String> {
    let mut fields = String::new();
    for (name, value) in [
        ("client_id", &request.client_id),
        ("redirect_uri", &request.redirect_uri),
        ("state", &request.state),
        ("code_challenge", &request.code_challenge),
        ("code_challenge_method", &request.code_challenge_method),
        ("response_type", &request.response_type),
    ] {
        // Writing to a String does not fail.
        let _ = write!(fields, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    let mut buttons = String::new();
    for (name, what, _) in people() {
        let _ = write!(buttons, "<p><button name=\"as\" value=\"{name}\">{name}</button> {what}</p>");
    }
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title></head><body>\
         <h1>Sign in as</h1><p>The runner stands in for the LMS: a click takes the place of a password.</p>\
         <form method=\"get\" action=\"/oauth2/authorize\">{fields}{buttons}</form></body></html>\n"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A service token for every client; a person's token for a code, once.
pub(super) async fn token(State(services): State<Services>, body: Bytes) -> Result<Json<Value>, StatusCode> {
    let fields: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if field("grant_type") != "authorization_code" {
        return Ok(lms::token());
    }
    let code = services.sign_ins.take(field("code")).ok_or(StatusCode::BAD_REQUEST)?;
    let challenge = digest::digest(&digest::SHA256, field("code_verifier").as_bytes());
    let is_proven = BASE64_URL_SAFE_NO_PAD.encode(challenge) == code.challenge
        && field("redirect_uri") == code.redirect_uri
        && field("token_type") == "jwt"
        && (field("client_id"), field("client_secret")) == (CLIENT, SECRET);
    if !is_proven {
        return Err(StatusCode::BAD_REQUEST);
    }
    let signer = services.sign_ins.signer.as_ref().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let token = signer.sign(code.claims).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "access_token": token, "expires_in": 3600, "token_type": "JWT" })))
}

/// Signs out of the LMS, which has no sessions here.
pub(super) async fn signed_out() -> Html<&'static str> {
    Html(
        "<!doctype html>\n<html lang=\"en\"><head><title>Signed out</title></head><body><h1>Signed out</h1></body></html>\n",
    )
}
