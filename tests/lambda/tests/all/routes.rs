//! Calls every route of every function once, as a superuser: none is refused by AWS, and none fails. The end-to-end
//! tests check the responses for each role.

use std::collections::BTreeMap;

use license_lambda_tests::Stack;
use license_tests::builders::text;
use reqwest::Method;
use serde_json::{Value, json};

use crate::story::{AGREEMENT, ENTERPRISE, PLAN, RENEWALS};

/// A request for each route; the end-to-end tests check that none is missing.
const TABLE: &str = include_str!("../../../tests/all/access.json");

/// Routes whose request in the table gets a 4xx; the story calls them with a valid request.
const OTHERWISE: [&str; 2] = ["GET /api/v1/bulk-license-enrollment/", "GET /api/v1/license-subsidy/"];

pub async fn call_all(stack: &Stack) {
    let learner = "everything@demo.example";
    let caller = stack.client_with(json!({
        "preferred_username": license_local::RETIREMENT_WORKER, "email": learner, "user_id": 4242, "superuser": true,
        "administrator": true,
        "roles": [
            "enterprise_openedx_operator:*", "enterprise_provisioning_admin:*", format!("enterprise_learner:{ENTERPRISE}"),
            format!("enterprise_admin:{ENTERPRISE}"),
        ],
    }));
    // A plan for this test, which may be emptied and deleted.
    let plan = json!({
        "change_reason": "new", "title": "Every route", "start_date": "2026-01-01T00:00:00Z",
        "expiration_date": "2036-01-01T00:00:00Z", "customer_agreement": AGREEMENT, "desired_num_licenses": 20,
        "product": 1, "salesforce_opportunity_line_item": "00k000000000000999", "is_active": true,
    });
    let made = caller.post("/api/v1/subscriptions/", &plan).await.expect(201);
    let plan_id = text(&made, "uuid");
    let assign = json!({ "user_emails": [learner], "notify_users": false });
    caller.post(&format!("/api/v1/subscriptions/{plan_id}/licenses/assign/"), &assign).await.expect(200);
    let found = caller.get(&format!("/api/v1/subscriptions/{plan_id}/licenses/?search={learner}")).await.expect(200);
    let hook = json!({ "url": "http://127.0.0.1:9/nothing", "is_active": false });
    let hook = caller.post(&format!("/api/v1/customer-agreements/{AGREEMENT}/webhooks/"), &hook).await.expect(201);
    let job = json!({ "kind": "assign", "subscription_plan": plan_id, "params": { "upload": true } });
    let job = caller.post("/api/v1/jobs/", &job).await.expect(202);
    let renewal = json!({
        "prior_subscription_plan": plan_id, "renewed_subscription_plan": null, "number_of_licenses": 20,
        "salesforce_opportunity_id": "00k000000000000888", "effective_date": "2036-01-01T00:00:00Z",
        "renewed_expiration_date": "2037-01-01T00:00:00Z",
    });
    let renewal = caller.post(RENEWALS, &renewal).await.expect(201)["id"].to_string();
    let license = &found["results"][0];
    let names = [
        ("plan", plan_id.clone()),
        ("agreement", AGREEMENT.to_owned()),
        ("enterprise", ENTERPRISE.to_owned()),
        ("license", text(license, "uuid")),
        ("key", text(license, "activation_key")),
        ("learner", learner.to_owned()),
        ("webhook", text(&hook, "id")),
        ("job", text(&job, "id")),
        ("mail", "00000000-0000-0000-0000-000000000000.0.0".to_owned()),
    ];
    let fill = |text: &str| {
        let text =
            names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
        text.replace("subscription-plan-renewals/7/", &format!("subscription-plan-renewals/{renewal}/"))
    };
    let table: BTreeMap<String, Value> = serde_json::from_str(TABLE).expect("a table");
    let mut failed = Vec::new();
    // Requests that delete or end something come last.
    let ends = |name: &str| name.starts_with("DELETE") || name.contains("revoke") || name.contains("retire");
    let (last, first): (Vec<_>, Vec<_>) = table.iter().partition(|(name, _)| ends(name));
    for (name, row) in first.into_iter().chain(last) {
        let method: Method = name.split(' ').next().and_then(|method| method.parse().ok()).expect("a method");
        let path = fill(row["path"].as_str().expect("a path"));
        let body = row.get("body").filter(|body| !body.is_null());
        let body = body.map(|body| serde_json::from_str::<Value>(&fill(&body.to_string())).expect("JSON"));
        let response = caller.send(method.clone(), &path, body.as_ref()).await;
        let status = response.status.as_u16();
        let is_missed = method == Method::GET && status != 200 && !OTHERWISE.contains(&name.as_str());
        if status >= 500 || status == 401 || status == 403 || is_missed {
            failed.push(format!("{name}: {status} {}", response.text));
        }
    }
    assert_eq!(failed, Vec::<String>::new());
    assert_ne!(PLAN, plan_id);
}
