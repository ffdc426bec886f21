//! What all routes have in common.

use std::sync::Arc;

use axum::Router;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::support::{ADMIN, LEARNER, Standing, THING, THINGS, TestResponse, api, ask};

const PORTAL: &str = "https://portal.example";
const NO_CREDENTIALS: &str = "Authentication credentials were not provided.";

fn clock() -> Arc<Standing> {
    Standing::at("2026-11-23T10:46:08Z")
}

fn served() -> Router {
    api(&clock(), &[("JWT_SECRET_KEY", "hush"), ("CORS_ORIGIN_WHITELIST", PORTAL)])
}

fn token(username: &str, roles: &[&str]) -> String {
    let claims = json!({ "preferred_username": username, "roles": roles, "exp": 1_795_430_768 + 60 });
    let key = EncodingKey::from_secret(b"hush");
    format!("JWT {}", encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token"))
}

async fn call(method: &str, path: &str, username: &str, roles: &[&str]) -> TestResponse {
    ask(&served(), method, path, &[("Authorization", &token(username, roles))], "").await
}

#[tokio::test]
async fn paths_are_served_with_and_without_a_slash() {
    for path in [THING, THING.trim_end_matches('/'), THINGS, "/api/v1/things"] {
        assert_eq!(call("GET", path, "ada", &[ADMIN]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn callers_come_first_then_roles_then_methods() {
    let anonymous = ask(&served(), "DELETE", THING, &[], "").await;
    assert_eq!(anonymous.status, 401);
    assert_eq!(anonymous.json(), json!({ "detail": NO_CREDENTIALS }));
    assert_eq!(anonymous.header("www-authenticate"), Some("JWT realm=\"api\""));
    assert_eq!(anonymous.header("allow"), Some("GET, POST, HEAD, OPTIONS"));

    let learner = call("DELETE", THING, "lea", &[LEARNER]).await;
    assert_eq!(learner.status, 403);
    assert_eq!(learner.json(), json!({ "detail": "MISSING: subscriptions.has_admin_access" }));

    let admin = call("DELETE", THING, "ada", &[ADMIN]).await;
    assert_eq!(admin.status, 405);
    assert_eq!(admin.json(), json!({ "detail": "Method \"DELETE\" not allowed." }));
    assert_eq!(admin.header("allow"), Some("GET, POST, HEAD, OPTIONS"));

    let options = call("OPTIONS", THINGS, "ada", &[ADMIN]).await;
    assert_eq!((options.status, options.header("allow")), (200, Some("GET, HEAD, OPTIONS")));
    assert_eq!(options.json()["renders"], json!(["application/json", "text/html"]));
}

#[tokio::test]
async fn roles_on_record_count_and_lists_let_staff_in() {
    let status = async |username: &str, path: &str| call("GET", path, username, &[]).await.status;
    assert_eq!(status("unknown", THINGS).await, 403);
    assert_eq!(status("unknown", THING).await, 403);
    assert_eq!((status("root", THINGS).await, status("root", THING).await), (200, 200));
    assert_eq!((status("dora", THINGS).await, status("dora", THING).await), (200, 200));

    let claims = json!({ "preferred_username": "sam", "administrator": true, "exp": 1_795_430_768 + 60 });
    let staff = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"hush")).expect("a token");
    let staff = format!("JWT {staff}");
    let list = ask(&served(), "GET", THINGS, &[("Authorization", &staff)], "").await;
    let one = ask(&served(), "GET", THING, &[("Authorization", &staff)], "").await;
    assert_eq!((list.status, one.status), (200, 403));
}

#[tokio::test]
async fn bad_ids_are_404_in_a_path_and_400_in_a_parameter() {
    let path = call("GET", "/api/v1/things/junk/", "ada", &[ADMIN]).await;
    assert_eq!((path.status, path.json()), (404, json!({ "detail": "Not found." })));
    let parameter = call("GET", &format!("{THINGS}?enterprise_customer_uuid=junk"), "ada", &[ADMIN]).await;
    assert_eq!((parameter.status, parameter.json()), (400, json!({ "detail": "junk is not a valid uuid." })));
    assert_eq!(ask(&served(), "GET", "/api/v1/things/junk/", &[], "").await.status, 401);
}

#[tokio::test]
async fn unknown_paths_are_a_page() {
    let page = ask(&served(), "GET", "/api/v1/nothing/?format=xml", &[], "").await;
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert!(page.header("x-request-id").is_some());
}

#[tokio::test]
async fn formats_other_than_json_are_refused_first() {
    let format = ask(&served(), "GET", &format!("{THINGS}?format=xml"), &[], "").await;
    assert_eq!((format.status, format.json()), (404, json!({ "detail": "Not found." })));
    assert_eq!(format.header("allow"), Some("GET, HEAD, OPTIONS"));
    let accept = ask(&served(), "GET", THINGS, &[("Accept", "application/xml")], "").await;
    assert_eq!(accept.status, 406);
}

#[tokio::test]
async fn requests_have_ids() {
    let token = token("ada", &[ADMIN]);
    let with = async |id: &str| {
        let headers = [("Authorization", token.as_str()), ("X-Request-ID", id)];
        ask(&served(), "GET", THINGS, &headers, "").await
    };
    let given = with("abc-1").await;
    assert_eq!(given.header("x-request-id"), Some("abc-1"));
    assert_eq!(given.json()["request"], "abc-1");
    for junk in ["", "a b", "<script>", &"x".repeat(129)] {
        let new = with(junk).await;
        assert_eq!(new.header("x-request-id"), Some("00000000-0000-4000-8000-000000000007"), "{junk:?}");
    }
}

#[tokio::test]
async fn listed_origins_get_cors_headers_and_others_get_none() {
    let preflight = async |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        ask(&served(), "OPTIONS", THING, &headers, "").await
    };
    let known = preflight(PORTAL).await;
    assert_eq!(known.status, 200);
    assert_eq!(known.header("access-control-allow-origin"), Some(PORTAL));
    assert_eq!(known.header("access-control-allow-credentials"), Some("true"));
    let allowed = known.header("access-control-allow-headers").expect("headers");
    for name in ["use-jwt-cookie", "x-csrftoken", "content-type", "authorization"] {
        assert!(allowed.split(", ").any(|header| header == name), "{name}");
    }
    for origin in ["https://evil.example", "https://portal.example.evil.example", "null"] {
        assert_eq!(preflight(origin).await.header("access-control-allow-origin"), None, "{origin}");
    }
    // The portal's pages must be able to read refusals, too.
    let refused = ask(&served(), "GET", THING, &[("Origin", PORTAL)], "").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(PORTAL)));
}

