//! The LMS: gives out tokens, has ids of users, and knows the customers.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use license_domain::{EmailKey, EnterpriseId};
use license_storage::{Learners, Portfolios};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;

/// The ids that the stand-in makes begin here, far from those of imported learners.
const MADE_UP: u64 = 1_000_000_000;

type LmsResponse = Result<Json<Value>, StatusCode>;

/// A service token for every client.
pub(super) fn token() -> Json<Value> {
    Json(json!({ "access_token": "a-token-of-the-local-lms", "expires_in": 3600, "token_type": "JWT" }))
}

#[derive(Deserialize)]
pub(super) struct Asked {
    email: String,
}

/// Every address has an account: its id is that of the stored licenses, or one made from the address.
pub(super) async fn account(State(services): State<Services>, Query(asked): Query<Asked>) -> LmsResponse {
    let key = EmailKey::of(&asked.email);
    let held = services.store.licenses_of(&key).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let known = held.iter().find_map(|license| license.lms_user_id).map(|user| json!(user));
    let id = known.unwrap_or_else(|| json!(made_up(key.as_str())));
    let username = key.as_str().split('@').next().unwrap_or_default().to_owned();
    Ok(Json(json!([{ "id": id, "email": asked.email, "username": username, "is_active": true }])))
}

fn made_up(email: &str) -> u64 {
    MADE_UP + email.bytes().fold(7, |hash: u64, byte| (hash * 31 + u64::from(byte)) % 999_999_937)
}

/// A customer with an agreement.
pub(super) async fn enterprise_customer(State(services): State<Services>, Path(id): Path<EnterpriseId>) -> LmsResponse {
    let found = services.store.portfolio_of_enterprise(id).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let agreement = found.ok_or(StatusCode::NOT_FOUND)?.agreement;
    let name = agreement.enterprise_customer_name.or_else(|| agreement.enterprise_customer_slug.clone());
    Ok(Json(json!({
        "uuid": id,
        "name": name,
        "slug": agreement.enterprise_customer_slug,
        "active": true,
        "contact_email": null,
        "sender_alias": null,
        "reply_to": null,
        "enable_integrated_customer_learner_portal_search": true,
    })))
}
