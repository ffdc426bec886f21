//! The routes over ports that live in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use license_clients::{ClientError, LmsUsers, Service};
use license_domain::{
    ActivationKey, AgreementId, ChangeReason, Clock, CustomerAgreement, EmailAddress, EmailKey, EnterpriseId, License,
    LicenseId, LmsUserId, PlanId, Portfolio, ProductCatalog, Random, SeatCounts, SeatLayout, SeatPrefix, Stamp,
    SubscriptionPlan, Timestamp,
};
use license_store::{
    StoreError,
    ports::{Activate, ActivateError, Learners, Portfolios, StoredUser, Users},
};
use license_web::{Settings, Web};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Context, router};

const CURRENT: PlanId = PlanId(Uuid::from_u128(0xb1));
const INACTIVE: PlanId = PlanId(Uuid::from_u128(0xb2));
const EXPIRED: PlanId = PlanId(Uuid::from_u128(0xb3));
const ANN: LmsUserId = LmsUserId(501);
const LEARNER: &str = "enterprise_learner:00000000-0000-0000-0000-0000000000ea";
const OTHER_LEARNER: &str = "enterprise_learner:00000000-0000-0000-0000-0000000000eb";
const OWN: &str = "/api/v1/learner-licenses/?enterprise_customer_uuid=00000000-0000-0000-0000-0000000000ea";

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

/// A customer with a current, an inactive and an expired plan.
struct Memory {
    portfolio: Portfolio,
    licenses: Mutex<Vec<License>>,
    /// What the LMS says: nothing where it is down.
    lms_user: Option<LmsUserId>,
}

impl Memory {
    fn new() -> Self {
        let now = Fixed.now();
        let agreement = AgreementId(Uuid::from_u128(0xaa));
        let day = Duration::from_hours(24);
        let plans = [(CURRENT, true, now + day), (INACTIVE, false, now + day), (EXPIRED, true, now - day)];
        let plans = plans.map(|(id, is_active, end)| plan(id, agreement, is_active, end)).to_vec();
        let agreement = CustomerAgreement::new(agreement, EnterpriseId(Uuid::from_u128(0xea)), now);
        let assigned = |n, plan, email| {
            let seat = License::unassigned(LicenseId(Uuid::from_u128(n)), plan, now);
            let key = ActivationKey(Uuid::from_u128(n));
            seat.assign(EmailAddress::on_record(email), key, now).expect("a free seat")
        };
        let activated = |license: License| license.activate(Some(ANN), now).expect("assigned").expect("a change");
        let licenses = vec![
            assigned(1, CURRENT, "Ann@x.example"),
            activated(assigned(2, INACTIVE, "ann@x.example")),
            activated(assigned(3, EXPIRED, "ann@x.example")),
            assigned(4, EXPIRED, "ann@x.example").revoke(now).expect("live"),
            assigned(5, CURRENT, "bob@x.example").revoke(now).expect("live"),
            activated(assigned(6, CURRENT, "ann@old.example")),
        ];
        Self {
            portfolio: Portfolio { agreement, plans, renewals: Vec::new() },
            licenses: Mutex::new(licenses),
            lms_user: None,
        }
    }

    fn licenses(&self) -> Vec<License> {
        self.licenses.lock().expect("not poisoned").clone()
    }
}

fn plan(uuid: PlanId, agreement: AgreementId, is_active: bool, end: Timestamp) -> SubscriptionPlan {
    let start = "2026-01-01T00:00:00Z".parse().expect("a date");
    SubscriptionPlan {
        uuid,
        title: uuid.to_string(),
        customer_agreement: agreement,
        start_date: start,
        expiration_date: end,
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active,
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
        created: start,
        modified: start,
        change_reason: ChangeReason::New,
        seats: SeatLayout::for_total(4, SeatPrefix::from_bits(1)),
    }
}

#[async_trait]
impl Users for Memory {
    async fn user(&self, _: &str) -> Result<StoredUser, StoreError> {
        Ok(StoredUser::default())
    }
}

