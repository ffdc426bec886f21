//! Every route × every role, derived from what the functions declare. A route without an example here fails.

use license_domain::{EnterpriseId, RoleName};
use license_tests::{Answer, Role, TestApp, builders::Plan};
use license_web::{Grants, Missing, Route};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::table;

/// Who holds the licence that requests are about; every caller here has this address.
const LEARNER: &str = "learner@example.com";

/// What the requests name.
struct State {
    plan: Plan,
    license: String,
    key: String,
}

/// A request for that route about the customer's own things. The key is the route's method and path.
fn example(route: &Route, state: &State) -> Option<(String, Value)> {
    let (plan, agreement) = (&state.plan.id, &state.plan.agreement.id);
    let enterprise = state.plan.agreement.enterprise;
    let none = Value::Null;
    let of_plan = |rest: &str| state.plan.path(rest);
    let (path, body) = match (route.method, route.path) {
        ("GET", "/health/") => ("/health/".to_owned(), none),
        ("GET", "/csrf/api/v1/token/") => ("/csrf/api/v1/token".to_owned(), none),
        ("GET", "/api/v1/customer-agreement/") => {
            (format!("/api/v1/customer-agreement/?enterprise_customer_uuid={enterprise}"), none)
        }
        ("GET", "/api/v1/customer-agreement/{agreement}/") => {
            (format!("/api/v1/customer-agreement/{agreement}/"), none)
        }
        ("POST", "/api/v1/customer-agreement/{agreement}/auto-apply/") => {
            (format!("/api/v1/customer-agreement/{agreement}/auto-apply/"), json!({}))
        }
        ("GET", "/api/v1/subscriptions/") => {
            (format!("/api/v1/subscriptions/?enterprise_customer_uuid={enterprise}"), none)
        }
        ("GET", "/api/v1/subscriptions/{plan}/") => (of_plan(""), none),
        ("GET", "/api/v1/subscriptions/{plan}/licenses/") => (of_plan("licenses/"), none),
        ("GET", "/api/v1/subscriptions/{plan}/licenses/{license}/") => {
            (of_plan(&format!("licenses/{}/", state.license)), none)
        }
        ("GET", "/api/v1/subscriptions/{plan}/licenses/overview/") => (of_plan("licenses/overview/"), none),
        ("GET", "/api/v1/subscriptions/{plan}/licenses/csv/") => (of_plan("licenses/csv/"), none),
        ("POST", "/api/v1/subscriptions/{plan}/licenses/assign/") => {
            (of_plan("licenses/assign/"), json!({ "user_emails": [LEARNER] }))
        }
        ("POST", "/api/v1/subscriptions/{plan}/licenses/bulk-revoke/") => {
            (of_plan("licenses/bulk-revoke/"), json!({ "user_emails": ["stranger@example.com"] }))
        }
        ("POST", "/api/v1/subscriptions/{plan}/licenses/remind/") => {
            (of_plan("licenses/remind/"), json!({ "user_emails": [LEARNER] }))
        }
        ("POST", "/api/v1/subscriptions/{plan}/licenses/remind-all/") => (of_plan("licenses/remind-all/"), json!({})),
        ("POST", "/api/v1/subscriptions/{plan}/licenses/revoke-all/") => (of_plan("licenses/revoke-all/"), json!({})),
        ("POST", "/api/v1/license-activation/") => {
            (format!("/api/v1/license-activation/?activation_key={}", state.key), json!({}))
        }
        ("GET", "/api/v1/learner-licenses/") => {
            (format!("/api/v1/learner-licenses/?enterprise_customer_uuid={enterprise}"), none)
        }
        ("POST", "/api/v1/staff_lookup_licenses/") => {
            ("/api/v1/staff_lookup_licenses/".to_owned(), json!({ "user_email": LEARNER }))
        }
        ("GET", "/api/v1/admin-license-view/") => {
            (format!("/api/v1/admin-license-view/?user_email={LEARNER}&enterprise_customer_uuid={enterprise}"), none)
        }
        ("GET", "/api/v1/learner-subscriptions/") => {
            (format!("/api/v1/learner-subscriptions/?enterprise_customer_uuid={enterprise}"), none)
        }
        ("GET", "/api/v1/learner-subscriptions/{plan}/") => {
            (format!("/api/v1/learner-subscriptions/{plan}/?enterprise_customer_uuid={enterprise}"), none)
        }
        ("GET", "/api/v1/subscriptions/{plan}/license/") => (of_plan("license/"), none),
        ("GET", "/api/v1/subscriptions/{plan}/license/{license}/") => {
            (of_plan(&format!("license/{}/", state.license)), none)
        }
        ("POST", "/api/v1/provisioning-admins/customer-agreement/") => (
            "/api/v1/provisioning-admins/customer-agreement/".to_owned(),
            json!({ "enterprise_customer_uuid": enterprise }),
        ),
        ("GET", "/api/v1/provisioning-admins/customer-agreement/{agreement}/") => {
            (format!("/api/v1/provisioning-admins/customer-agreement/{agreement}/"), none)
        }
        ("PUT" | "PATCH", "/api/v1/provisioning-admins/customer-agreement/{agreement}/") => (
            format!("/api/v1/provisioning-admins/customer-agreement/{agreement}/"),
            json!({ "enterprise_customer_slug": "" }),
        ),
        ("GET", "/api/v1/provisioning-admins/subscription-plan-renewals/") => {
            ("/api/v1/provisioning-admins/subscription-plan-renewals/".to_owned(), none)
        }
        ("POST", "/api/v1/provisioning-admins/subscription-plan-renewals/") => {
            ("/api/v1/provisioning-admins/subscription-plan-renewals/".to_owned(), json!({}))
        }
        (_, "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/") => {
            ("/api/v1/provisioning-admins/subscription-plan-renewals/7/".to_owned(), json!({}))
        }
        ("POST", "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/") => {
            ("/api/v1/provisioning-admins/subscription-plan-renewals/7/process/".to_owned(), json!({}))
        }
        ("GET", "/api/v1/provisioning-admins/subscriptions/") => {
            ("/api/v1/provisioning-admins/subscriptions/".to_owned(), none)
        }
        ("PATCH", "/api/v1/provisioning-admins/subscriptions/{plan}/") => {
            (format!("/api/v1/provisioning-admins/subscriptions/{plan}/"), json!({ "change_reason": "other" }))
        }
        ("POST", "/api/v1/provisioning-admins/subscriptions/") => {
            ("/api/v1/provisioning-admins/subscriptions/".to_owned(), json!({ "title": "incomplete" }))
        }
        ("GET", "/api/v1/provisioning-admins/subscriptions/{plan}/") => {
            (format!("/api/v1/provisioning-admins/subscriptions/{plan}/"), none)
        }
        _ => return None,
    };
    Some((path, body))
}

