//! The form of an agreement: auto-scaling, mails, purging, the message for learners of an expired plan.

use license_tests::{Browser, TestApp};
use serde_json::json;

use super::filling::{fields, send};

#[tokio::test]
async fn everything_that_an_operator_may_change_of_an_agreement_is_in_its_form() {
    let app = TestApp::start().await;
    let plan = app.plan_of(&app.agreement().await, 5, &json!({ "title": "Growing" })).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/change/", plan.agreement.id);
    let form = browser.get(&path).await;
    let changes = [
        ("enable_auto_scaling_of_current_plan", "yes"),
        ("auto_scaling_max_licenses", "500"),
        ("auto_scaling_threshold_percentage", "75"),
        ("auto_scaling_increment_percentage", "10"),
        ("disable_onboarding_notifications", "yes"),
        ("license_duration_before_purge_days", "30"),
        ("has_custom_license_expiration_messaging_v2", "yes"),
        ("modal_header_text_v2", "Bye"),
        (
            "expired_subscription_modal_messaging_v2",
            "<p>Over.</p>\r\n<p><a href=\"https://example.com/\">Renew</a><script>steal()</script></p>",
        ),
        ("button_label_in_modal_v2", "Renew"),
        ("url_for_button_in_modal_v2", "https://example.com/renew"),
    ];
    let looked = send(&browser, &form, &format!("{path}preview/"), &changes).await;
    for shown in [
        "“Growing” grows to 500 licenses at most.",
        "ended 30 days ago or earlier is purged",
        "get no invitation any more",
    ] {
        assert!(looked.text.contains(shown), "{shown}: {}", looked.text);
    }
    let table = looked.text.split("What follows").next().expect("a table");
    assert!(table.contains("Renew") && !table.contains("steal"), "the preview has what will be stored: {table}");
    for _ in 0..2 {
        let done = send(&browser, &looked, &path, &[("reason", "ticket 3")]).await;
        assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    }
    let stored = app.running().store();
    let stored =
        license_storage::Portfolios::portfolio(stored.as_ref(), plan.agreement.id.parse().expect("an id")).await;
    let agreement = stored.expect("the table responds").expect("it is there").agreement;
    assert_eq!(agreement.auto_scaling().map(|scaling| scaling.maximum), Ok(500));
    assert_eq!(agreement.license_duration_before_purge_seconds, 30 * 24 * 60 * 60);
    assert!(agreement.disable_onboarding_notifications && !agreement.disable_expiration_notifications);
    let shown = plan.admin().get(&format!("/api/v1/customer-agreements/{}/", plan.agreement.id)).await.expect(200);
    let text = shown["expired_subscription_modal_messaging_v2"].as_str().expect("a text");
    assert!(text.contains("href=\"https://example.com/\"") && !text.contains("script"), "{text}");
    assert_eq!(shown["has_custom_license_expiration_messaging_v2"], true);
    // The form shows what is stored, and sending it as it is changes nothing.
    let form = browser.get(&path).await;
    let shown = fields(&form);
    for (name, value) in changes.iter().filter(|(name, _)| *name != "expired_subscription_modal_messaging_v2") {
        assert!(shown.contains(&((*name).to_owned(), (*value).to_owned())), "{name}: {shown:?}");
    }
    let idle = send(&browser, &form, &format!("{path}preview/"), &[]).await;
    assert!(idle.status.as_u16() == 400 && idle.text.contains("Nothing is changed."), "{}", idle.text);
    app.drain().await;
    let page = browser.get(&format!("/admin/customers/{}/", plan.agreement.id)).await.text;
    let history = page.split("id=\"history\"").nth(1).expect("a history");
    assert_eq!(history.matches("<td>demo-provisioner</td><td>ticket 3</td>").count(), 1, "{history}");
}

#[tokio::test]
async fn an_agreement_that_makes_no_sense_is_refused_beside_the_field() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/change/", agreement.id);
    let form = browser.get(&path).await;
    for (changes, id) in [
        (vec![("enable_auto_scaling_of_current_plan", "yes")], "auto_scaling_max_licenses"),
        (vec![("auto_scaling_max_licenses", "-5")], "auto_scaling_max_licenses"),
        (vec![("auto_scaling_threshold_percentage", "101")], "auto_scaling_threshold_percentage"),
        (vec![("license_duration_before_purge_days", "-3")], "license_duration_before_purge_days"),
        (vec![("license_duration_before_purge_days", "")], "license_duration_before_purge_days"),
        (vec![("url_for_button_in_modal_v2", "javascript:steal()")], "url_for_button_in_modal_v2"),
        (vec![("has_custom_license_expiration_messaging_v2", "yes")], "expired_subscription_modal_messaging_v2"),
    ] {
        let refused = send(&browser, &form, &format!("{path}preview/"), &changes).await;
        assert_eq!(refused.status.as_u16(), 400, "{changes:?}: {}", refused.text);
        assert!(refused.text.contains(&format!("id=\"{id}-wrong\"")), "{changes:?}: {}", refused.text);
    }
}
