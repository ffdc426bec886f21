//! The faults that were measured in the peer's admin site, by the section of its description, and the tests that show that this
//! console has none of them. Those without a path are here.
//!
//! | section | fault of the peer | test |
//! |---|---|---|
//! | 1 | a second form with name and password, without a limit | [`no_page_takes_a_password_and_addresses_of_the_peer_lead_on`] |
//! | 1 | unknown or malformed ids lead to the first page | `reading::the_first_page_shows_customers_and_ids_of_other_things_are_404` |
//! | 1 | anyone can list every plan's title and customer; typing there, or a malformed parameter, is a 500 | `access::only_signing_in_and_out_needs_no_right`, `access::a_page_is_for_those_who_have_its_right` |
//! | 2 | a wrong state, or an error of the LMS, is a 500 | `sign_in::a_sign_in_that_was_not_begun_here_is_refused_by_a_page`, `sign_in::an_lms_that_does_not_respond_is_a_page_and_no_failure_of_ours` |
//! | 2 | the claims do not decide who is staff or superuser | `sign_in::the_claims_of_every_sign_in_decide_who_is_staff_or_superuser` |
//! | 2 | any page can sign an operator out | `sessions::only_a_form_of_our_own_page_signs_out_and_then_the_id_is_worthless` |
//! | 3 | staff without any permission change and process renewals; who may view may run all actions | `access::a_page_is_for_those_who_have_its_right` |
//! | 3, 6 | actions leave no entry of who did it and why | `changing`, `operations`: each looks for name and reason |
//! | 4 | lists fail when they are sorted or searched | `lists::a_plans_licenses_are_ordered_searched_and_paged`, [`words_that_break_searches_find_nothing`] |
//! | 4 | a higher number of licenses creates none | `editing::a_plan_is_changed_once_with_preview_and_reason_by_the_rules_of_the_api` |
//! | 4 | a form has a query for each plan of all customers | [`pages_cost_as_many_reads_for_many_plans_as_for_one`] |
//! | 5 | a percentage of 101, or two million licenses, is accepted | `editing::a_plan_is_changed_once_with_preview_and_reason_by_the_rules_of_the_api` |
//! | 5 | the line item is required although the plan type needs none | [`a_plan_whose_type_needs_no_line_item_is_saved_without_one`] |
//! | 5 | a plan without any catalog is a 500 | [`a_plan_without_any_catalog_is_refused_beside_the_field`] |
//! | 5 | a catalog service that does not respond is a 500 | [`a_catalog_service_that_does_not_respond_is_said_in_the_form`] |
//! | 5 | scaling without numbers, −5 licenses, −3 days are accepted | `agreements::an_agreement_that_makes_no_sense_is_refused_beside_the_field` |
//! | 5 | an agreement with contradicting old messaging cannot be saved | [`an_agreement_with_old_messaging_is_saved_like_any_other`] |
//! | 5 | each save of an agreement switches plans' auto-apply off and restarts its date | [`saving_an_agreement_leaves_auto_apply_of_its_plans_alone`] |
//! | 5 | a renewal of 0 licenses, into the plan itself, into another customer's plan, or without any time, is accepted | [`a_renewal_that_makes_no_sense_is_refused`] |
//! | 5 | a transfer without a plan, into another customer's plan or the plan itself, or with junk, is a 500 | [`a_transfer_that_makes_no_sense_is_refused`] |
//! | 5 | a message with a script, with an address that runs one, or switched on without a text is accepted | `agreements` |
//! | 5 | paid products cannot be added | `products::products_and_plan_types_are_made_and_changed_once_with_a_reason` |
//! | 6 | actions run without a question | `operations`: none without a reason |
//! | 6 | a refused renewal is a 500 and stops the others | `operations::the_due_renewals_of_a_customer_are_processed_and_refusals_are_said` |
//! | 6 | a deletion's page expires into a 500, and is worked out anew by what matches then | `operations::operations_on_a_plan_are_jobs_with_a_preview_a_reason_and_a_dry_run` |
//! | 7 | nothing leads to the history of what is deleted | `lists::the_history_of_what_is_deleted_is_found_by_its_id` |
//! | 7 | reverting a plan thaws it and resets its revocations | no page reverts a plan |
//! | 8 | each search explains itself to the database, and counts all rows twice | [`pages_cost_as_many_reads_for_many_plans_as_for_one`] |
//! | 9 | texts are stored as typed; links lose their targets, paragraphs run together | `agreements::everything_that_an_operator_may_change_of_an_agreement_is_in_its_form` |
//! | 9 | titles run in the operator's browser | `reading::customers_texts_are_shown_and_never_run` |
//! | 10 | pages of lists make queries for each row | [`pages_cost_as_many_reads_for_many_plans_as_for_one`] |

