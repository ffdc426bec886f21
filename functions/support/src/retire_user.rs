//! `POST /api/v1/retire_user/`: a learner leaves for good. Their live licenses become free seats, revoked ones stay
//! without a person, and what is on record of the user name is deleted. For the retirement worker and superusers.
//!
//! ```json
//! {"lms_user_id": 777, "original_username": "ada"}
//! ```
//! 204 if anything was erased, else 404; both without a body. To be made again after any other answer.

use axum::{extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Requester, Route, RouteAccess, check_length,
    doc::{Kind, Param, ResponseDoc, Shape},
};
use license_domain::{LmsUserId, maxima::MAX_USERNAME};
use serde_json::Value;

use crate::Context;

/// Retirement.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/retire_user/",
    access: RouteAccess::Retirement,
    doc: &Doc {
        summary: "Erases a learner who leaves",
        query: &[],
        body: &[
            Param::required("lms_user_id", Kind::Integer(1), "The learner's number in the LMS."),
            Param::required("original_username", Kind::Text(MAX_USERNAME), "The learner's user name."),
        ],
        answers: &[
            ResponseDoc::new(204, "The learner is erased.", Shape::Nothing),
            ResponseDoc::new(404, "There was nothing to erase.", Shape::Nothing),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<StatusCode, ApiError> {
    requester.require_retirement()?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (user, username) = wanted(&body?)?;
    let change = requester.change("retire").await?;
    let erased = context.retire.retire(user, &username, &change).await?;
    tracing::info!(request_id = requester.request_id, erased, "a learner was retired");
    Ok(if erased > 0 || change.resume().is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

/// Who is meant. The worker sends numbers as such or as text.
fn wanted(body: &Body) -> Result<(LmsUserId, String), ApiError> {
    let field = |name: &str| {
        let empty = |value: &&Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            _ => false,
        };
        body.0.get(name).filter(|value| !empty(value)).ok_or_else(|| {
            let detail = format!("Required field \"{name}\" missing or missing value in retirement request\"");
            ApiError::detail(StatusCode::BAD_REQUEST, detail)
        })
    };
    let (user, username) = (field("lms_user_id")?, field("original_username")?);
    let user = match user {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let invalid = |detail: &str| ApiError::detail(StatusCode::BAD_REQUEST, detail);
    let user = user.ok_or_else(|| invalid("The field \"lms_user_id\" must be an integer."))?;
    let username = username.as_str().filter(|name| !name.contains('\0'));
    let username = username.ok_or_else(|| invalid("The field \"original_username\" must be a text."))?;
    check_length(username, MAX_USERNAME).map_err(|message| invalid(&format!("original_username: {message}")))?;
    Ok((LmsUserId(user), username.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_fields_are_needed_and_the_number_may_be_text() {
        let read = |body: Value| {
            let body = Body::json(body.as_object().cloned().unwrap_or_default());
            wanted(&body).map_err(|error| match error {
                ApiError::Refused(status, body) => (status.as_u16(), body["detail"].to_string()),
                other => panic!("{other:?}"),
            })
        };
        let ada = Ok((LmsUserId(7), "ada".to_owned()));
        assert_eq!(read(json!({ "lms_user_id": 7, "original_username": "ada" })), ada);
        assert_eq!(read(json!({ "lms_user_id": "7", "original_username": "ada" })), ada);
        for (body, field) in [
            (json!({}), "lms_user_id"),
            (json!({ "lms_user_id": 0, "original_username": "ada" }), "lms_user_id"),
            (json!({ "lms_user_id": 7 }), "original_username"),
            (json!({ "lms_user_id": 7, "original_username": " " }), "original_username"),
            (json!({ "lms_user_id": [7], "original_username": "ada" }), "lms_user_id"),
            (json!({ "lms_user_id": 7, "original_username": 8 }), "original_username"),
        ] {
            let refusal = read(body.clone());
            assert!(refusal.is_err_and(|(status, detail)| status == 400 && detail.contains(field)), "{body}");
        }
    }
}
