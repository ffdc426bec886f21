//! State that is created over the wire as an operator would do it.

use license_domain::EnterpriseId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Client, Role, TestApp};

/// An agreement with a customer.
#[derive(Clone, Debug)]
pub struct Agreement {
    pub id: String,
    pub enterprise: EnterpriseId,
    /// The customer's admin.
    pub admin: Client,
}

/// A plan of an agreement.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: String,
    pub agreement: Agreement,
}

/// A license with a learner.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: String,
    /// The secret in the activation link.
    pub key: String,
    pub email: String,
}

impl TestApp {
    /// A new agreement with a new customer.
    pub async fn agreement(&self) -> Agreement {
        let enterprise = EnterpriseId(self.uuid(0xe));
        let body = json!({
            "enterprise_customer_uuid": enterprise,
            "enterprise_customer_slug": format!("customer-{}", self.number()),
            "default_enterprise_catalog_uuid": self.uuid(0xc),
        });
        let response = self.provisioner().post("/api/v1/provisioning-admins/customer-agreement/", &body).await;
        let id = text(&response.expect(201), "uuid");
        Agreement { id, enterprise, admin: self.client(Role::Admin, enterprise) }
    }

    /// A new plan of a new agreement: current and active, with so many seats.
    pub async fn plan(&self, seats: u64) -> Plan {
        let agreement = self.agreement().await;
        self.plan_of(&agreement, seats, &json!({})).await
    }

    /// A new plan of that agreement; `changes` are fields of the request.
    pub async fn plan_of(&self, agreement: &Agreement, seats: u64, changes: &Value) -> Plan {
        let mut body = self.plan_body(agreement, seats);
        for (name, value) in changes.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let response = self.provisioner().post("/api/v1/provisioning-admins/subscriptions/", &body).await;
        Plan { id: text(&response.expect(201), "uuid"), agreement: agreement.clone() }
    }

    /// The body of a request for a plan.
    pub fn plan_body(&self, agreement: &Agreement, seats: u64) -> Value {
        json!({
            "title": format!("Plan {}", self.number()),
            "start_date": "2026-01-01T00:00:00Z",
            "expiration_date": "2027-12-31T00:00:00Z",
            "customer_agreement": agreement.id,
            "desired_num_licenses": seats,
            "is_active": true,
            "product": 1,
            "change_reason": "new",
            "salesforce_opportunity_line_item": "00k000000000000123",
        })
    }
}

impl Plan {
    /// A path below the plan.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/subscriptions/{}/{rest}", self.id)
    }

    pub fn uuid(&self) -> Uuid {
        self.id.parse().expect("a UUID")
    }

    /// The customer's admin.
    pub fn admin(&self) -> &Client {
        &self.agreement.admin
    }

    /// Assigns; returns the whole response.
    pub async fn assign(&self, emails: &[impl AsRef<str> + Sync]) -> crate::TestResponse {
        let emails: Vec<&str> = emails.iter().map(AsRef::as_ref).collect();
        self.admin()
            .post(&self.path("licenses/assign/"), &json!({ "user_emails": emails, "notify_users": false }))
            .await
    }

    /// Revokes; returns the whole response.
    pub async fn revoke(&self, emails: &[impl AsRef<str> + Sync]) -> crate::TestResponse {
        let emails: Vec<&str> = emails.iter().map(AsRef::as_ref).collect();
        self.admin().post(&self.path("licenses/bulk-revoke/"), &json!({ "user_emails": emails })).await
    }

    /// The license with that id.
    pub async fn license(&self, id: &str) -> Value {
        self.admin().get(&self.path(&format!("licenses/{id}/"))).await.expect(200)
    }

    /// An invited learner.
    pub async fn assigned(&self, email: &str) -> Held {
        let response = self.assign(&[email]).await.expect(200);
        let id = text(&response["license_assignments"][0], "license");
        let key = text(&self.license(&id).await, "activation_key");
        Held { id, key, email: email.to_owned() }
    }

    /// A learner with an activated license.
    pub async fn activated(&self, app: &TestApp, email: &str) -> Held {
        let held = self.assigned(email).await;
        self.activate(app, &held).await.expect(200);
        held
    }

    /// Activates; returns the whole response.
    pub async fn activate(&self, app: &TestApp, held: &Held) -> crate::TestResponse {
        let learner = app.learner(self.agreement.enterprise, &held.email);
        learner.post(&format!("/api/v1/license-activation/?activation_key={}", held.key), &json!({})).await
    }

    /// The plan's counts by status, as `overview/` has them.
    pub async fn overview(&self) -> std::collections::BTreeMap<String, u64> {
        let response = self.admin().get(&self.path("licenses/overview/")).await.expect(200);
        let rows = response.as_array().expect("a list").iter();
        rows.map(|row| (text(row, "status"), row["count"].as_u64().expect("a count"))).collect()
    }
}

/// Addresses with the numbers of the range.
pub fn emails(name: &str, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("{name}{n:05}@example.com")).collect()
}

/// The text under that name.
#[track_caller]
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