#[tokio::test]
async fn responses_are_compressed_if_the_client_accepts_it() {
    let token = token("ada", &[ADMIN]);
    let headers = [("Authorization", token.as_str()), ("Accept-Encoding", "gzip")];
    let small = ask(&served(), "GET", THINGS, &headers, "").await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.body.len() < 500);
    assert_eq!(call("GET", THINGS, "ada", &[ADMIN]).await.header("content-encoding"), None);
}

#[tokio::test]
async fn bodies_are_read_after_authentication() {
    let token = token("ada", &[ADMIN]);
    let post = async |media_type: &str, body: &str| {
        let headers = [("Authorization", token.as_str()), ("Content-Type", media_type)];
        let response = ask(&served(), "POST", THING, &headers, body).await;
        (response.status, response.json())
    };
    assert_eq!(post("application/json", "{\"a\": 1}").await, (200, json!({ "a": 1 })));
    assert_eq!(post("application/json", "").await, (200, json!({})));
    assert_eq!(post("application/x-www-form-urlencoded", "a=1").await, (200, json!({ "a": "1" })));
    let (status, body) = post("application/json", "{").await;
    assert_eq!(status, 400);
    assert!(body["detail"].as_str().is_some_and(|detail| detail.starts_with("JSON parse error - ")));
    let media_type = json!({ "detail": "Unsupported media type \"text/plain\" in request." });
    assert_eq!(post("text/plain", "a").await, (415, media_type));
    assert_eq!(post("application/json", &" ".repeat(2 * 1024 * 1024 + 1)).await.0, 413);
    let anonymous = ask(&served(), "POST", THING, &[("Content-Type", "text/plain")], "a").await;
    assert_eq!(anonymous.status, 401);
}

#[tokio::test]
async fn failures_do_not_show_internal_messages() {
    let broken = ask(&served(), "GET", "/break/", &[("X-Request-ID", "abc")], "").await;
    assert_eq!((broken.status, broken.header("x-request-id")), (500, Some("abc")));
    assert!(broken.json()["detail"].is_string());

    let down = call("GET", THINGS, "down", &[ADMIN]).await;
    assert_eq!((down.status, down.header("retry-after")), (503, Some("1")));
    assert!(!String::from_utf8_lossy(&down.body).contains("secret words"));
}

#[tokio::test]
async fn a_route_has_the_forms_and_the_name_that_it_declares() {
    let status = async |path: &str| call("GET", path, "ada", &[ADMIN]).await.status;
    assert_eq!((status("/api/v1/table/?format=csv").await, status("/api/v1/table/?format=json").await), (200, 200));
    assert_eq!((status("/api/v1/results/?format=csv").await, status("/api/v1/table/?format=xml").await), (404, 404));
    let name = async |path: &str| call("OPTIONS", path, "ada", &[ADMIN]).await.json()["name"].clone();
    assert_eq!(
        (name("/api/v1/table/").await, name("/api/v1/results").await),
        (json!("Table of Things"), json!("Results"))
    );
}