/// What a role is to be answered.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Refused(&'static str),
    Admitted,
}

/// The roles that the token gives, and whether they reach the customer.
fn grants(role: Role) -> &'static [(RoleName, bool)] {
    match role {
        Role::Admin | Role::Operator => &[(RoleName::SubscriptionsAdmin, true)],
        Role::ForeignAdmin => &[(RoleName::SubscriptionsAdmin, false)],
        Role::Learner => &[(RoleName::SubscriptionsLearner, true)],
        Role::ForeignLearner => &[(RoleName::SubscriptionsLearner, false)],
        Role::Provisioner => &[(RoleName::ProvisioningAdmin, true)],
        Role::OneCustomersProvisioner | Role::Staff | Role::Superuser | Role::Nobody | Role::Anonymous => &[],
    }
}

fn expected(route: &Route, role: Role) -> Verdict {
    let (roles, listing, missing) = match route.access {
        Grants::Authenticated | Grants::Staff if role == Role::Anonymous => return Verdict::Unknown,
        Grants::Staff if matches!(role, Role::Staff | Role::Superuser) => return Verdict::Admitted,
        Grants::Staff => return Verdict::Refused(Missing::Unnamed.detail()),
        Grants::Anyone | Grants::Authenticated => return Verdict::Admitted,
        Grants::Roles { roles, listing, missing } => (roles, listing, missing),
    };
    let held = grants(role);
    let holds = held.iter().any(|(name, reaches)| roles.contains(name) && (*reaches || listing));
    match role {
        Role::Anonymous => Verdict::Unknown,
        Role::Superuser => Verdict::Admitted,
        Role::Staff if listing => Verdict::Admitted,
        _ if holds => Verdict::Admitted,
        _ if listing => Verdict::Refused(Missing::Unnamed.detail()),
        _ => Verdict::Refused(missing.detail()),
    }
}

