//! Request bodies: JSON, or a form as browsers send it.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value, json};

use crate::ApiError;

/// The fields of a request's body; none where it is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|refused| ApiError::detail(refused.status(), "The request's body could not be read."))?;
        parse(&media_type, &bytes)
    }
}

fn parse(media_type: &str, bytes: &[u8]) -> Result<Body, ApiError> {
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "application/json" => parse_json(bytes),
        "application/x-www-form-urlencoded" => Ok(parse_form(bytes)),
        _ => Err(ApiError::detail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Unsupported media type \"{media_type}\" in request."),
        )),
    }
}

fn parse_json(bytes: &[u8]) -> Result<Body, ApiError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(Body(fields)),
        Ok(other) => {
            let message = format!("Invalid data. Expected a dictionary, but got {}.", type_name(&other));
            Err(ApiError::json(StatusCode::BAD_REQUEST, json!({ "non_field_errors": [message] })))
        }
        Err(error) => Err(ApiError::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}"))),
    }
}

/// A name that comes several times is a list.
fn parse_form(bytes: &[u8]) -> Body {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::from(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            None => {
                fields.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Body(fields)
}

/// What the contract's messages call a JSON value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_objects_or_forms() {
        let fields = |body: Body| Value::Object(body.0);
        assert_eq!(parse("", b"").map(fields).ok(), Some(json!({})));
        assert_eq!(parse("application/json; charset=utf-8", br#"{"a": 1}"#).map(fields).ok(), Some(json!({"a": 1})));
        let form = parse("application/x-www-form-urlencoded", b"a=1&b=x&b=y+z");
        assert_eq!(form.map(fields).ok(), Some(json!({"a": "1", "b": ["x", "y z"]})));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let status = |media_type, bytes| parse(media_type, bytes).err().map(|error| error.status().as_u16());
        assert_eq!(status("application/json", b"[1]"), Some(400));
        assert_eq!(status("application/json", b"{"), Some(400));
        assert_eq!(status("text/plain", b"x"), Some(415));
    }
}
