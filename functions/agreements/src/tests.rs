//! The routes over ports that live in memory.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use license_domain::{
    ActivationKey, AgreementId, ChangeReason, Clock, CustomerAgreement, EmailAddress, EnterpriseId, License, LicenseId,
    LmsUserId, PlanId, Portfolio, ProductCatalog, Random, SeatCounts, SeatLayout, SeatPrefix, Stamp, SubscriptionPlan,
    Timestamp,
};
use license_store::{
    StoreError,
    ports::{AutoApply, AutoApplyError, Portfolios, StoredUser, Users},
};
use license_web::{Settings, Web};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Context, router};

const ADMIN: &[&str] = &["enterprise_admin:00000000-0000-0000-0000-0000000000ea"];
const OPERATOR: &[&str] = &["enterprise_openedx_operator:*"];
const LEARNER: &[&str] = &["enterprise_learner:00000000-0000-0000-0000-0000000000ea"];
const OTHER_LEARNER: &[&str] = &["enterprise_learner:00000000-0000-0000-0000-0000000000eb"];
const LIST: &str = "/api/v1/customer-agreement/";
const MISSING: &str = "MISSING: subscriptions.has_learner_or_admin_access";

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

/// Two customers: one with an active plan for everybody and an inactive one that ends later, and one without plans.
struct Memory {
    portfolios: Vec<Portfolio>,
    /// What becomes of learners who ask for a seat.
    refusal: Option<fn() -> AutoApplyError>,
}