use license_tests::{Browser, TestApp, builders::Agreement};
use serde_json::{Value, json};

use super::filling::send;

#[tokio::test]
async fn no_page_takes_a_password_and_addresses_of_the_peer_lead_on() {
    let app = TestApp::start().await;
    let stranger = Browser::new(&app);
    for path in ["/admin/login/", "/admin/password_change/"] {
        let page = stranger.get(path).await;
        assert!(page.status.is_redirection() || page.status.as_u16() == 404, "{path}: {}", page.status);
        assert!(!page.text.contains("type=\"password\""), "{path}: {}", page.text);
    }
    let plan = app.plan(1).await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    for slash in ["", "/"] {
        let known = browser.get(&format!("/admin/subscriptions/subscriptionplan/{}/change{slash}", plan.id)).await;
        assert_eq!(known.header("location"), Some(format!("/admin/plans/{}/", plan.id).as_str()), "{}", known.status);
    }
}

#[tokio::test]
async fn words_that_break_searches_find_nothing() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    plan.assigned("ann@example.com").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let words =
        ["%25", "'", "\\", "(", "status%20%3D%20%22revoked%22", "%00", "%F0%9F%92%A9", "a%26b", &"x".repeat(2_000)];
    for word in words {
        for path in [format!("/admin/search/?q={word}"), format!("/admin/plans/{}/?search={word}", plan.id)] {
            let page = browser.get(&path).await;
            assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text);
            assert!(!page.text.contains("ann@example.com"), "{path}");
        }
    }
}

#[tokio::test]
async fn pages_cost_as_many_reads_for_many_plans_as_for_one() {
    let app = TestApp::proxied().await;
    let (one, many) = (app.agreement().await, app.agreement().await);
    app.plan_of(&one, 5, &json!({})).await;
    let mut last = None;
    for _ in 0..20 {
        last = Some(app.plan_of(&many, 5, &json!({})).await);
    }
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    browser.get("/admin/").await;
    let reads = async |path: String| {
        app.proxy().take();
        let page = browser.get(&path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text);
        app.proxy().take().len()
    };
    let of = async |agreement: &Agreement, rest: &str| reads(format!("/admin/customers/{}/{rest}", agreement.id)).await;
    for rest in ["", "jobs/", "audit/", "change/", "plans/new/"] {
        let (few, all) = (of(&one, rest).await, of(&many, rest).await);
        // The counters of each plan are a read of their own; nothing else is read for a plan.
        let counters = if rest.is_empty() { 19 } else { 0 };
        assert!(all <= few + counters + 1, "{rest}: {few} reads of one plan, {all} of twenty");
    }
    let plan = last.expect("a plan").id;
    for rest in ["", "change/", "renew/", "jobs/new/"] {
        let reads = reads(format!("/admin/plans/{plan}/{rest}")).await;
        assert!(reads <= 12, "{rest}: {reads} reads");
    }
}