#[async_trait]
impl Portfolios for Memory {
    async fn portfolio(&self, _: AgreementId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio.clone()))
    }
    async fn portfolio_of_enterprise(&self, enterprise: EnterpriseId) -> Result<Option<Portfolio>, StoreError> {
        Ok((self.portfolio.agreement.enterprise_customer_uuid == enterprise).then(|| self.portfolio.clone()))
    }
    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError> {
        Ok(self.portfolio.plan(plan).map(|_| self.portfolio.clone()))
    }
    async fn portfolios(&self, _: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError> {
        Ok(vec![self.portfolio.clone()])
    }
    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError> {
        Ok(Vec::new())
    }
    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError> {
        Ok(Vec::new())
    }
    async fn seat_counts(&self, _: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError> {
        Ok(HashMap::new())
    }
    async fn products(&self) -> Result<ProductCatalog, StoreError> {
        Ok(ProductCatalog::default())
    }
}

#[async_trait]
impl Learners for Memory {
    async fn licenses_of(&self, email: &EmailKey) -> Result<Vec<License>, StoreError> {
        let is_theirs = |license: &License| license.user_email.as_ref().is_some_and(|held| held.key() == *email);
        Ok(self.licenses().into_iter().filter(is_theirs).collect())
    }

    async fn addresses_of(&self, user: LmsUserId) -> Result<Vec<EmailAddress>, StoreError> {
        let mut found: Vec<EmailAddress> = Vec::new();
        for license in self.licenses().into_iter().filter(|license| license.lms_user_id == Some(user)) {
            found.extend(license.user_email.filter(|email| !found.contains(email)));
        }
        Ok(found)
    }

    /// Licences of the current plan move; others stay, as if somebody else held one there.
    async fn adopt(&self, user: LmsUserId, email: &EmailAddress, stamp: &Stamp) -> Result<usize, StoreError> {
        let mut moved = 0;
        for license in self.licenses.lock().expect("not poisoned").iter_mut() {
            let is_theirs = license.lms_user_id == Some(user) && license.user_email.as_ref() != Some(email);
            if is_theirs && license.subscription_plan == CURRENT {
                *license = license.with_email(email.clone(), stamp.at);
                moved += 1;
            }
        }
        Ok(moved)
    }
}

#[async_trait]
impl Activate for Memory {
    async fn activate(
        &self,
        _: &Portfolio,
        license: &License,
        lms_user_id: Option<LmsUserId>,
        stamp: &Stamp,
    ) -> Result<License, ActivateError> {
        let changed = license.activate(lms_user_id, stamp.at).map_err(|_| ActivateError::Revoked)?;
        let after = changed.unwrap_or_else(|| license.clone());
        let mut licenses = self.licenses.lock().expect("not poisoned");
        if let Some(held) = licenses.iter_mut().find(|held| held.uuid == license.uuid) {
            *held = after.clone();
        }
        Ok(after)
    }
}

#[async_trait]
impl LmsUsers for Memory {
    async fn lms_user_id(&self, _: &EmailAddress) -> Result<Option<LmsUserId>, ClientError> {
        let down = ClientError::Failed { service: Service::Lms, status: 503 };
        self.lms_user.map(Some).ok_or(down)
    }
}

/// Claims of somebody with that address and role.
fn claims(email: Option<&str>, user: Option<LmsUserId>, role: &str) -> Value {
    json!({"preferred_username": "somebody", "email": email, "user_id": user, "roles": [role],
           "exp": Fixed.now().timestamp() + 60})
}

fn ann() -> Value {
    claims(Some("ann@x.example"), None, LEARNER)
}

async fn call(memory: &Arc<Memory>, method: &str, path: &str, claims: &Value) -> (u16, Value) {
    let settings = Settings::from_lookup(|name| (name == "JWT_SECRET_KEY").then(|| "secret".to_owned()));
    let web = Web::new(&settings.expect("valid"), memory.clone(), Arc::new(Fixed), Arc::new(Fixed)).expect("web");
    let context = Context {
        web,
        portfolios: memory.clone(),
        learners: memory.clone(),
        activate: memory.clone(),
        lms_users: memory.clone(),
    };
    let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).expect("a token");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("JWT {token}"))
        .body(Body::empty())
        .expect("a request");
    let response = router(context).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

async fn activate(memory: &Arc<Memory>, key: u128, claims: &Value) -> (u16, Value) {
    let path = format!("/api/v1/license-activation?activation_key={}", Uuid::from_u128(key));
    call(memory, "POST", &path, claims).await
}

/// The last digits of the licences that are listed.
async fn listed(memory: &Arc<Memory>, query: &str, claims: &Value) -> Vec<u128> {
    let (status, page) = call(memory, "GET", &format!("{OWN}{query}"), claims).await;
    assert_eq!(status, 200, "{page}");
    let results = page["results"].as_array().expect("a list").clone();
    results
        .iter()
        .map(|license| license["uuid"].as_str().expect("text").parse::<Uuid>().expect("a UUID").as_u128())
        .collect()
}

