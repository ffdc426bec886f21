//! A license as it was at any time.

use license_tests::{Browser, TestApp};

/// The part of the page about an earlier time.
async fn part(browser: &Browser, path: &str, at: &str) -> String {
    let page = browser.get(&format!("{path}?as_of={at}")).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    let (_, part) = page.text.split_once("id=\"then\"").expect("it has the part");
    part.split_once("<table").map_or(part, |(part, _)| part).to_owned()
}

#[tokio::test]
async fn a_license_is_shown_as_it_was_at_a_time() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    let typed = || app.now().format("%Y-%m-%dT%H:%M:%S").to_string();
    app.advance("P1D").await;
    let assigned = typed();
    app.advance("P1D").await;
    plan.activate(&app, &held).await.expect(200);
    app.advance("P1D").await;
    let activated = typed();
    app.advance("P1D").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let path = format!("/admin/plans/{}/licenses/{}/", plan.id, held.id);

    let now = browser.get(&path).await.text;
    assert!(now.contains("<dt>Status</dt><dd>revoked</dd>") && !now.contains("by its history"), "{now}");
    let was = part(&browser, &path, &activated).await;
    assert!(was.contains("<dd>activated</dd>") && was.contains("<dt>Revoked</dt><dd></dd>"), "{was}");
    let was = part(&browser, &path, &assigned).await;
    assert!(was.contains("<dd>assigned</dd>") && was.contains("<dt>Activated</dt><dd></dd>"), "{was}");
    assert!(was.contains("<dd>ann@example.com</dd>"), "{was}");
    // Minutes are what browsers send for whole minutes.
    let was = part(&browser, &path, &activated[..16]).await;
    assert!(was.contains("<dd>activated</dd>"), "{was}");

    for (at, complaint) in [
        ("2020-01-01T00:00", "The license did not exist then."),
        ("2999-01-01T00:00", "This time is yet to come."),
        ("yesterday", "Enter a time"),
    ] {
        let was = part(&browser, &path, at).await;
        assert!(was.contains("role=\"alert\"") && was.contains(complaint) && !was.contains("by its history"), "{was}");
    }
}
