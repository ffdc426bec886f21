//! The forms of agreements, plans and renewals.

use license_tests::{Browser, TestApp, builders::Plan};
use serde_json::{Value, json};

use super::filling::{fields, send};

async fn plan_of(plan: &Plan) -> Value {
    plan.admin().get(&plan.path("")).await.expect(200)
}

#[tokio::test]
async fn a_plan_is_changed_once_with_preview_and_reason_by_the_rules_of_the_api() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/change/", plan.id);
    let form = browser.get(&path).await;
    assert_eq!(form.status.as_u16(), 200, "{}", form.text);
    // What is wrong stands beside its field, and what was typed is kept.
    let preview = format!("{path}preview/");
    for (change, id, text) in [
        (("title", ""), "title-wrong", "may not be"),
        (("revoke_max_percentage", "101"), "revoke_max_percentage-wrong", "less than or equal to 100"),
        (("desired_num_licenses", "-4"), "desired_num_licenses-wrong", "0 or more"),
        (("desired_num_licenses", "2000000"), "desired_num_licenses-wrong", "internal use"),
        (("start_date", "soon"), "start_date-wrong", ""),
        (("enterprise_catalog_uuid", "x"), "enterprise_catalog_uuid-wrong", "UUID"),
    ] {
        let refused = send(&browser, &form, &preview, &[change]).await;
        assert_eq!(refused.status.as_u16(), 400, "{change:?}: {}", refused.text);
        let beside = refused.text.split(&format!("id=\"{id}\"")).nth(1).and_then(|rest| rest.split("</ul>").next());
        assert!(beside.is_some_and(|beside| beside.contains(text)), "{change:?}: {}", refused.text);
        assert!(refused.text.contains(&format!("value=\"{}\"", change.1)), "{change:?}: {}", refused.text);
    }
    let idle = send(&browser, &form, &preview, &[]).await;
    assert!(idle.status.as_u16() == 400 && idle.text.contains("Nothing is changed."), "{}", idle.text);

    let changes = [("title", "<i>Renamed</i>"), ("desired_num_licenses", "9"), ("is_revocation_cap_enabled", "yes")];
    let before = plan_of(&plan).await;
    let looked = send(&browser, &form, &preview, &changes).await;
    assert_eq!(looked.status.as_u16(), 200, "{}", looked.text);
    for shown in ["4 more unassigned licenses: 9 in all", "&#60;i&#62;Renamed", "Nothing is changed yet"] {
        assert!(looked.text.contains(shown), "{shown}: {}", looked.text);
    }
    assert!(!looked.text.contains("<i>"), "{}", looked.text);
    assert_eq!(plan_of(&plan).await, before, "a preview changes nothing");
    let refused = send(&browser, &looked, &path, &[]).await;
    assert!(refused.status.as_u16() == 400 && refused.text.contains("Enter a reason"), "{}", refused.text);
    assert_eq!(plan_of(&plan).await, before, "without a reason nothing is done");
    for _ in 0..2 {
        let done = send(&browser, &looked, &path, &[("reason", "ticket 4711")]).await;
        assert!(done.status.as_u16() == 200 && done.text.contains("It is done"), "{}", done.text);
    }
    let after = plan_of(&plan).await;
    assert_eq!((&after["title"], &after["licenses"]["total"]), (&json!("<i>Renamed</i>"), &json!(9)), "{after}");
    app.drain().await;
    let page = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    assert_eq!(page.matches("<td>ticket 4711</td>").count(), 1, "one entry, though it was sent twice: {page}");
    assert!(page.contains("<td>demo-provisioner</td>") && page.contains("of 1 made"), "{page}");
    // The key of a form is good for what the form asks for, nothing else.
    let other = send(&browser, &looked, &path, &[("reason", "x"), ("title", "Another")]).await;
    assert_eq!(other.status.as_u16(), 422, "{}", other.text);
    app.invariants().await.check();
}

#[tokio::test]
async fn of_two_who_change_the_same_the_second_sees_both_versions() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let (first, second) =
        (Browser::signed_in(&app, "demo-provisioner").await, Browser::signed_in(&app, "demo-operator").await);
    let path = format!("/admin/plans/{}/change/", plan.id);
    let preview = format!("{path}preview/");
    let (of_first, of_second) = (first.get(&path).await, second.get(&path).await);
    let late = send(&second, &of_second, &preview, &[("title", "The second's")]).await;
    let looked = send(&first, &of_first, &preview, &[("title", "The first's"), ("desired_num_licenses", "8")]).await;
    app.advance("PT1S").await;
    assert_eq!(send(&first, &looked, &path, &[("reason", "a")]).await.status.as_u16(), 200);
    // Neither a later confirmation nor a later preview overwrites the change, and the entered values are kept.
    let lost = send(&second, &late, &path, &[("reason", "b")]).await;
    let also_lost = send(&second, &of_second, &preview, &[("title", "The second's")]).await;
    for lost in [&lost, &also_lost] {
        assert_eq!(lost.status.as_u16(), 409, "{}", lost.text);
        assert!(lost.text.contains("<td>The first&#39;s</td><td>The second&#39;s</td>"), "{}", lost.text);
        let kept = fields(lost);
        assert!(kept.contains(&("title".to_owned(), "The second's".to_owned())), "{kept:?}");
        assert!(kept.contains(&("desired_num_licenses".to_owned(), "8".to_owned())), "the first's stays: {kept:?}");
    }
    assert_eq!(plan_of(&plan).await["title"], "The first's");
    let looked = send(&second, &lost, &preview, &[]).await;
    assert!(looked.text.contains("<td>The first&#39;s</td><td>The second&#39;s</td>"), "{}", looked.text);
    assert_eq!(send(&second, &looked, &path, &[("reason", "b")]).await.status.as_u16(), 200);
    let after = plan_of(&plan).await;
    assert_eq!((&after["title"], &after["licenses"]["total"]), (&json!("The second's"), &json!(8)), "{after}");
}