#[tokio::test]
async fn a_licence_is_activated_by_its_learner() {
    let memory = Arc::new(Memory { lms_user: Some(ANN), ..Memory::new() });
    let (status, license) = activate(&memory, 1, &ann()).await;
    assert_eq!((status, &license["status"]), (200, &json!("activated")));
    assert_eq!(license["subscription_plan"]["uuid"], json!(CURRENT));
    assert_eq!(license["customer_agreement"]["uuid"], json!(Uuid::from_u128(0xaa)));
    assert_eq!(memory.licenses()[0].lms_user_id, Some(ANN), "the LMS knows what the token lacks");
    assert_eq!(activate(&memory, 1, &ann()).await, (200, license), "once more changes nothing");
}

#[tokio::test]
async fn an_lms_that_is_down_keeps_nobody_from_studying() {
    let memory = Arc::new(Memory::new());
    assert_eq!(activate(&memory, 1, &ann()).await.0, 200);
    assert_eq!(memory.licenses()[0].lms_user_id, None);
}

#[tokio::test]
async fn licences_that_cannot_be_activated_are_told_apart() {
    let memory = Arc::new(Memory::new());
    let not_found = (404, json!({"detail": "No License matches the given query."}));
    for (key, why) in [(2, "inactive plan"), (3, "expired plan"), (5, "another learner's"), (9, "unknown")] {
        assert_eq!(activate(&memory, key, &ann()).await, not_found, "{why}");
    }
    let bob = claims(Some("bob@x.example"), None, LEARNER);
    assert_eq!(activate(&memory, 5, &bob).await.0, 422);
    let nobody = claims(None, None, LEARNER);
    let detail = json!({"detail": "`email` is required and could not be found in your jwt"});
    assert_eq!(activate(&memory, 1, &nobody).await, (400, detail));
    assert_eq!(call(&memory, "POST", "/api/v1/license-activation/", &ann()).await.0, 400);
    let foreign = claims(Some("ann@x.example"), None, OTHER_LEARNER);
    let missing = json!({"detail": "Missing: subscriptions.has_learner_or_admin_access"});
    assert_eq!(activate(&memory, 1, &foreign).await, (403, missing));
}

#[tokio::test]
async fn flags_choose_among_the_learners_licences() {
    let memory = Arc::new(Memory::new());
    for (query, wanted) in [
        ("", vec![1]),
        ("&active_plans_only=junk", vec![2, 1]),
        ("&current_plans_only=1", vec![3, 1]),
        ("&include_revoked=TRUE&current_plans_only=False&active_plans_only=false", vec![2, 3, 1, 4]),
        ("&current_plans_only=false&active_plans_only=false&status=activated&ordering=-user_email", vec![2, 3]),
        ("&search=bob", vec![]),
    ] {
        assert_eq!(listed(&memory, query, &ann()).await, wanted, "{query}");
    }
}

#[tokio::test]
async fn pages_carry_the_agreement_for_those_who_reach_the_customer() {
    let memory = Arc::new(Memory::new());
    let query = "&current_plans_only=false&active_plans_only=false&page_size=2&page=2";
    let (_, page) = call(&memory, "GET", &format!("{OWN}{query}"), &ann()).await;
    let numbers = ["count", "num_pages", "current_page", "start"].map(|name| page[name].as_u64());
    assert_eq!(numbers, [Some(3), Some(2), Some(2), Some(2)]);
    assert_eq!(page["customer_agreement"]["uuid"], json!(Uuid::from_u128(0xaa)));
    let foreign = claims(Some("ann@x.example"), None, OTHER_LEARNER);
    let (status, page) = call(&memory, "GET", OWN, &foreign).await;
    assert_eq!((status, &page["count"], &page["customer_agreement"]), (200, &json!(0), &Value::Null));
    let provisioner = claims(None, None, "enterprise_provisioning_admin:*");
    assert_eq!(call(&memory, "GET", OWN, &provisioner).await.0, 403);
    assert_eq!(call(&memory, "GET", "/api/v1/learner-licenses/", &ann()).await.0, 400);
    let junk = "/api/v1/learner-licenses/?enterprise_customer_uuid=junk";
    assert_eq!(call(&memory, "GET", junk, &ann()).await.0, 400);
}

#[tokio::test]
async fn licences_follow_a_change_of_address() {
    let memory = Arc::new(Memory::new());
    // Licence 6 lies at the old address and moves; 2 and 3 can't, but are still the learner's.
    let renamed = claims(Some("ann@new.example"), Some(ANN), LEARNER);
    assert_eq!(listed(&memory, "", &renamed).await, [6]);
    assert_eq!(memory.licenses()[5].user_email, Some(EmailAddress::on_record("ann@new.example")));
    let all = "&current_plans_only=false&active_plans_only=false";
    assert_eq!(listed(&memory, all, &renamed).await, [2, 6, 3]);
    let by_number = claims(None, Some(ANN), LEARNER);
    assert_eq!(listed(&memory, all, &by_number).await, [2, 6, 3]);
}
