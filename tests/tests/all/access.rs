//! Every route × every role: `access.json` has the expected responses, and the functions' declarations must agree. A
//! route without a row fails. `UPDATE_ACCESS=1` writes the actual responses, which must be reviewed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use license_api::{RequiredPermission, Route, RouteAccess};
use license_domain::{EnterpriseId, RoleName, Scope};
use license_tests::{Client, Role, TestApp, TestResponse, builders::text};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::table;

/// The learner whose license requests are about; every requester here has this address.
const LEARNER: &str = "learner@example.com";

/// The table: for each route a request about the customer's own things, and the response for each role.
const TABLE: &str = include_str!("access.json");

/// A row of the table.
#[derive(Debug, Deserialize, Serialize)]
struct Row {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(default)]
    expect: BTreeMap<u16, Vec<String>>,
}

type Table = BTreeMap<String, Row>;

/// The expected response for a role.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Refused(&'static str),
    Admitted,
}

/// The requester's roles, and whether they cover the customer.
fn grants(role: Role) -> &'static [(RoleName, bool)] {
    match role {
        Role::Admin | Role::RecordedAdmin | Role::Operator => &[(RoleName::SubscriptionsAdmin, true)],
        Role::ForeignAdmin | Role::RecordedForeignAdmin => &[(RoleName::SubscriptionsAdmin, false)],
        Role::Learner => &[(RoleName::SubscriptionsLearner, true)],
        Role::ForeignLearner => &[(RoleName::SubscriptionsLearner, false)],
        Role::Provisioner => &[(RoleName::ProvisioningAdmin, true)],
        _ => &[],
    }
}

/// The response that the route's own declaration implies.
fn expected(route: &Route, role: Role) -> Verdict {
    let (roles, listing, missing) = match route.access {
        RouteAccess::Anyone { .. } => return Verdict::Admitted,
        _ if !role.is_known() => return Verdict::Unknown,
        RouteAccess::Authenticated => return Verdict::Admitted,
        RouteAccess::Retirement if matches!(role, Role::Superuser | Role::RetirementWorker) => {
            return Verdict::Admitted;
        }
        RouteAccess::Staff if matches!(role, Role::Staff | Role::Superuser) => return Verdict::Admitted,
        RouteAccess::Staff | RouteAccess::Retirement => return Verdict::Refused(RequiredPermission::Unnamed.detail()),
        RouteAccess::Roles { roles, listing, missing } => (roles, listing, missing),
    };
    let holds = grants(role).iter().any(|(name, reaches)| roles.contains(name) && (*reaches || listing));
    match role {
        Role::Superuser => Verdict::Admitted,
        Role::Staff if listing => Verdict::Admitted,
        _ if holds => Verdict::Admitted,
        _ if listing => Verdict::Refused(RequiredPermission::Unnamed.detail()),
        _ => Verdict::Refused(missing.detail()),
    }
}

fn verdict_of(response: &TestResponse) -> Verdict {
    let detail = response.json()["detail"].as_str().unwrap_or_default().to_owned();
    match response.status.as_u16() {
        401 => Verdict::Unknown,
        403 => {
            let known = [
                RequiredPermission::Admin,
                RequiredPermission::UnanchoredAdmin,
                RequiredPermission::LearnerOrAdmin,
                RequiredPermission::UnanchoredLearnerOrAdmin,
                RequiredPermission::ProvisioningPlans,
                RequiredPermission::ProvisioningAgreements,
                RequiredPermission::Unnamed,
            ];
            let known = known.into_iter().map(RequiredPermission::detail).find(|known| *known == detail);
            Verdict::Refused(known.unwrap_or("a refusal in other words"))
        }
        _ => Verdict::Admitted,
    }
}

/// A client of that role with the learner's address.
pub fn client(app: &TestApp, role: Role, enterprise: EnterpriseId) -> Client {
    let mut claims = role.claims(enterprise, EnterpriseId(Uuid::from_u128(0xf0f0)));
    claims["email"] = json!(LEARNER);
    app.client_as(role, claims)
}

