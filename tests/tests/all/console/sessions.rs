//! Sessions: how they end, and that forms need the token of their page.

use license_storage_dynamodb::testing::table_of;
use license_tests::{Browser, TestApp};
use reqwest::Method;

const SESSION: &str = "license_manager_sessionid";
const TOKEN: &str = "license_manager_csrftoken";

async fn is_signed_in(browser: &Browser) -> bool {
    match browser.get("/admin/").await.status.as_u16() {
        200 => true,
        303 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_session_is_over_after_an_hour_without_use_and_after_twelve_with() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    app.advance("PT59M").await;
    assert!(is_signed_in(&browser).await);
    app.advance("PT59M").await;
    assert!(is_signed_in(&browser).await, "the use an hour ago was recorded");
    app.advance("PT61M").await;
    assert!(!is_signed_in(&browser).await);

    let busy = Browser::signed_in(&app, "demo-support").await;
    for _ in 0..14 {
        app.advance("PT50M").await;
        assert!(is_signed_in(&busy).await);
    }
    app.advance("PT25M").await;
    assert!(!is_signed_in(&busy).await, "it is over after twelve hours, however much it is used");
    // A form is not redirected to the sign-in, where its input would be lost.
    let refused = busy.post("/admin/sessions/end/", &[("session", "x")]).await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(refused.text.contains("Your session is over"), "{}", refused.text);
}

#[tokio::test]
async fn only_a_form_of_our_own_page_signs_out_and_then_the_id_is_worthless() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let (id, token) = (browser.cookie(SESSION).expect("a session"), browser.cookie(TOKEN).expect("a token"));
    let form = [("csrfmiddlewaretoken", token.as_str())];
    let foreign = [("origin", "https://evil.example")];
    for refused in [
        browser.send(Method::POST, "/logout/", Some(&[]), &[]).await,
        browser.send(Method::POST, "/logout/", Some(&[("csrfmiddlewaretoken", &"0".repeat(64))]), &[]).await,
        browser.send(Method::POST, "/logout/", Some(&form), &foreign).await,
        browser.send(Method::POST, "/logout/", Some(&[]), &[("x-csrftoken", token.as_str())]).await,
    ] {
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text);
    }
    assert_eq!(browser.get("/logout/").await.status.as_u16(), 405, "a link does not sign out");
    assert!(is_signed_in(&browser).await);
    let done = browser.post("/logout/", &[]).await;
    assert_eq!(done.status.as_u16(), 200);
    assert!(done.text.contains("/logout\""), "the LMS's own session may go on: {}", done.text);
    assert!(browser.cookie(SESSION).is_none() && !is_signed_in(&browser).await);
    browser.set_cookie(SESSION, &id);
    assert!(!is_signed_in(&browser).await, "a copy of the id is worthless");
}

#[tokio::test]
async fn who_reads_the_table_cannot_use_a_session() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let id = browser.cookie(SESSION).expect("a session");
    assert!(id.len() == 64, "256 bits");
    let (items, _) = table_of(app.running().store()).scan(None).await.expect("items");
    let text = format!("{items:?}");
    assert!(text.contains("SESSION#") && !text.contains(&id));
    let ttl = items.iter().find(|item| format!("{item:?}").contains("SESSION#")).and_then(|item| item.get("ttl"));
    assert!(ttl.is_some(), "it is deleted by itself");
}

#[tokio::test]
async fn the_sessions_of_a_user_are_listed_and_can_be_ended() {
    let app = TestApp::start().await;
    let here = Browser::signed_in(&app, "demo-support").await;
    let there = Browser::signed_in(&app, "demo-support").await;
    let stranger = Browser::signed_in(&app, "demo-operator").await;
    let home = here.get("/admin/").await.text;
    assert_eq!(home.matches("this one").count(), 1, "{home}");
    let other =
        home.split("name=\"session\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("another");
    // A person can end only their own sessions.
    assert_eq!(stranger.post("/admin/sessions/end/", &[("session", other)]).await.status.as_u16(), 404);
    assert!(is_signed_in(&there).await);
    let ended = here.post("/admin/sessions/end/", &[("session", other)]).await;
    assert_eq!((ended.status.as_u16(), ended.header("location")), (303, Some("/admin/")));
    assert!(!is_signed_in(&there).await && is_signed_in(&here).await);
}

#[tokio::test]
async fn signing_in_again_creates_a_new_id_and_ends_the_old_session() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let old = browser.cookie(SESSION).expect("a session");
    browser.sign_in("demo-operator", None).await;
    let new = browser.cookie(SESSION).expect("a session");
    assert_ne!(old, new);
    browser.set_cookie(SESSION, &old);
    assert!(!is_signed_in(&browser).await);
}
