//! The routes over ports that live in memory.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use license_domain::{
    AgreementId, ChangeReason, Clock, CustomerAgreement, EnterpriseId, PlanId, Portfolio, ProductCatalog, Random,
    SeatCounts, SeatLayout, SeatPrefix, SubscriptionPlan, Timestamp,
};
use license_store::{
    StoreError,
    ports::{Portfolios, StoredUser, Users},
};
use license_web::{Settings, Web};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Context, router};

const ADMIN: &[&str] = &["enterprise_admin:00000000-0000-0000-0000-0000000000ea"];
const OTHER_ADMIN: &[&str] = &["enterprise_admin:00000000-0000-0000-0000-0000000000eb"];
const OPERATOR: &[&str] = &["enterprise_openedx_operator:*"];
const LEARNER: &[&str] = &["enterprise_learner:00000000-0000-0000-0000-0000000000ea"];
const LIST: &str = "/api/v1/subscriptions/";
const OWN: &str = "?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ea";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-23T10:46:08Z".parse().expect("a date")
    }
}

impl Random for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}

/// Two customers: one with two current plans, an inactive, a future and an expired one, and one with a current plan.
struct Memory {
    portfolios: Vec<Portfolio>,
}

impl Memory {
    fn new() -> Arc<Self> {
        let portfolio = |agreement: u128, enterprise: u128, plans: Vec<SubscriptionPlan>| {
            let agreement =
                CustomerAgreement::new(id(agreement), EnterpriseId(Uuid::from_u128(enterprise)), Fixed.now());
            Portfolio { agreement, plans, renewals: Vec::new() }
        };
        let current = |number, agreement| plan(number, id(agreement), "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z");
        let made_last = SubscriptionPlan { created: Fixed.now(), ..current(2, 0xa) };
        let inactive = SubscriptionPlan { is_active: false, created: Fixed.now(), ..current(3, 0xa) };
        let future = plan(4, id(0xa), "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
        let expired = plan(5, id(0xa), "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
        let portfolios = vec![
            portfolio(0xa, 0xea, vec![current(1, 0xa), made_last, inactive, future, expired]),
            portfolio(0xb, 0xeb, vec![current(6, 0xb)]),
        ];
        Arc::new(Self { portfolios })
    }

    fn find(&self, is_meant: impl Fn(&Portfolio) -> bool) -> Option<Portfolio> {
        self.portfolios.iter().find(|portfolio| is_meant(portfolio)).cloned()
    }
}

fn id(agreement: u128) -> AgreementId {
    AgreementId(Uuid::from_u128(agreement))
}

/// A plan of 10 seats.
fn plan(id: u128, agreement: AgreementId, start: &str, end: &str) -> SubscriptionPlan {
    let at = |text: &str| text.parse::<Timestamp>().expect("a date");
    SubscriptionPlan {
        uuid: PlanId(Uuid::from_u128(id)),
        title: format!("Plan {id}"),
        customer_agreement: agreement,
        start_date: at(start),
        expiration_date: at(end),
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active: true,
        is_revocation_cap_enabled: false,
        revoke_max_percentage: 5,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: None,
        product: None,
        for_internal_use_only: false,
        can_freeze_unused_licenses: false,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: None,
        desired_num_licenses: None,
        created: at(start),
        modified: at(start),
        change_reason: ChangeReason::New,
        seats: SeatLayout::for_total(10, SeatPrefix::from_bits(1)),
    }
}

#[async_trait]
impl Users for Memory {
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError> {
        Ok(StoredUser { is_superuser: username == "root", grants: Vec::new() })
    }
}

#[async_trait]
impl Portfolios for Memory {
    async fn portfolio(&self, id: AgreementId) -> Result<Option<Portfolio>, StoreError> {
        Ok(self.find(|found| found.agreement.uuid == id))
    }
    async fn portfolio_of_enterprise(&self, id: EnterpriseId) -> Result<Option<Portfolio>, StoreError> {
        Ok(self.find(|found| found.agreement.enterprise_customer_uuid == id))
    }
    async fn portfolio_of_plan(&self, id: PlanId) -> Result<Option<Portfolio>, StoreError> {
        Ok(self.find(|found| found.plan(id).is_some()))
    }
    async fn portfolios(&self, ids: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.find(|found| found.agreement.uuid == *id)).collect())
    }
    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError> {
        Ok(self.portfolios.iter().map(|portfolio| portfolio.agreement.uuid).collect())
    }
    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError> {
        let mut plans: Vec<&SubscriptionPlan> = self.portfolios.iter().flat_map(|found| &found.plans).collect();
        plans.sort_by_key(|plan| (Reverse(plan.start_date), plan.uuid));
        Ok(plans.into_iter().map(|plan| (plan.uuid, plan.customer_agreement)).collect())
    }
    async fn seat_counts(&self, plans: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError> {
        let counts = SeatCounts { total: 10, assigned: 2, activated: 3, revoked: 1, ..SeatCounts::default() };
        Ok(plans.iter().map(|plan| (plan.uuid, counts)).collect())
    }
    async fn products(&self) -> Result<ProductCatalog, StoreError> {
        Ok(ProductCatalog::usual())
    }
}

fn claims(username: &str, roles: &[&str]) -> Value {
    json!({
        "preferred_username": username, "email": "Ann@x.example", "user_id": 501, "roles": roles,
        "administrator": username == "staff", "exp": Fixed.now().timestamp() + 60,
    })
}

async fn call(memory: &Arc<Memory>, method: &str, path: &str, claims: &Value) -> (u16, Value) {
    let settings = Settings::from_lookup(|name| (name == "JWT_SECRET_KEY").then(|| "secret".to_owned()));
    let web = Web::new(&settings.expect("valid"), memory.clone(), Arc::new(Fixed), Arc::new(Fixed)).expect("web");
    let context = Context { web, portfolios: memory.clone() };
    let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).expect("a token");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("JWT {token}"))
        .header(header::HOST, "licenses.example")
        .body(Body::empty())
        .expect("a request");
    let response = router(context).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

