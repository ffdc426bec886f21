//! The enterprise service, which the LMS serves: customers, their learners and admins, and enrollments.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use license_domain::EnterpriseId;
use license_storage::Portfolios;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;

/// Customers' admins that were set.
pub(super) type Admins = Mutex<HashMap<EnterpriseId, Vec<String>>>;

/// Enrollments in a course whose key begins with this fail.
const FAILS: &str = "FAILS";
/// A learner whose address begins with this has no account yet.
const PENDING: &str = "pending";

/// Learners are linked to a customer.
pub(super) async fn link() -> StatusCode {
    StatusCode::CREATED
}

#[derive(Deserialize)]
pub(super) struct Asked {
    enterprise_customer_uuid: EnterpriseId,
}

/// A customer's admins: those that were set, or else one.
pub(super) async fn admins(State(services): State<Services>, Query(asked): Query<Asked>) -> Json<Value> {
    let enterprise = asked.enterprise_customer_uuid;
    let said = services.admins.lock().ok().and_then(|admins| admins.get(&enterprise).cloned());
    let emails = if let Some(emails) = said {
        emails
    } else {
        let portfolio = services.store.portfolio_of_enterprise(enterprise).await.ok().flatten();
        let slug = portfolio.and_then(|portfolio| portfolio.agreement.enterprise_customer_slug);
        vec![format!("admin@{}.example", slug.unwrap_or_else(|| "customer".to_owned()))]
    };
    let user = |(n, email): (usize, &String)| json!({ "id": n, "user": { "id": n, "email": email }, "active": true });
    let results: Vec<Value> = emails.iter().enumerate().map(user).collect();
    Json(json!({ "count": results.len(), "next": null, "previous": null, "results": results }))
}

/// Enrollments of a license become audit enrollments, or learners are unlinked from a customer.
pub(super) async fn accepted() -> Json<Value> {
    Json(json!({}))
}

#[derive(Deserialize)]
pub(super) struct EnrollBody {
    licenses_info: Vec<EnrollRow>,
}

#[derive(Deserialize)]
struct EnrollRow {
    email: String,
    course_run_key: String,
}

pub(super) async fn enroll(Path(_): Path<EnterpriseId>, Json(body): Json<EnrollBody>) -> (StatusCode, Json<Value>) {
    let (mut successes, mut pending, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for EnrollRow { email, course_run_key } in body.licenses_info {
        let row = json!({ "email": email, "course_run_key": course_run_key, "created": true });
        if course_run_key.starts_with(FAILS) {
            failures.push(row);
        } else if email.starts_with(PENDING) {
            pending.push(row);
        } else {
            successes.push(row);
        }
    }
    let status = if failures.is_empty() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    (status, Json(json!({ "successes": successes, "pending": pending, "failures": failures })))
}