impl Memory {
    fn new() -> Self {
        let portfolio = |agreement: u128, enterprise: u128, plans: Vec<SubscriptionPlan>| {
            let agreement =
                CustomerAgreement::new(id(agreement), EnterpriseId(Uuid::from_u128(enterprise)), Fixed.now());
            Portfolio { agreement, plans, renewals: Vec::new() }
        };
        let open = SubscriptionPlan {
            should_auto_apply_licenses: Some(true),
            ..plan(1, id(0xa), "2026-01-01T00:00:00Z", "2027-11-24T00:00:00Z")
        };
        let inactive =
            SubscriptionPlan { is_active: false, ..plan(2, id(0xa), "2026-01-01T00:00:00Z", "2028-11-24T00:00:00Z") };
        let portfolios = vec![portfolio(0xa, 0xea, vec![open, inactive]), portfolio(0xb, 0xeb, Vec::new())];
        Self { portfolios, refusal: None }
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

#[async_trait]
impl AutoApply for Memory {
    async fn auto_apply(
        &self,
        _: &Portfolio,
        plan: PlanId,
        email: &EmailAddress,
        lms_user_id: Option<LmsUserId>,
        stamp: &Stamp,
    ) -> Result<License, AutoApplyError> {
        if let Some(refusal) = self.refusal {
            return Err(refusal());
        }
        let seat = License::unassigned(LicenseId(Uuid::from_u128(1)), plan, stamp.at);
        let key = ActivationKey(Uuid::from_u128(2));
        Ok(seat.auto_apply(email.clone(), lms_user_id, key, stamp.at).expect("a free seat"))
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
    let context = Context { web, portfolios: memory.clone(), auto_apply: memory.clone() };
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
    call(&Arc::new(Memory::new()), "GET", path, &claims("ada", roles)).await
}

fn one(number: u128) -> String {
    format!("{LIST}{}/", Uuid::from_u128(number))
}

/// The numbers of an agreement's plans.
fn plans(agreement: &Value) -> Vec<u128> {
    let number = |plan: &Value| plan["uuid"].as_str().expect("text").parse::<Uuid>().expect("a UUID").as_u128();
    agreement["subscriptions"].as_array().expect("a list").iter().map(number).collect()
}

#[tokio::test]
async fn lists_show_the_agreements_that_are_reached_with_their_active_plans() {
    for (roles, query, count) in [
        (ADMIN, "", 1),
        (LEARNER, "", 1),
        (OPERATOR, "", 2),
        (OPERATOR, "?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ea", 1),
        (OTHER_LEARNER, "?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ea", 0),
        (OPERATOR, "?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ff", 0),
    ] {
        let (status, page) = get(&format!("{LIST}{query}"), roles).await;
        assert_eq!((status, &page["count"]), (200, &json!(count)), "{roles:?} {query}");
        if count > 0 {
            assert_eq!(plans(&page["results"][0]), [1]);
        }
    }
    assert_eq!(get(LIST, &[]).await.0, 403);
    let junk = get(&format!("{LIST}?enterprise_customer_uuid=junk"), ADMIN).await;
    assert_eq!(junk, (400, json!({ "detail": "junk is not a valid uuid." })));
}

#[tokio::test]
async fn inactive_plans_are_shown_on_demand_and_count_towards_the_days_in_any_case() {
    let (status, agreement) = get(&one(0xa), LEARNER).await;
    assert_eq!((status, plans(&agreement)), (200, vec![1]));
    assert_eq!(agreement["net_days_until_expiration"], json!(731));
    assert_eq!(agreement["subscription_for_auto_applied_licenses"], json!(Uuid::from_u128(1)));
    let (_, agreement) = get(&format!("{}?active_plans_only=false", one(0xa)), LEARNER).await;
    assert_eq!(plans(&agreement), [1, 2]);
}

#[tokio::test]
async fn an_agreement_is_shown_to_its_customers_people() {
    for (number, roles) in [(0xa, OTHER_LEARNER), (0xff, ADMIN), (0xff, OPERATOR)] {
        assert_eq!(get(&one(number), roles).await, (403, json!({ "detail": MISSING })), "{number} {roles:?}");
    }
    let memory = Arc::new(Memory::new());
    let not_found = json!({ "detail": "No CustomerAgreement matches the given query." });
    assert_eq!(call(&memory, "GET", &one(0xff), &claims("root", &[])).await, (404, not_found.clone()));
    // Somebody else's agreement is not found in the name of one's own customer.
    let named = format!("{}?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ea", one(0xb));
    assert_eq!(get(&named, ADMIN).await, (404, not_found));
    assert_eq!(get(&format!("{LIST}junk/"), ADMIN).await, (404, json!({ "detail": "Not found." })));
}

async fn auto_apply(memory: Memory, number: u128, claims: &Value) -> (u16, Value) {
    call(&Arc::new(memory), "POST", &format!("{}auto-apply/", one(number)), claims).await
}

#[tokio::test]
async fn a_learner_takes_a_seat_of_the_plan_for_everybody() {
    let (status, license) = auto_apply(Memory::new(), 0xa, &claims("ann", LEARNER)).await;
    assert_eq!(status, 200, "{license}");
    assert_eq!(license["status"], json!("activated"));
    assert_eq!(license["user_email"], json!("Ann@x.example"));
    assert_eq!(license["subscription_plan"]["uuid"], json!(Uuid::from_u128(1)));
    assert_eq!(license["customer_agreement"]["uuid"], json!(Uuid::from_u128(0xa)));
}

#[tokio::test]
async fn who_gets_no_seat_is_told_why() {
    let refused = |refusal: fn() -> AutoApplyError| Memory { refusal: Some(refusal), ..Memory::new() };
    let mut closed = Memory::new();
    closed.portfolios[0].plans[0].should_auto_apply_licenses = Some(false);
    for memory in [refused(|| AutoApplyError::Revoked), refused(|| AutoApplyError::NoSeat), closed] {
        let (status, body) = auto_apply(memory, 0xa, &claims("ann", LEARNER)).await;
        assert_eq!((status, body.is_string()), (422, true), "{body}");
    }
    assert_eq!(auto_apply(Memory::new(), 0xa, &claims("bob", OTHER_LEARNER)).await.0, 403);
    assert_eq!(auto_apply(Memory::new(), 0xff, &claims("ann", LEARNER)).await.0, 403);
    assert_eq!(auto_apply(Memory::new(), 0xff, &claims("root", &[])).await.0, 404);
    let mut nameless = claims("ann", LEARNER);
    nameless["email"] = Value::Null;
    assert_eq!(auto_apply(Memory::new(), 0xa, &nameless).await.0, 400);
}