async fn get(path: &str, roles: &[&str]) -> (u16, Value) {
    call(&Memory::new(), "GET", path, &claims("ada", roles)).await
}

/// The numbers of the plans that are listed.
async fn listed(query: &str, roles: &[&str]) -> Vec<u128> {
    let (status, page) = get(&format!("{LIST}{query}"), roles).await;
    assert_eq!(status, 200, "{page}");
    let results = page["results"].as_array().expect("a list");
    assert_eq!(page["count"], json!(results.len()));
    let number = |plan: &Value| plan["uuid"].as_str().expect("text").parse::<Uuid>().expect("a UUID").as_u128();
    results.iter().map(number).collect()
}

#[tokio::test]
async fn a_customers_plans_are_its_active_ones_the_newest_start_first() {
    assert_eq!(listed(OWN, ADMIN).await, [4, 1, 2, 5]);
    assert_eq!(listed(OWN, OPERATOR).await, [4, 1, 2, 5]);
    assert_eq!(listed(&format!("{OWN}&include_inactive=true"), ADMIN).await, [4, 1, 2, 3, 5]);
    assert_eq!(listed(&format!("{OWN}&include_inactive=True"), ADMIN).await, [4, 1, 2, 3, 5]);
}

#[tokio::test]
async fn without_a_customer_all_plans_that_are_reached_are_listed() {
    for query in ["", "?enterprise_customer_uuid="] {
        assert_eq!(listed(query, ADMIN).await, [4, 1, 2, 3, 5]);
        assert_eq!(listed(query, OTHER_ADMIN).await, [6]);
        assert_eq!(listed(query, OPERATOR).await, [4, 1, 2, 3, 6, 5]);
    }
}

#[tokio::test]
async fn the_current_plan_is_the_one_that_was_made_last() {
    assert_eq!(listed(&format!("{OWN}&current=true"), ADMIN).await, [2]);
    assert_eq!(get(&format!("{LIST}?current=true"), ADMIN).await.0, 400);
}

#[tokio::test]
async fn lists_show_what_is_reached_and_refuse_who_has_no_role() {
    assert!(listed(OWN, OTHER_ADMIN).await.is_empty());
    let list = async |username: &str, roles: &[&str]| call(&Memory::new(), "GET", LIST, &claims(username, roles)).await;
    let empty = json!({ "count": 0, "next": null, "previous": null, "results": [] });
    assert_eq!(list("staff", &[]).await, (200, empty));
    let refusal = json!({ "detail": "You do not have permission to perform this action." });
    assert_eq!(list("lea", LEARNER).await, (403, refusal));
    assert_eq!(list("root", &[]).await.1["count"], json!(6));
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let junk = get(&format!("{LIST}?enterprise_customer_uuid=junk"), ADMIN).await;
    assert_eq!(junk, (400, json!({ "detail": "junk is not a valid uuid." })));
    for page in ["2", "0", "x"] {
        let answer = get(&format!("{LIST}{OWN}&page={page}"), ADMIN).await;
        assert_eq!(answer, (404, json!({ "detail": "Invalid page." })), "{page}");
    }
    assert_eq!(listed(&format!("{OWN}&page=last"), ADMIN).await.len(), 4);
}

#[tokio::test]
async fn a_plan_is_shown_to_its_customers_admins() {
    let one = |number: u128| format!("{LIST}{}/", Uuid::from_u128(number));
    let (status, plan) = get(&one(1), ADMIN).await;
    assert_eq!(status, 200);
    assert_eq!(plan["enterprise_customer_uuid"], json!("00000000-0000-0000-0000-0000000000ea"));
    let counts = json!({
        "activated": 3, "assigned": 2, "unassigned": 5, "revoked": 1, "total": 10, "allocated": 5,
    });
    assert_eq!(plan["licenses"], counts);
    assert_eq!(get(&format!("{}{OWN}", one(1)), ADMIN).await.0, 200);
    // An inactive plan is shown to who asks for it.
    assert_eq!(get(&one(3), ADMIN).await.0, 200);

    let missing = json!({ "detail": "MISSING: subscriptions.has_admin_access" });
    for (number, roles) in [(1, OTHER_ADMIN), (1, LEARNER), (99, ADMIN), (99, OPERATOR)] {
        assert_eq!(get(&one(number), roles).await, (403, missing.clone()), "{number} {roles:?}");
    }
    let not_found = json!({ "detail": "No SubscriptionPlan matches the given query." });
    let unknown = call(&Memory::new(), "GET", &one(99), &claims("root", &[])).await;
    assert_eq!(unknown, (404, not_found.clone()));
    // Somebody else's plan is not found in the name of one's own customer.
    assert_eq!(get(&format!("{}{OWN}", one(6)), ADMIN).await, (404, not_found));
    assert_eq!(get(&format!("{LIST}junk/"), ADMIN).await, (404, json!({ "detail": "Not found." })));
}
