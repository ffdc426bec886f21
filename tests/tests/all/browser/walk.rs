//! An operator's day, with a mouse and scripts allowed, and with the keyboard and scripts forbidden.

use license_local::Options;
use license_tests::{
    Role, TestApp,
    app::options,
    chromium::{self, Hand, Tab},
};

use super::pages::picture;
#[tokio::test]
async fn an_operator_works_with_the_mouse() {
    if chromium::is_there() {
        walk(Hand::Mouse).await;
    }
}

#[tokio::test]
async fn an_operator_works_with_the_keyboard_and_without_scripts() {
    if chromium::is_there() {
        walk(Hand::Keyboard).await;
    }
}

#[expect(clippy::too_many_lines, reason = "one walk, step by step")]
async fn walk(hand: Hand) {
    let app = TestApp::start_with(Options { demo: true, ..options() }, false).await;
    let mut tab = Tab::open(&app, hand).await;
    if hand == Hand::Keyboard {
        tab.without_scripts().await;
    }
    tab.sign_in("demo-operator").await;

    // Find the customer.
    tab.fill("Search", "demo comp").await;
    tab.press("Search").await;
    tab.follow("Demo Company").await;

    // Create a plan.
    tab.follow("New plan").await;
    tab.press("Preview").await;
    assert_eq!(tab.status(), 400);
    look(&mut tab, hand).await;
    tab.fill("Title", "Walked plan").await;
    tab.fill_moment("Starts", "11012026", "1000").await;
    tab.fill_moment("Ends", "11012027", "1000").await;
    tab.fill("Licenses", "20").await;
    tab.choose("Product", "B2B").await;
    tab.fill("Salesforce line item", "00k000000000000123").await;
    tab.press("Preview").await;
    tab.expect("The plan gets 20 unassigned licenses.").await;
    look(&mut tab, hand).await;
    if hand == Hand::Mouse {
        picture(&mut tab, "preview").await;
    }
    confirm(&mut tab, "Confirm", "a new customer").await;
    look(&mut tab, hand).await;
    tab.follow("Look at it").await;
    let plan = app.client(Role::Admin, license_local::demo::ENTERPRISE);
    let plans = plan.get("/api/v1/subscriptions/").await.expect(200);
    let walked = plans["results"].as_array().expect("a list").iter().find(|plan| plan["title"] == "Walked plan");
    let walked = walked.expect("it was created");
    assert_eq!(walked["start_date"], "2026-11-01T10:00:00Z", "{walked}");
    let id = walked["uuid"].as_str().expect("an id").to_owned();

    // Assign, as lines of a spreadsheet.
    tab.follow("assign").await;
    tab.fill("Addresses", "no address").await;
    tab.press("Preview").await;
    tab.expect("is not a valid email address").await;
    look(&mut tab, hand).await;
    tab.fill("Addresses", "ann@example.com,bob@example.com\ncarl@example.com\n").await;
    tab.press("Preview").await;
    tab.expect("They are invited by mail.").await;
    look(&mut tab, hand).await;
    confirm(&mut tab, "Assign licenses", "they start on Monday").await;
    tab.expect("3 learners got a license.").await;
    look(&mut tab, hand).await;

    // Watch a job.
    tab.follow("Walked plan").await;
    tab.follow("more of them, or to another plan, as a job").await;
    tab.choose("What it does", "Assign").await;
    tab.fill("Addresses", "dora@example.com").await;
    tab.toggle("Invite learners by mail").await;
    tab.fill("Addresses", "").await;
    tab.press("Preview").await;
    tab.expect("Enter at least one address.").await;
    look(&mut tab, hand).await;
    tab.fill("Addresses", "dora@example.com").await;
    tab.press("Preview").await;
    tab.expect("They get no mail.").await;
    confirm(&mut tab, "Begin to assign", "they start on Tuesday").await;
    tab.expect("<dt>Rows</dt><dd>1</dd>").await;
    app.drain().await;
    let job = plan
        .get(&format!("/api/v1/jobs/?enterprise_customer_uuid={}", license_local::demo::ENTERPRISE))
        .await
        .expect(200)["results"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    tab.follow("Jobs").await;
    tab.follow(&job).await;
    tab.expect("<dt>Done</dt><dd>1</dd>").await;
    tab.expect("dora@example.com").await;

    // See a learner's mail.
    tab.open_page(&format!("/admin/plans/{id}/")).await;
    tab.fill("Part of the address", "ann").await;
    tab.press("Show").await;
    let html = tab.html().await;
    let license =
        html.split("/licenses/").nth(1).and_then(|rest| rest.split('/').next()).expect("a license").to_owned();
    tab.follow(&license).await;
    tab.follow("Mails about it").await;
    tab.expect("<td>assignment</td><td>sent</td>").await;

    // Revoke, and renew.
    tab.open_page(&format!("/admin/plans/{id}/")).await;
    tab.follow("revoke").await;
    tab.fill("Addresses", "bob@example.com").await;
    tab.press("Preview").await;
    tab.expect("1 learners lose their license").await;
    confirm(&mut tab, "Revoke licenses", "left the company").await;
    tab.expect("1 licenses were revoked.").await;
    tab.follow("Walked plan").await;
    tab.follow("Renew it").await;
    tab.fill("Salesforce line item", "00k000000000000456").await;
    tab.fill("Licenses of the future plan", "30").await;
    tab.fill_moment("Takes effect", "11012027", "1000").await;
    tab.fill_moment("Future plan ends", "11012028", "1000").await;
    tab.press("Preview").await;
    confirm(&mut tab, "Confirm", "signed on the phone").await;
    tab.follow("Look at it").await;

    // Read the history.
    app.drain().await;
    tab.open_page(&format!("/admin/plans/{id}/")).await;
    for reason in
        ["a new customer", "they start on Monday", "they start on Tuesday", "left the company", "signed on the phone"]
    {
        tab.expect(&format!("<td>{reason}</td>")).await;
    }
    tab.expect("<td>demo-operator</td>").await;

    tab.press("Sign out").await;
    tab.expect("You are signed out").await;
    look(&mut tab, hand).await;
    tab.open_page("/admin/").await;
    tab.expect("Sign in as").await;
    assert_eq!(tab.faults(), [""; 0]);
    app.invariants().await.check();
}

/// The pages of a walk have no address of their own, so that they are checked on the way. The check is a script.
async fn look(tab: &mut Tab, hand: Hand) {
    if hand == Hand::Mouse {
        assert_eq!(tab.violations().await, [""; 0]);
    }
}

/// Says why, and confirms. Without a reason the browser itself does not send the form.
async fn confirm(tab: &mut Tab, button: &str, reason: &str) {
    tab.fill("Reason", reason).await;
    tab.press(button).await;
    assert_eq!(tab.status(), 200);
}