/// The things that the table's requests are about.
pub struct State {
    /// The customer.
    pub enterprise: EnterpriseId,
    names: Vec<(&'static str, String)>,
    table: Table,
}

impl State {
    /// Creates a customer with a plan and a learner with a license.
    pub async fn make(app: &TestApp) -> Self {
        let agreement = app.agreement().await;
        let plan = app.plan_of(&agreement, 10, &json!({ "should_auto_apply_licenses": true })).await;
        let held = plan.assigned(LEARNER).await;
        let enterprise = agreement.enterprise;
        app.grant("recordedadmin", Scope::Enterprise(enterprise)).await;
        app.grant("recordedforeignadmin", Scope::Enterprise(EnterpriseId(Uuid::from_u128(0xf0f0)))).await;
        let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
        let job = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
        let hooks = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
        let never = "edx.server.license-manager.license-lifecycle.renewed";
        let request = json!({ "url": "http://127.0.0.1:9/unused", "events": [never] });
        let hook = plan.admin().post(&hooks, &request).await.expect(201);
        let other = app.plan_of(&agreement, 1, &json!({})).await;
        let names = vec![
            ("webhook", text(&hook, "id")),
            ("plan", plan.id.clone()),
            ("agreement", agreement.id.clone()),
            ("license", held.id),
            ("key", held.key),
            ("enterprise", enterprise.to_string()),
            ("learner", LEARNER.to_owned()),
            ("job", text(&job, "id")),
            ("other", other.id),
            ("mail", format!("{}.0.0", Uuid::nil())),
        ];
        Self { enterprise, names, table: serde_json::from_str(TABLE).expect("a table") }
    }

    /// The table's request for that route, with its body.
    pub fn request(&self, route: &Route) -> (String, Option<Value>) {
        let row = &self.table[&name_of(route)];
        let body = row.body.as_ref();
        let body = body.map(|body| serde_json::from_str(&self.fill(&body.to_string())).expect("JSON"));
        (self.fill(&row.path), body)
    }

    /// A copy with a renewal of the plan.
    pub async fn with_renewal(mut self, app: &TestApp) -> Self {
        let body = json!({
            "prior_subscription_plan": self.named("plan"), "salesforce_opportunity_id": null, "number_of_licenses": 5,
            "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z",
        });
        let made = app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await;
        self.names.push(("renewal", made.expect(201)["id"].to_string()));
        self
    }

    /// The path of the table's request for that route, with the renewal if it has one.
    pub fn path(&self, route: &Route) -> String {
        self.request(route).0.replace("/7/", &format!("/{}/", self.named("renewal")))
    }

    fn named(&self, name: &str) -> &str {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).expect("a known name")
    }

