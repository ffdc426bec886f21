//! Every page of the console with something to see on it.

use std::collections::BTreeMap;

use license_local::Options;
use license_tests::{Role, TestApp, app::options};
use serde_json::{Value, json};

use crate::table::PAGES;

/// The demo with a bit more to see, and the parameters of paths, with things that are there.
pub struct Sights {
    pub app: TestApp,
    pub of: BTreeMap<&'static str, String>,
}

impl Sights {
    pub async fn new() -> Self {
        let app = TestApp::start_with(Options { demo: true, ..options() }, false).await;
        let admin = app.client(Role::Admin, license_local::demo::ENTERPRISE);
        let plan = license_local::demo::PLAN;
        let plan_path = format!("/api/v1/subscriptions/{plan}/");
        let list = format!("/api/v1/customer-agreement/?enterprise_customer_uuid={}", license_local::demo::ENTERPRISE);
        let agreement = text(&admin.get(&list).await.expect(200)["results"][0]["uuid"]);
        let params = json!({ "user_emails": ["margaret@demo.example", "ada@demo.example"], "notify_users": true });
        let request = json!({ "kind": "assign", "subscription_plan": plan, "params": params });
        let job = text(&admin.post("/api/v1/jobs/", &request).await.expect(202)["id"]);
        let webhook = json!({ "url": "https://hooks.example.com/T0/secret", "description": "CRM" });
        let webhooks = format!("/api/v1/customer-agreements/{agreement}/webhooks/");
        let webhook = text(&admin.post(&webhooks, &webhook).await.expect(201)["id"]);
        let renewal = json!({
            "prior_subscription_plan": plan,
            "number_of_licenses": 120,
            "salesforce_opportunity_id": "00k000000000000777",
            "effective_date": "2027-10-24T00:00:00Z",
            "renewed_expiration_date": "2028-10-24T00:00:00Z",
            "license_types_to_copy": "assigned_and_activated",
        });
        let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        let renewal = app.provisioner().post(path, &renewal).await.expect(201)["id"].to_string();
        app.drain().await;
        // A mail whose call has no response: it may have been sent.
        let fault = json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" });
        app.anonymous().post("/_local/faults", &fault).await.expect(201);
        let request = json!({ "user_emails": ["hedy@demo.example"], "notify_users": true });
        admin.post(&format!("{plan_path}licenses/assign/"), &request).await.expect(200);
        app.drain().await;
        app.advance("PT1H").await;
        let mails = app.client(Role::Staff, license_local::demo::ENTERPRISE).get("/api/v1/mails/").await.expect(200);
        let mail = text(&mails[0]["id"]);
        let found = admin.get(&format!("{plan_path}licenses/?search=margaret")).await.expect(200);
        let license = text(&found["results"][0]["uuid"]);
        let of = [
            ("agreement", agreement.clone()),
            ("plan", plan.to_string()),
            ("license", license),
            ("job", job),
            ("renewal", renewal),
            ("mail", mail),
            ("webhook", webhook),
            ("operation", "delete-revoked".to_owned()),
            ("work", "unlink_expired_licenses".to_owned()),
            ("kind", "plan".to_owned()),
            ("queue", "mails".to_owned()),
        ];
        Self { app, of: of.into() }
    }

    /// The addresses of all pages that can be looked at, each with a name for its picture.
    pub fn pages(&self) -> Vec<(String, String)> {
        let mut pages = Vec::new();
        for page in PAGES.iter().filter(|page| page.method == "GET") {
            // The sign-in is a walk of its own, and paths of the peer's admin lead to other pages.
            if page.path.contains("edx-oauth2") || page.path == "/login/" || page.path.contains("/subscriptions/") {
                continue;
            }
            let actions: &[&str] = match page.path {
                "/admin/plans/{plan}/{action}/" => &["assign", "revoke", "remind"],
                "/admin/customers/{agreement}/webhooks/{webhook}/{action}/" => &["replay-week", "disable"],
                _ => &[""],
            };
            for action in actions {
                let id = if page.path.contains("/products/") || page.path.contains("/plan-types/") {
                    "1"
                } else if page.path.contains("/renewals/") {
                    self.of["renewal"].as_str()
                } else if page.path.contains("/customers/") {
                    self.of["agreement"].as_str()
                } else {
                    self.of["plan"].as_str()
                };
                let mut path = page.path.replace("{id}", id).replace("{action}", action).replace("{control}", "cancel");
                for (name, value) in &self.of {
                    path = path.replace(&format!("{{{name}}}"), value);
                }
                assert!(!path.contains('{'), "{path}: what stands for its parameter?");
                let query = match page.path {
                    "/admin/search/" => "?q=demo",
                    "/admin/learners/" => "?email=ada%40demo.example",
                    "/admin/users/role/" => "?name=ada&role=enterprise_subscriptions_admin&customer=*&kind=grant",
                    "/admin/users/" => "?name=demo-operator",
                    _ => "",
                };
                let name = page.path.replace("{action}", action).replace(['{', '}'], "");
                pages.push((name.trim_matches('/').replace('/', "-"), format!("{path}{query}")));
            }
        }
        pages
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