#[tokio::test]
async fn a_plan_whose_type_needs_no_line_item_is_saved_without_one() {
    let app = TestApp::start().await;
    // Of the type for tests, which needs none.
    let without = json!({ "product": 4, "salesforce_opportunity_line_item": null });
    let plan = app.plan_of(&app.agreement().await, 5, &without).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/change/", plan.id);
    let form = browser.get(&path).await;
    let looked = send(&browser, &form, &format!("{path}preview/"), &[("title", "Renamed")]).await;
    let done = send(&browser, &looked, &path, &[("reason", "x")]).await;
    assert!(done.status.as_u16() == 200 && done.text.contains("It is done"), "{}", done.text);
}

#[tokio::test]
async fn a_plan_without_any_catalog_is_refused_beside_the_field() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/change/", plan.agreement.id);
    let form = browser.get(&path).await;
    let none = [("default_enterprise_catalog_uuid", "")];
    let looked = send(&browser, &form, &format!("{path}preview/"), &none).await;
    assert_eq!(send(&browser, &looked, &path, &[("reason", "x")]).await.status.as_u16(), 200);
    let path = format!("/admin/customers/{}/plans/new/", plan.agreement.id);
    let form = browser.get(&path).await;
    let new = [
        ("title", "Bare"),
        ("start_date", "2026-01-01T00:00"),
        ("expiration_date", "2028-01-01T00:00"),
        ("desired_num_licenses", "7"),
        ("product", "1"),
        ("salesforce_opportunity_line_item", "00k000000000000001"),
    ];
    let refused = send(&browser, &form, &format!("{path}preview/"), &new).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    assert!(refused.text.contains("id=\"enterprise_catalog_uuid-wrong\""), "{}", refused.text);
}

#[tokio::test]
async fn a_catalog_service_that_does_not_respond_is_said_in_the_form() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/change/", plan.id);
    let form = browser.get(&path).await;
    let fault = json!({ "service": "catalog", "next": 10, "how": { "status": 500 } });
    app.anonymous().post("/_local/faults", &fault).await.expect(201);
    let catalog = app.uuid(0xc).to_string();
    let changes = [("enterprise_catalog_uuid", catalog.as_str()), ("title", "Kept")];
    let refused = send(&browser, &form, &format!("{path}preview/"), &changes).await;
    assert!(!refused.status.is_success() && refused.status.as_u16() != 500, "{}", refused.status);
    assert!(refused.text.contains("did not respond") && refused.text.contains("value=\"Kept\""), "{}", refused.text);
}

#[tokio::test]
async fn an_agreement_with_old_messaging_is_saved_like_any_other() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let store = app.running().store();
    let ports: &dyn license_storage::Portfolios = store.as_ref();
    let before = ports.portfolio(agreement.id.parse().expect("an id")).await.expect("the table responds");
    let before = before.expect("it is there").agreement;
    // As an import may bring it: the old flag is off, though the old texts are there.
    let mut after = before.clone();
    after.messaging.modal_header_text = Some("Old".to_owned());
    after.messaging.has_custom_license_expiration_messaging = false;
    let stamp = license_domain::Stamp {
        actor: "test".to_owned(),
        actor_lms_user_id: None,
        reason: "old messaging".to_owned(),
        request_id: "r".to_owned(),
        at: app.now(),
    };
    let update: &dyn license_storage::Update = store.as_ref();
    update.update_agreement(&before, &after, &stamp.into()).await.expect("changed");
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/change/", agreement.id);
    let form = browser.get(&path).await;
    let looked = send(&browser, &form, &format!("{path}preview/"), &[("enterprise_customer_slug", "another")]).await;
    let done = send(&browser, &looked, &path, &[("reason", "x")]).await;
    assert!(done.status.as_u16() == 200 && done.text.contains("It is done"), "{}", done.text);
}