#[tokio::test]
async fn an_agreement_with_a_plan_and_its_renewal_is_made_from_nothing() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let customer = app.uuid(0x7).to_string();
    let form = browser.get("/admin/customers/new/").await;
    let wrong = send(&browser, &form, "/admin/customers/new/preview/", &[("enterprise_customer_uuid", "acme")]).await;
    assert!(wrong.status.as_u16() == 400 && wrong.text.contains("Must be a valid UUID."), "{}", wrong.text);
    let new = [("enterprise_customer_uuid", customer.as_str()), ("enterprise_customer_slug", "acme")];
    let looked = send(&browser, &form, "/admin/customers/new/preview/", &new).await;
    let mut to = Vec::new();
    for _ in 0..2 {
        let done = send(&browser, &looked, "/admin/customers/new/", &[("reason", "signed")]).await;
        assert_eq!(done.status.as_u16(), 200, "{}", done.text);
        let href = done.text.split("<main").nth(1).and_then(|rest| rest.split("href=\"").nth(1)).expect("a link");
        to.push(href.split('"').next().expect("an address").to_owned());
    }
    assert_eq!(to[0], to[1], "it was made once");
    let taken = send(&browser, &form, "/admin/customers/new/preview/", &new).await;
    assert!(taken.status.as_u16() == 400 && taken.text.contains("already exists"), "{}", taken.text);

    let path = format!("{}plans/new/", to[0]);
    let form = browser.get(&path).await;
    let new = [
        ("title", "Acme 2027"),
        ("start_date", "2026-01-01T00:00"),
        ("expiration_date", "2028-01-01T00:00"),
        ("desired_num_licenses", "7"),
        ("product", "1"),
    ];
    // The catalog is missing, and then the line item, both in the contract's words beside their fields.
    let refused = send(&browser, &form, &format!("{path}preview/"), &new).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    let of_item = [("salesforce_opportunity_line_item", "00k000000000000001")];
    let refused = send(&browser, &refused, &format!("{path}preview/"), &of_item).await;
    assert!(refused.text.contains("id=\"enterprise_catalog_uuid-wrong\""), "{}", refused.text);
    let change = format!("{}change/", to[0]);
    let agreement = browser.get(&change).await;
    let catalog = [("default_enterprise_catalog_uuid", customer.as_str())];
    let looked = send(&browser, &agreement, &format!("{change}preview/"), &catalog).await;
    let done = send(&browser, &looked, &change, &[("reason", "catalog")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    let looked = send(&browser, &refused, &format!("{path}preview/"), &[]).await;
    assert!(looked.text.contains("The plan gets 7 unassigned licenses."), "{}", looked.text);
    let done = send(&browser, &looked, &path, &[("reason", "sold")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    let plan = done.text.split("href=\"/admin/plans/").nth(1).and_then(|rest| rest.split('/').next()).expect("a plan");

    let path = format!("/admin/plans/{plan}/renew/");
    let form = browser.get(&path).await;
    let wrong = send(&browser, &form, &format!("{path}preview/"), &[("number_of_licenses", "0")]).await;
    assert!(wrong.text.contains("id=\"number_of_licenses-wrong\""), "{}", wrong.text);
    let new = [
        ("salesforce_opportunity_id", "00k000000000000002"),
        ("renewed_expiration_date", "2029-01-01T00:00"),
        ("number_of_licenses", "7"),
    ];
    let looked = send(&browser, &form, &format!("{path}preview/"), &new).await;
    assert!(looked.text.contains("0 licenses would be carried over"), "{}", looked.text);
    let done = send(&browser, &looked, &path, &[("reason", "renewed")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    let page = browser.get(&format!("/admin/plans/{plan}/")).await.text;
    let change =
        page.split("href=\"/admin/renewals/").nth(1).and_then(|rest| rest.split('"').next()).expect("a renewal");
    let change = format!("/admin/renewals/{change}");
    let again = send(&browser, &form, &format!("{path}preview/"), &new).await;
    assert!(again.text.contains("has a renewal already"), "{}", again.text);
    let form = browser.get(&change).await;
    let early = [("renewed_expiration_date", "2027-01-01T00:00")];
    let wrong = send(&browser, &form, &format!("{change}preview/"), &early).await;
    assert!(wrong.text.contains("id=\"renewed_expiration_date-wrong\""), "{}", wrong.text);
    let looked = send(&browser, &form, &format!("{change}preview/"), &[("number_of_licenses", "12")]).await;
    let done = send(&browser, &looked, &change, &[("reason", "more seats")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    let page = browser.get(&format!("/admin/plans/{plan}/")).await.text;
    assert!(page.contains("<td class=\"n\">12</td>"), "{page}");
    app.invariants().await.check();
}
