//! Every operation by form leaves an entry with the person and the reason, where operators look for it. The operations are those
//! of the list of pages: one that is not tried here fails.

use std::collections::BTreeSet;

use license_tests::{
    Browser, TestApp,
    builders::{Plan, text},
};
use serde_json::json;

use super::{confirming::hidden, filling::send};
use crate::table::PAGES;

/// Who does it.
const PERSON: &str = "demo-superuser";

/// Forms that change nothing but the person's own sessions.
const OWN: [&str; 2] = ["/admin/sessions/end/", "/logout/"];

/// The reason that is given for a form.
fn reason_of(page: &str) -> String {
    format!("because of {page}").replace(['{', '}'], "")
}

/// The forms that were tried, and what is wrong.
struct Trial {
    app: TestApp,
    browser: Browser,
    tried: BTreeSet<&'static str>,
    wrong: Vec<String>,
}

impl Trial {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let browser = Browser::signed_in(&app, PERSON).await;
        Self { app, browser, tried: BTreeSet::new(), wrong: Vec::new() }
    }

    /// Takes note that the form was sent, and looks for the entry on that page.
    async fn look(&mut self, page: &'static str, reason: &str, at: &str) {
        assert!(PAGES.iter().any(|known| known.method == "POST" && known.path == page), "{page} is no form");
        self.tried.insert(page);
        self.app.drain().await;
        let line = format!("<td>{PERSON}</td><td>{reason}</td>");
        if self.browser.get(at).await.text.contains(&line) {
            return;
        }
        // What the sweeper is to begin takes its time.
        self.app.advance("PT10M").await;
        if !self.browser.get(at).await.text.contains(&line) {
            self.wrong.push(format!("{page}: no entry with “{reason}” on {at}"));
        }
    }

    /// A form that needs a reason only.
    async fn confirm(&mut self, page: &'static str, (path, fields): (&str, &[(&str, &str)]), at: &str) {
        let query = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let form = self.browser.get(&format!("{path}?{query}")).await;
        let key = match hidden(&form, "key") {
            "" => format!("key of {page}"),
            key => key.to_owned(),
        };
        let reason = reason_of(page);
        let mut sent = fields.to_vec();
        sent.extend([("key", key.as_str()), ("reason", reason.as_str())]);
        let done = self.browser.post(path, &sent).await;
        assert!(matches!(done.status.as_u16(), 200 | 303), "{page}: {} {}", done.status, done.text);
        self.look(page, &reason, at).await;
    }

    /// A form with a preview.
    async fn fill(&mut self, page: &'static str, (path, fields): (&str, &[(&str, &str)]), at: Option<&str>) -> String {
        let form = self.browser.get(path).await;
        assert_eq!(form.status.as_u16(), 200, "{page}: {}", form.text);
        let looked = send(&self.browser, &form, &format!("{path}preview/"), fields).await;
        assert_eq!(looked.status.as_u16(), 200, "{page}: {}", looked.text);
        let reason = reason_of(page);
        let done = send(&self.browser, &looked, path, &[("reason", &reason)]).await;
        assert!(matches!(done.status.as_u16(), 200 | 303), "{page}: {} {}", done.status, done.text);
        let link = done.text.split("<main").nth(1).and_then(|rest| rest.split("href=\"").nth(1)).unwrap_or_default();
        let link = link.split('"').next().unwrap_or_default().to_owned();
        self.look(page, &reason, at.unwrap_or(&link)).await;
        link
    }

    /// The preview of a revert has two forms, of which this sends the first.
    async fn revert(&mut self, (path, then): (&str, &str), at: &str) {
        const PAGE: &str = "/admin/plans/{plan}/revert/";
        let looked = self.browser.post(&format!("{path}preview/"), &[("to", then), ("licenses", "")]).await;
        let (to, key) = (hidden(&looked, "to").replace("&#43;", "+"), hidden(&looked, "key").to_owned());
        let reason = reason_of(PAGE);
        let sent = [("to", to.as_str()), ("licenses", ""), ("key", &key), ("reason", &reason)];
        let done = self.browser.post(path, &sent).await;
        assert_eq!(done.status.as_u16(), 303, "{}", done.text);
        self.look(PAGE, &reason, at).await;
    }

    async fn renewal_of(&self, plan: &Plan, effective: &str) -> String {
        let renewal = json!({
            "prior_subscription_plan": plan.id, "number_of_licenses": 9, "effective_date": effective,
            "renewed_expiration_date": "2028-12-31T00:00:00Z", "salesforce_opportunity_id": "00k000000000000777",
        });
        let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        self.app.provisioner().post(path, &renewal).await.expect(201)["id"].to_string()
    }

    async fn plans_and_agreements(&mut self) {
        let customer = self.app.uuid(0x7).to_string();
        let new = [("enterprise_customer_uuid", customer.as_str()), ("enterprise_customer_slug", "acme")];
        let acme = self.fill("/admin/customers/new/", ("/admin/customers/new/", &new), None).await;
        let changed = [("default_enterprise_catalog_uuid", customer.as_str())];
        self.fill("/admin/customers/{id}/change/", (&format!("{acme}change/"), &changed), Some(&acme)).await;
        let new = [
            ("title", "Acme 2027"),
            ("start_date", "2026-01-01T00:00"),
            ("expiration_date", "2028-01-01T00:00"),
            ("desired_num_licenses", "7"),
            ("product", "1"),
            ("salesforce_opportunity_line_item", "00k000000000000001"),
        ];
        let plan = self.fill("/admin/customers/{id}/plans/new/", (&format!("{acme}plans/new/"), &new), None).await;
        let changed = [("title", "Acme 2028")];
        self.fill("/admin/plans/{id}/change/", (&format!("{plan}change/"), &changed), Some(&plan)).await;
        let new = [
            ("salesforce_opportunity_id", "00k000000000000002"),
            ("renewed_expiration_date", "2029-01-01T00:00"),
            ("number_of_licenses", "7"),
        ];
        let audit = format!("{acme}audit/");
        self.fill("/admin/plans/{id}/renew/", (&format!("{plan}renew/"), &new), Some(&audit)).await;
        let page = self.browser.get(&plan).await.text;
        let renewal = page.split("href=\"/admin/renewals/").nth(1).and_then(|rest| rest.split('/').next());
        let path = format!("/admin/renewals/{}/", renewal.expect("a renewal"));
        let changed = [("number_of_licenses", "8")];
        self.fill("/admin/renewals/{id}/change/", (&format!("{path}change/"), &changed), Some(&audit)).await;
        let process = format!("{path}process/");
        self.confirm("/admin/renewals/{renewal}/process/", (&process, &[]), &audit).await;

        let products = Some("/admin/products/");
        let new = [("label", "Academy"), ("sf_id_required", "no"), ("ns_id_required", "no")];
        self.fill("/admin/plan-types/new/", ("/admin/plan-types/new/", &new), products).await;
        let changed = [("description", "For schools")];
        self.fill("/admin/plan-types/{id}/change/", ("/admin/plan-types/7/change/", &changed), products).await;
        let new = [("name", "Teams"), ("plan_type", "7")];
        self.fill("/admin/products/new/", ("/admin/products/new/", &new), products).await;
        let changed = [("description", "For teams")];
        self.fill("/admin/products/{id}/change/", ("/admin/products/8/change/", &changed), products).await;
    }

    async fn licenses_and_jobs(&mut self) {
        let agreement = self.app.agreement().await;
        let plan = self.app.plan_of(&agreement, 9, &json!({})).await;
        plan.activated(&self.app, "ann@example.com").await;
        plan.assigned("bob@example.com").await;
        plan.revoke(&["bob@example.com"]).await.expect(200);
        self.app.drain().await;
        let audit = format!("/admin/customers/{}/audit/", agreement.id);
        let at = format!("/admin/plans/{}/", plan.id);
        let (assign, kind) =
            ([("addresses", "carl@example.com")], [("kind", "assign"), ("addresses", "dora@example.com")]);
        self.confirm("/admin/plans/{plan}/{action}/", (&format!("{at}assign/"), &assign), &at).await;
        self.confirm("/admin/plans/{plan}/jobs/new/", (&format!("{at}jobs/new/"), &kind), &audit).await;
        let operation = format!("{at}operations/delete-revoked/");
        self.confirm("/admin/plans/{plan}/operations/{operation}/", (&operation, &[]), &audit).await;
        let then = self.app.now().format("%Y-%m-%dT%H:%M:%S").to_string();
        self.app.advance("PT1M").await;
        self.revert((&format!("{at}revert/"), &then), &audit).await;
        let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
        let job = text(&plan.admin().post("/api/v1/jobs/", &request).await.expect(202), "id");
        self.confirm("/admin/jobs/{job}/{control}/", (&format!("/admin/jobs/{job}/cancel/"), &[]), &audit).await;
        let looked = [("email", "ann@example.com")];
        self.confirm("/admin/learners/", ("/admin/learners/", &looked), &audit).await;
        let sync = format!("/admin/customers/{}/sync/", agreement.id);
        self.confirm("/admin/customers/{agreement}/sync/", (&sync, &[]), &audit).await;
        let webhooks = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
        let request = json!({ "url": "https://hooks.example.com/T0/secret" });
        let webhook = text(&plan.admin().post(&webhooks, &request).await.expect(201), "id");
        let path = format!("/admin/customers/{}/webhooks/{webhook}/disable/", agreement.id);
        self.confirm("/admin/customers/{agreement}/webhooks/{webhook}/{action}/", (&path, &[]), &audit).await;
    }

    async fn what_the_clock_does(&mut self) {
        let agreement = self.app.agreement().await;
        let audit = format!("/admin/customers/{}/audit/", agreement.id);
        let ended = self.app.plan_of(&agreement, 5, &json!({ "expiration_date": "2026-11-20T00:00:00Z" })).await;
        ended.assigned("ann@example.com").await;
        let path = format!("/admin/plans/{}/clock/expire_subscriptions/", ended.id);
        self.confirm("/admin/plans/{plan}/clock/{work}/", (&path, &[]), &audit).await;
        let soon = "2026-11-23T12:00:00Z";
        let ending = self.app.plan_of(&agreement, 5, &json!({ "expiration_date": soon })).await;
        self.renewal_of(&ending, soon).await;
        let path = format!("/admin/customers/{}/process-renewals/", agreement.id);
        self.confirm("/admin/customers/{agreement}/process-renewals/", (&path, &[]), &audit).await;
    }

    async fn mails_queues_and_users(&mut self) {
        let role =
            [("name", "grace"), ("role", "enterprise_subscriptions_admin"), ("customer", "*"), ("kind", "grant")];
        self.confirm("/admin/users/role/", ("/admin/users/role/", &role), "/admin/users/?name=grace").await;
        let plan = self.app.plan(5).await;
        let fault = json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" });
        self.app.anonymous().post("/_local/faults", &fault).await.expect(201);
        let request = json!({ "user_emails": ["ann@example.com"], "notify_users": true });
        plan.admin().post(&plan.path("licenses/assign/"), &request).await.expect(200);
        self.app.drain().await;
        self.app.advance("PT1H").await;
        self.browser = Browser::signed_in(&self.app, PERSON).await;
        let list = self.browser.get("/admin/mails/").await.text;
        let path = list.split("href=\"").find(|rest| rest.contains("/send/\">send again")).expect("a link");
        let path = path.split('"').next().expect("an address").to_owned();
        let audit = format!("/admin/customers/{}/audit/", plan.agreement.id);
        self.confirm("/admin/mails/{mail}/send/", (&path, &[]), &audit).await;
        let path = "/admin/system/queues/webhooks/redrive/";
        self.confirm("/admin/system/queues/{queue}/redrive/", (path, &[]), "/admin/system/").await;
    }
}

#[tokio::test]
async fn every_operation_by_form_leaves_an_entry_with_the_person_and_the_reason() {
    let mut trial = Trial::new().await;
    trial.what_the_clock_does().await;
    trial.plans_and_agreements().await;
    trial.licenses_and_jobs().await;
    trial.mails_queues_and_users().await;
    assert!(trial.wrong.is_empty(), "{:#?}", trial.wrong);
    let forms = PAGES.iter().filter(|page| page.method == "POST" && !page.path.ends_with("/preview/"));
    let forms: BTreeSet<&str> = forms.map(|page| page.path).filter(|path| !OWN.contains(path)).collect();
    assert_eq!(trial.tried, forms, "each form is tried here");
}