#[tokio::test]
async fn saving_an_agreement_leaves_auto_apply_of_its_plans_alone() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let flagged = json!({ "should_auto_apply_licenses": true });
    let current = app.plan_of(&agreement, 5, &flagged).await;
    let ahead = json!({ "should_auto_apply_licenses": true, "start_date": "2027-06-01T00:00:00Z" });
    let ahead = app.plan_of(&agreement, 5, &ahead).await;
    app.advance("P20D").await;
    let plans = async || {
        let store = app.running().store();
        let ports: &dyn license_storage::Portfolios = store.as_ref();
        let found = ports.portfolio(agreement.id.parse().expect("an id")).await.expect("the table responds");
        let plans = found.expect("it is there").plans;
        plans
            .into_iter()
            .map(|plan| (plan.uuid, plan.should_auto_apply_licenses, plan.auto_apply_since))
            .collect::<Vec<_>>()
    };
    let before = plans().await;
    assert!(before.iter().all(|(_, flag, since)| *flag == Some(true) && since.is_some()), "{before:?}");
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/change/", agreement.id);
    let form = browser.get(&path).await;
    let looked =
        send(&browser, &form, &format!("{path}preview/"), &[("disable_expiration_notifications", "yes")]).await;
    assert_eq!(send(&browser, &looked, &path, &[("reason", "x")]).await.status.as_u16(), 200);
    assert_eq!(plans().await, before, "{} {}", current.id, ahead.id);
}

#[tokio::test]
async fn a_renewal_that_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    let (plan, foreign) = (app.plan(5).await, app.plan(5).await);
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/renew/", plan.id);
    let form = browser.get(&path).await;
    assert!(!form.text.contains(&foreign.id), "another customer's plans are not offered: {}", form.text);
    let sale = ("salesforce_opportunity_id", "00k000000000000002");
    let later = ("renewed_expiration_date", "2029-01-01T00:00");
    for wrong in [
        vec![sale, later, ("number_of_licenses", "0")],
        vec![sale, later, ("number_of_licenses", "-1")],
        vec![sale, later, ("renewed_subscription_plan", plan.id.as_str())],
        vec![sale, later, ("renewed_subscription_plan", foreign.id.as_str())],
        vec![sale, ("renewed_expiration_date", "2020-01-01T00:00")],
        vec![sale, later, ("effective_date", "2020-01-01T00:00")],
    ] {
        let refused = send(&browser, &form, &format!("{path}preview/"), &wrong).await;
        assert!(refused.status.is_client_error(), "{wrong:?}: {} {}", refused.status, refused.text);
    }
    let renewals = app.provisioner().get("/api/v1/provisioning-admins/subscription-plan-renewals/").await.expect(200);
    assert_eq!(renewals["count"], 0, "{renewals}");
}

#[tokio::test]
async fn a_transfer_that_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    let (plan, foreign) = (app.plan(5).await, app.plan(5).await);
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/plans/{}/jobs/new/preview/", plan.id);
    for wrong in [
        vec![("kind", "transfer"), ("all", "1")],
        vec![("kind", "transfer"), ("all", "1"), ("to_plan", plan.id.as_str())],
        vec![("kind", "transfer"), ("all", "1"), ("to_plan", foreign.id.as_str())],
        vec![("kind", "transfer"), ("all", "1"), ("to_plan", "junk")],
        vec![("kind", "transfer"), ("addresses", "junk;junk\u{0}")],
        vec![("kind", "junk"), ("all", "1")],
        vec![],
    ] {
        let refused = browser.post(&path, &wrong).await;
        assert_eq!(refused.status.as_u16(), 400, "{wrong:?}: {}", refused.text);
    }
    let jobs: Value = plan
        .admin()
        .get(&format!("/api/v1/jobs/?enterprise_customer_uuid={}", plan.agreement.enterprise))
        .await
        .expect(200);
    assert_eq!(jobs["results"].as_array().or(jobs.as_array()).map(Vec::len), Some(0), "{jobs}");
}
