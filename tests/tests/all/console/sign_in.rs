//! Sign-in with the LMS: what is sent there, and how the response is verified.

use axum::{Json, Router, routing::post};
use license_local::Options;
use license_tests::{Browser, TestApp, app::options};
use serde_json::{Value, json};

const SESSION: &str = "license_manager_sessionid";

#[tokio::test]
async fn one_click_at_the_lms_leads_to_the_requested_page() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    let asked = browser.get("/admin/?q=x").await;
    assert_eq!((asked.status.as_u16(), asked.header("location")), (303, Some("/login/?next=%2Fadmin%2F%3Fq%3Dx")));
    let at_lms = browser.begin("%2Fadmin%2F%3Fq%3Dx").await;
    let query: Vec<(String, String)> = at_lms.query_pairs().into_owned().collect();
    let of = |name: &str| query.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    assert_eq!(
        (at_lms.path(), of("response_type"), of("code_challenge_method")),
        ("/oauth2/authorize", "code", "S256")
    );
    assert_eq!(of("redirect_uri"), format!("{}/complete/edx-oauth2/", app.running().url()));
    assert!(of("state").len() >= 32 && of("code_challenge").len() == 43, "{query:?}");
    let page = browser.get(at_lms.as_str()).await;
    assert!(page.text.contains("value=\"demo-operator\""), "{}", page.text);
    let back = browser.choose(&at_lms, "demo-operator", None).await;
    let done = browser.get(&back).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, Some("/admin/?q=x")), "{}", done.text);
    let home = browser.get("/admin/").await;
    assert_eq!(home.status.as_u16(), 200);
    assert!(home.text.contains("Signed in as demo-operator") && home.text.contains("operate"), "{}", home.text);
}

#[tokio::test]
async fn the_session_cookie_is_not_readable_by_scripts_and_not_sent_by_other_sites() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    let at_lms = browser.begin("").await;
    let back = browser.choose(&at_lms, "demo-support", None).await;
    let done = browser.send(reqwest::Method::GET, &back, None, &[]).await;
    let cookies: Vec<&str> = done.headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok()).collect();
    let session = cookies.iter().find(|set| set.starts_with(SESSION)).expect("a session");
    assert!(session.contains("; HttpOnly; SameSite=Lax") && session.contains("Path=/;"), "{session}");
    assert!(session.contains("Max-Age=43200"), "{session}");
    // Behind TLS, which the proxy in front of the function terminates, they are secure.
    let begun = browser.send(reqwest::Method::GET, "/login/", None, &[("x-forwarded-proto", "https")]).await;
    let all =
        begun.headers.get_all("set-cookie").iter().all(|set| set.to_str().is_ok_and(|set| set.ends_with("; Secure")));
    assert!(all && begun.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn the_claims_of_every_sign_in_decide_who_is_staff_or_superuser() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    let sign_in = async |claims: Value| browser.sign_in("ada", Some(&claims)).await;
    assert_eq!(sign_in(json!({ "administrator": true })).await.status.as_u16(), 303);
    let home = browser.get("/admin/").await.text;
    assert!(home.contains("Your rights here: view, support."), "{home}");
    assert_eq!(sign_in(json!({ "administrator": true, "superuser": true })).await.status.as_u16(), 303);
    let home = browser.get("/admin/").await.text;
    assert!(home.contains("Your rights here: view, support, operate, provision, superuser."), "{home}");
    assert_eq!(sign_in(json!({ "administrator": true, "superuser": false })).await.status.as_u16(), 303);
    assert!(!browser.get("/admin/").await.text.contains("provision"));

    let other = Browser::new(&app);
    let refused = other.sign_in("ada", Some(&json!({ "roles": ["enterprise_openedx_operator:*"] }))).await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(refused.text.contains("not on the staff") && other.cookie(SESSION).is_none(), "{}", refused.text);
    assert_eq!(other.get("/admin/").await.status.as_u16(), 303);
}

#[tokio::test]
async fn a_sign_in_that_was_not_begun_here_is_refused_by_a_page() {
    let app = TestApp::start().await;
    let (victim, attacker) = (Browser::new(&app), Browser::new(&app));
    let back = attacker.choose(&attacker.begin("").await, "demo-operator", None).await;
    // No sign-in was begun in this browser.
    let refused = victim.get(&back).await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(refused.text.contains("<h1>Sign-in failed</h1>"), "{}", refused.text);
    // Another sign-in was begun in it.
    victim.begin("").await;
    assert_eq!(victim.get(&back).await.status.as_u16(), 400);
    assert_eq!(victim.get("/complete/edx-oauth2/").await.status.as_u16(), 400);
    // The LMS refuses.
    let state = victim.begin("").await.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let refused = victim.get(&format!("/complete/edx-oauth2/?state={state}&error=access_denied")).await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(victim.cookie(SESSION).is_none());
    // A code can be used for one sign-in.
    assert_eq!(attacker.get(&back).await.status.as_u16(), 303);
    assert_eq!(attacker.get(&back).await.status.as_u16(), 400);
}

/// An LMS that gives that token for every code.
async fn lms_with(token: String) -> String {
    let grant = move || async move { Json(json!({ "access_token": token, "token_type": "JWT", "expires_in": 60 })) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/oauth2/access_token", post(grant));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_token_that_the_lms_did_not_sign_is_refused() {
    let claims = json!({ "preferred_username": "eve", "administrator": true, "superuser": true });
    // With the signature of another token.
    let app = TestApp::start().await;
    let (wanted, other) = (app.token(claims), app.token(json!({ "preferred_username": "ann" })));
    let (claims, _) = wanted.rsplit_once('.').expect("three parts");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    let forged = format!("{claims}.{signature}");
    for token in [forged, "nonsense".to_owned(), String::new()] {
        let setting = ("SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT".to_owned(), lms_with(token).await);
        let app = TestApp::start_with(Options { settings: [setting].into(), ..options() }, false).await;
        let browser = Browser::new(&app);
        let at_lms = browser.begin("").await;
        let state = at_lms.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        let refused = browser.get(&format!("/complete/edx-oauth2/?state={state}&code=any")).await;
        assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
        assert!(refused.text.contains("not one that this service accepts"), "{}", refused.text);
        assert!(browser.cookie(SESSION).is_none());
    }
}

#[tokio::test]
async fn an_lms_that_does_not_respond_is_a_page_and_no_failure_of_ours() {
    let setting = ("SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT".to_owned(), "http://127.0.0.1:9".to_owned());
    let app = TestApp::start_with(Options { settings: [setting].into(), ..options() }, false).await;
    let browser = Browser::new(&app);
    let at_lms = browser.begin("").await;
    let state = at_lms.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let failed = browser.get(&format!("/complete/edx-oauth2/?state={state}&code=any")).await;
    assert_eq!(failed.status.as_u16(), 503);
    assert!(failed.text.contains("The LMS did not respond. Please try again."), "{}", failed.text);
}