fn verdict_of(answer: &Answer) -> Verdict {
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    match answer.status.as_u16() {
        401 => Verdict::Unknown,
        403 => {
            let known = [
                Missing::Admin,
                Missing::LearnerOrAdmin,
                Missing::UnanchoredLearnerOrAdmin,
                Missing::ProvisioningPlans,
                Missing::ProvisioningAgreements,
                Missing::Unnamed,
            ];
            let known = known.into_iter().map(Missing::detail).find(|known| *known == detail);
            Verdict::Refused(known.unwrap_or("a refusal in other words"))
        }
        _ => Verdict::Admitted,
    }
}

#[tokio::test]
async fn every_route_admits_exactly_the_roles_that_it_declares() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 10, &json!({ "should_auto_apply_licenses": true })).await;
    let held = plan.assigned(LEARNER).await;
    let enterprise = agreement.enterprise;
    let state = State { plan, license: held.id, key: held.key };

    let mut wrong = Vec::new();
    for route in table::routes() {
        let Some((path, body)) = example(route, &state) else {
            wrong.push(format!("{} {} has no example request", route.method, route.path));
            continue;
        };
        assert!(table::is_of(route.path, path.split('?').next().unwrap_or_default()), "{path}");
        let method: Method = route.method.parse().expect("a method");
        for role in Role::ALL {
            let mut claims = role.claims(enterprise, EnterpriseId(Uuid::from_u128(0xf0f0)));
            claims["email"] = json!(LEARNER);
            let client = if role == Role::Anonymous { app.anonymous() } else { app.client_with(claims) };
            let answer = client.send(method.clone(), &path, (!body.is_null()).then_some(&body)).await;
            let (expected, found) = (expected(route, role), verdict_of(&answer));
            if expected != found || answer.status.is_server_error() {
                let (method, path) = (route.method, route.path);
                wrong.push(format!(
                    "{method} {path} as {role:?}: {expected:?} expected, {} came: {}",
                    answer.status, answer.text
                ));
            }
            if found == Verdict::Unknown {
                assert_eq!(answer.json()["detail"], "Authentication credentials were not provided.");
                assert_eq!(answer.header("www-authenticate"), Some("JWT realm=\"api\""));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_no_route_knows_is_a_page_that_says_so() {
    let app = TestApp::start().await;
    for path in ["/", "/api/v1/", "/api/v1/nothing/", "/auto_auth/"] {
        let answer = app.anonymous().get(path).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
        assert!(answer.text.contains("<h1>Not Found</h1>"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_to_those_whom_it_knows() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let anonymous = app.anonymous().send(Method::PUT, &plan.path("licenses/assign/"), Some(&json!({}))).await;
    assert_eq!(anonymous.status.as_u16(), 401);
    let admin = plan.admin().send(Method::PUT, &plan.path("licenses/assign/"), Some(&json!({}))).await;
    assert_eq!(admin.expect(405), json!({ "detail": "Method \"PUT\" not allowed." }));
    assert_eq!(admin.header("allow"), Some("POST, OPTIONS"));
}

#[tokio::test]
async fn every_answer_carries_the_request_id() {
    let app = TestApp::start().await;
    let mine = app.anonymous().send_with(Method::GET, "/health/", None, &[("x-request-id", "mine-1")]).await;
    assert_eq!(mine.header("x-request-id"), Some("mine-1"));
    for path in ["/health/", "/nowhere", "/api/v1/subscriptions/"] {
        let answer = app.anonymous().get(path).await;
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36), "{path}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let app = TestApp::start().await;
    for path in ["/health/", "/nowhere", "/api/v1/subscriptions/"] {
        let answer = app.anonymous().get(path).await;
        let wanted =
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")];
        for (name, value) in wanted {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
}