    /// The body of a documented example, with the ids of existing things.
    pub fn about(&self, route: &Route, mut body: Value) -> Value {
        for (field, name) in [
            ("subscription_plan", "plan"),
            ("prior_subscription_plan", "other"),
            ("customer_agreement", "agreement"),
            ("enterprise_customer_uuid", "enterprise"),
        ] {
            // A new agreement belongs to another customer.
            let is_new = field == "enterprise_customer_uuid" && !route.path.contains('{');
            if body.get(field).is_some() && !is_new {
                body[field] = json!(self.named(name));
            }
        }
        if body["params"].get("to_plan").is_some() {
            body["params"]["to_plan"] = json!(self.named("other"));
        }
        for unique in ["title", "enterprise_customer_slug"] {
            if body.get(unique).is_some() {
                body[unique] = json!(format!("{}-{}", route.method, route.path.len()));
            }
        }
        body
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Whether the text contains the customer's plan, agreement or license.
    fn is_disclosed(&self, text: &str) -> bool {
        self.names[..5].iter().any(|(_, secret)| text.contains(secret))
    }
}

fn name_of(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// The responses for every role. Requests see the changes of those before them.
async fn ask_all(app: &TestApp) -> (Table, Vec<String>) {
    let state = State::make(app).await;
    let (mut found, mut wrong) = (Table::new(), Vec::new());
    // One token for each role: to sign one takes longer than most requests.
    let clients = Role::ALL.map(|role| (role, client(app, role, state.enterprise)));
    for route in table::routes() {
        let name = name_of(route);
        let Some(row) = state.table.get(&name) else {
            wrong.push(format!("{name} has no row in access.json"));
            continue;
        };
        let (path, body) = state.request(route);
        assert!(table::is_of(route.path, path.split('?').next().unwrap_or_default()), "{path}");
        let mut expect: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for (role, client) in &clients {
            let (role, method): (Role, Method) = (*role, route.method.parse().expect("a method"));
            let response = client.send(method, &path, body.as_ref()).await;
            expect.entry(response.status.as_u16()).or_default().push(format!("{role:?}"));
            if response.status.is_success() && route.method != "GET" {
                // The next response must not depend on when the consequences of this one are done.
                app.drain().await;
            }
            let (declared, given) = (expected(route, role), verdict_of(&response));
            if declared != given || response.status.is_server_error() {
                wrong.push(format!(
                    "{name} as {role:?}: declared {declared:?}, came {}: {}",
                    response.status, response.text
                ));
            }
            if given == Verdict::Unknown {
                let detail = match role {
                    Role::Anonymous => "Authentication credentials were not provided.",
                    _ => "Invalid token.",
                };
                assert_eq!(response.json()["detail"], detail);
                assert_eq!(response.header("www-authenticate"), Some("JWT realm=\"api\""));
            }
            let is_foreign = matches!(role, Role::ForeignAdmin | Role::ForeignLearner | Role::RecordedForeignAdmin);
            if given != Verdict::Admitted || is_foreign {
                assert!(!state.is_disclosed(&response.text), "{name} discloses to {role:?} {}", response.text);
            }
        }
        found.insert(name, Row { path: row.path.clone(), body: row.body.clone(), expect });
    }
    (found, wrong)
}

#[tokio::test]
async fn every_route_responds_to_every_role_as_in_the_table() {
    let table: Table = serde_json::from_str(TABLE).expect("a table");
    let app = TestApp::start().await;
    let (found, mut wrong) = ask_all(&app).await;
    if std::env::var_os("UPDATE_ACCESS").is_some() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/all/access.json");
        let text = serde_json::to_string_pretty(&found).expect("JSON");
        fs::write(file, format!("{text}\n")).expect("written");
    } else {
        for (name, row) in &found {
            if row.expect != table[name].expect {
                wrong.push(format!("{name}: {:?} in access.json, came {:?}", table[name].expect, row.expect));
            }
        }
        wrong.extend(table.keys().filter(|name| !found.contains_key(*name)).map(|name| format!("no route {name}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A route of learners and admins on which learners may do less: they may only enroll themselves.
#[tokio::test]
async fn learners_enroll_themselves_and_admins_everyone() {
    let app = TestApp::start().await;
    let state = State::make(&app).await;
    let post = |route: &&Route| route.method == "POST" && route.path == "/api/v1/bulk-license-enrollment/";
    let route = table::routes().find(post).expect("the route");
    let (path, _) = state.request(route);
    let plan = &state.names.iter().find(|(name, _)| *name == "plan").expect("the state has a plan").1;
    let body = |emails: Value, enroll_all: bool| {
        json!({
            "emails": emails, "course_run_keys": ["x"], "notify": false, "enroll_all": enroll_all,
            "subscription_uuid": plan,
        })
    };
    let everyone = format!("{path}&enroll_all=true");
    let wanted = [
        (&path, body(json!([LEARNER]), false), false),
        (&path, body(json!([LEARNER.to_uppercase(), LEARNER]), false), false),
        (&path, body(json!([LEARNER, "colleague@example.com"]), false), true),
        (&path, body(json!([LEARNER]), true), true),
        (&everyone, body(json!([LEARNER]), false), true),
    ];
    for role in Role::ALL {
        for (path, body, is_of_others) in &wanted {
            let response = client(&app, role, state.enterprise).post(path, body).await;
            let wanted = match expected(route, role) {
                Verdict::Admitted if role == Role::Learner && *is_of_others => {
                    Verdict::Refused(RequiredPermission::UnanchoredAdmin.detail())
                }
                other => other,
            };
            assert_eq!(verdict_of(&response), wanted, "{role:?} {path} {body}: {} {}", response.status, response.text);
            assert!(!response.status.is_server_error(), "{role:?}: {}", response.text);
        }
    }
    // A requester without an address has no licenses of their own.
    let mut claims = Role::Learner.claims(state.enterprise, state.enterprise);
    claims["email"] = json!(null);
    app.client_with(claims).post(&path, &body(json!([LEARNER]), false)).await.expect(403);
}

#[tokio::test]
async fn an_unknown_path_is_a_page_that_says_so() {
    let app = TestApp::start().await;
    for path in ["/", "/api/v1/", "/api/v1/nothing/", "/auto_auth/"] {
        let response = app.anonymous().get(path).await;
        assert_eq!(response.status.as_u16(), 404, "{path}");
        assert!(response.text.contains("<h1>Not Found</h1>"), "{path}: {}", response.text);
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_for_requesters_with_a_role() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let anonymous = app.anonymous().send(Method::PUT, &plan.path("licenses/assign/"), Some(&json!({}))).await;
    assert_eq!(anonymous.status.as_u16(), 401);
    let admin = plan.admin().send(Method::PUT, &plan.path("licenses/assign/"), Some(&json!({}))).await;
    assert_eq!(admin.expect(405), json!({ "detail": "Method \"PUT\" not allowed." }));
    assert_eq!(admin.header("allow"), Some("POST, OPTIONS"));
}

#[tokio::test]
async fn every_response_has_the_request_id() {
    let app = TestApp::start().await;
    let mine = app.anonymous().send_with(Method::GET, "/health/", None, &[("x-request-id", "mine-1")]).await;
    assert_eq!(mine.header("x-request-id"), Some("mine-1"));
    for path in ["/health/", "/nowhere", "/api/v1/subscriptions/"] {
        let response = app.anonymous().get(path).await;
        assert!(response.header("x-request-id").is_some_and(|id| id.len() == 36), "{path}: {:?}", response.headers);
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/health/", "/nowhere", "/api/v1/subscriptions/"] {
        let response = app.anonymous().get(path).await;
        let wanted =
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")];
        for (name, value) in wanted {
            assert_eq!(response.header(name), Some(value), "{path}");
        }
    }
}
