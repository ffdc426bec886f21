//! `POST /api/v1/retire_user/`: retires a learner. Their live licenses become free seats, revoked ones stay without a
//! person, and the data stored under the user name is deleted. From then on no history, job, mail, webhook or file
//! names them (docs/retirement.md). For the retirement worker and superusers.
//!
//! ```json
//! {"lms_user_id": 777, "original_username": "ada"}
//! ```
//! 204 if anything was erased, else 404; both without a body. After any other response the request must be repeated.

use axum::{extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Field, Requester, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
    fields::{integer, text},
};
use license_clients::ClientError;
use license_domain::{LmsUserId, maxima::MAX_USERNAME};
use serde_json::{Value, json};

use crate::Context;

const LMS_USER_ID: Field =
    Field::new(integer(1, i64::MAX), "The learner's number in the LMS.").named("lms_user_id").example(|| json!(777));
const ORIGINAL_USERNAME: Field =
    Field::new(text(MAX_USERNAME), "The learner's user name.").named("original_username").example(|| json!("ada"));

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/retire_user/",
    access: RouteAccess::Retirement,
    doc: &Doc {
        summary: "Erase a learner who leaves",
        query: &[],
        body: &[LMS_USER_ID, ORIGINAL_USERNAME],
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
        // The request before may have been interrupted before this step.
        clear_files(&context).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let (user, username) = read(&body?)?;
    let change = requester.change("retire").await?;
    let erased = context.retire.retire(user, &username, &change).await?;
    let files = clear_files(&context).await?;
    tracing::info!(request_id = requester.request_id, erased, files, "a learner was retired");
    Ok(if erased > 0 || change.resume().is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

/// Deletes every CSV and every file of results: each is a copy that may name the learner, and is made again when it is
/// requested.
async fn clear_files(context: &Context) -> Result<usize, ApiError> {
    let upstream = |error: ClientError| ApiError::Upstream {
        service: "file store",
        cause: error.to_string(),
        retryable: error.is_retryable(),
    };
    let tables = context.exports.clear("exports/").await.map_err(upstream)?;
    Ok(tables + context.exports.clear("results/").await.map_err(upstream)?)
}

/// The learner's LMS id and user name. The worker sends the id as a number or as text, and expects other messages than
/// those of a [`Field`].
fn read(body: &Body) -> Result<(LmsUserId, String), ApiError> {
    let invalid = |detail: String| ApiError::detail(StatusCode::BAD_REQUEST, detail);
    let given = |field: Field| {
        let empty = |value: &&Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            _ => false,
        };
        let missing = || format!("Required field \"{}\" missing or missing value in retirement request\"", field.name);
        body.0.get(field.name).filter(|value| !empty(value)).ok_or_else(|| invalid(missing()))
    };
    let (user, username) = (given(LMS_USER_ID)?, given(ORIGINAL_USERNAME)?);
    let user = LMS_USER_ID.format.parse(user).ok().and_then(|user| user.as_i64());
    let user = user.ok_or_else(|| invalid("The field \"lms_user_id\" must be an integer.".to_owned()))?;
    let username = username.as_str();
    let username = username.ok_or_else(|| invalid("The field \"original_username\" must be a text.".to_owned()))?;
    if let Err(complaint) = ORIGINAL_USERNAME.format.parse(&json!(username)) {
        let messages = complaint.into_value();
        return Err(invalid(format!("original_username: {}", messages[0].as_str().unwrap_or("This is not valid."))));
    }
    Ok((LmsUserId(user), username.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fields_are_needed_and_the_number_may_be_text() {
        let parsed = |body: Value| {
            let body = Body::json(body.as_object().cloned().unwrap_or_default());
            read(&body).map_err(|error| match error {
                ApiError::Refused(status, body) => (status.as_u16(), body["detail"].to_string()),
                other => panic!("{other:?}"),
            })
        };
        let ada = Ok((LmsUserId(7), "ada".to_owned()));
        assert_eq!(parsed(json!({ "lms_user_id": 7, "original_username": "ada" })), ada);
        assert_eq!(parsed(json!({ "lms_user_id": "7", "original_username": "ada" })), ada);
        for (body, field) in [
            (json!({}), "lms_user_id"),
            (json!({ "lms_user_id": 0, "original_username": "ada" }), "lms_user_id"),
            (json!({ "lms_user_id": 7 }), "original_username"),
            (json!({ "lms_user_id": 7, "original_username": " " }), "original_username"),
            (json!({ "lms_user_id": [7], "original_username": "ada" }), "lms_user_id"),
            (json!({ "lms_user_id": 7, "original_username": 8 }), "original_username"),
        ] {
            let refusal = parsed(body.clone());
            assert!(refusal.is_err_and(|(status, detail)| status == 400 && detail.contains(field)), "{body}");
        }
    }
}
