//! A request for each route that changes something. It succeeds, and would do harm if it was carried out twice.

use license_api::Route;
use license_tests::{
    Role, TestApp,
    builders::{Plan, emails, text},
};
use serde_json::{Value, json};

use crate::after::fault;

const PROVISIONING: &str = "/api/v1/provisioning-admins";

/// Routes that change nothing, although they are called with POST.
pub const READING: [&str; 1] = ["POST /api/v1/staff_lookup_licenses/"];

/// A request.
pub struct Case {
    pub path: String,
    pub body: Value,
}

/// The address of the learner whom requests are about; their requesters have it, too.
pub const LEARNER: &str = "learner@example.com";

fn case(path: impl Into<String>, body: Value) -> Case {
    Case { path: path.into(), body }
}

/// The request for that route, about its own things; `None` for a route that has no case here.
#[expect(clippy::too_many_lines, reason = "a line or two for each route")]
pub async fn of(app: &TestApp, route: &Route) -> Option<Case> {
    let plan = app.plan_of(&app.agreement().await, 10, &json!({ "should_auto_apply_licenses": true })).await;
    let id = &plan.agreement.id;
    let path = route.path.replace("{plan}", &plan.id).replace("{agreement}", id);
    let hooks = format!("/api/v1/customer-agreements/{id}/webhooks/");
    let learner = json!({ "user_emails": [LEARNER], "subscription_plan": plan.id });
    // A webhook shows the outcome of a delivery that was attempted.
    let never = "edx.server.license-manager.license-lifecycle.renewed";
    let quiet = json!({ "url": "https://example.com/", "events": [never] });
    let pattern = route.path.trim_start_matches("/api/v1").trim_start_matches("/provisioning-admins");
    Some(match (route.method, pattern) {
        ("POST", "/bulk-license-enrollment/") => {
            let body = json!({ "course_run_keys": ["edX+DemoX"], "emails": [LEARNER], "notify": false });
            case(format!("{path}?enterprise_customer_uuid={}", plan.agreement.enterprise), body)
        }
        ("POST", "/jobs/") => {
            let params = json!({ "user_emails": [LEARNER], "greeting": "Hello" });
            case(path, json!({ "kind": "assign", "subscription_plan": plan.id, "params": params }))
        }
        ("POST", "/jobs/{job}/cancel/" | "/jobs/{job}/resume/") => {
            let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
            let job = plan.admin().post("/api/v1/jobs/", &body).await.expect(202);
            if pattern.ends_with("resume/") {
                plan.admin().post(&format!("/api/v1/jobs/{}/cancel/", text(&job, "id")), &json!({})).await.expect(200);
            }
            case(path.replace("{job}", &text(&job, "id")), json!({}))
        }
        ("POST", "/jobs/{job}/reverse/") => {
            plan.assigned(LEARNER).await;
            let other = app.plan_of(&plan.agreement, 5, &json!({})).await;
            let params = json!({ "user_emails": [LEARNER], "to_plan": other.id });
            let body = json!({ "kind": "transfer", "subscription_plan": plan.id, "params": params });
            let job = plan.admin().post("/api/v1/jobs/", &body).await.expect(202);
            app.drain().await;
            case(path.replace("{job}", &text(&job, "id")), json!({}))
        }
        ("POST", "/customer-agreements/{agreement}/webhooks/") => case(path, quiet),
        (_, "/customer-agreements/{agreement}/webhooks/{webhook}/replay/") => {
            let made = plan.admin().post(&hooks, &quiet).await.expect(201);
            let body = json!({ "from": "2026-11-23T00:00:00Z" });
            case(path.replace("{webhook}", &text(&made, "id")), body)
        }
        (_, "/customer-agreements/{agreement}/webhooks/{webhook}/") => {
            let made = plan.admin().post(&hooks, &quiet).await.expect(201);
            case(path.replace("{webhook}", &text(&made, "id")), json!({ "rotate_secret": true }))
        }
        ("POST", "/customer-agreement/{agreement}/auto-apply/" | "/customer-agreements/{agreement}/auto-apply/") => {
            case(path, json!({}))
        }
        ("POST", "/license-activation/") => {
            let held = plan.assigned(LEARNER).await;
            case(format!("{path}?activation_key={}", held.key), json!({}))
        }
        ("POST", "/licenses/assign/" | "/subscriptions/{plan}/licenses/assign/") => case(path, learner),
        ("POST", "/licenses/revoke/") => {
            let held = plan.assigned(LEARNER).await;
            case(path, json!({ "licenses": [held.id] }))
        }
        (
            "POST",
            "/subscriptions/{plan}/licenses/bulk-revoke/"
            | "/subscriptions/{plan}/licenses/remind/"
            | "/subscriptions/{plan}/licenses/remind-all/"
            | "/subscriptions/{plan}/licenses/revoke-all/",
        ) => {
            plan.assigned(LEARNER).await;
            case(path, json!({ "user_emails": [LEARNER] }))
        }
        ("POST", "/mails/{mail}/send/") => case(path.replace("{mail}", &unsettled_mail(app, &plan).await), json!({})),
        ("POST", "/retire_user/") => {
            plan.activated(app, "retired@example.com").await;
            let user = license_tests::app::lms_user_id("retired@example.com");
            case(path, json!({ "lms_user_id": user, "original_username": "retired" }))
        }
        ("POST", "/customer-agreement/") => case(path, json!({ "enterprise_customer_uuid": app.uuid(0xe) })),
        ("PUT" | "PATCH", "/customer-agreement/{agreement}/") => {
            let mut body = json!({ "disable_expiration_notifications": true });
            if route.method == "PUT" {
                body["enterprise_customer_uuid"] = json!(plan.agreement.enterprise);
            }
            case(path, body)
        }
        ("POST", "/subscriptions/") => case(path, app.plan_body(&plan.agreement, 7)),
        ("PUT" | "PATCH", "/subscriptions/{plan}/") => {
            case(path, json!({ "change_reason": "other", "title": format!("Plan {}", app.number()) }))
        }
        ("DELETE", "/subscriptions/{plan}/") => case(path, json!({})),
        ("POST", "/products/") => case(path, json!({ "name": "Academy", "netsuite_id": 7, "plan_type": 1 })),
        ("PATCH", "/products/{product}/") => case(path.replace("{product}", "1"), json!({ "description": "Other" })),
        ("POST", "/plan-types/") => case(path, json!({ "label": "Academy" })),
        ("PATCH", "/plan-types/{plan_type}/") => {
            case(path.replace("{plan_type}", "1"), json!({ "description": "Other" }))
        }
        ("POST", "/subscription-plan-renewals/") => case(path, renewal_of(&plan)),
        (_, "/subscription-plan-renewals/{renewal}/" | "/subscription-plan-renewals/{renewal}/process/") => {
            let renewals = format!("{PROVISIONING}/subscription-plan-renewals/");
            let made = app.provisioner().post(&renewals, &renewal_of(&plan)).await.expect(201);
            let path = path.replace("{renewal}", &made["id"].to_string());
            let body = if pattern.ends_with("process/") { json!({}) } else { json!({ "number_of_licenses": 12 }) };
            case(path, body)
        }
        _ => return None,
    })
}

fn renewal_of(plan: &Plan) -> Value {
    json!({
        "prior_subscription_plan": plan.id, "renewed_subscription_plan": null, "number_of_licenses": 11,
        "salesforce_opportunity_id": "00k000000000000777", "effective_date": "2027-12-31T00:00:00Z",
        "renewed_expiration_date": "2028-12-31T00:00:00Z",
    })
}

/// The id of a mail of unknown fate.
async fn unsettled_mail(app: &TestApp, plan: &Plan) -> String {
    fault(app, json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" })).await;
    let body = json!({ "user_emails": emails("mailed", 0..1) });
    plan.admin().post(&plan.path("licenses/assign/"), &body).await.expect(200);
    app.drain().await;
    let staff = app.client(Role::Staff, plan.agreement.enterprise);
    text(&staff.get("/api/v1/mails/").await.expect(200)[0], "id")
}
