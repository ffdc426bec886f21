//! Request bodies: JSON, or a form as browsers send it (in either of its encodings).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value, json};

use crate::ApiError;

/// The largest body that is read, in bytes: room for about 20,000 e-mail addresses.
pub(crate) const BODY_LIMIT: usize = 2 * 1024 * 1024;

const MAX_FIELDS: usize = 50_000;

/// The fields of a request's body, and whether it was a form. An empty body has no fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body(pub Map<String, Value>, bool);

impl Body {
    /// A body with the fields of a JSON object.
    pub const fn json(fields: Map<String, Value>) -> Self {
        Self(fields, false)
    }

    /// Whether it was a form: there, a list with one item looks like a text.
    pub(crate) const fn is_form(&self) -> bool {
        self.1
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|refused| ApiError::detail(refused.status(), "The request's body could not be read."))?;
        parse(&media_type, bytes).await
    }
}

async fn parse(media_type: &str, bytes: Bytes) -> Result<Body, ApiError> {
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "application/json" => parse_json(&bytes),
        "application/x-www-form-urlencoded" => parse_form(&bytes),
        "multipart/form-data" => parse_multipart(media_type, bytes).await,
        _ => Err(ApiError::detail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Unsupported media type \"{media_type}\" in request."),
        )),
    }
}

fn parse_json(bytes: &[u8]) -> Result<Body, ApiError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(Body::json(fields)),
        Ok(other) => {
            let message = format!("Invalid data. Expected a dictionary, but got {}.", type_name(&other));
            Err(ApiError::json(StatusCode::BAD_REQUEST, json!({ "non_field_errors": [message] })))
        }
        Err(error) => Err(ApiError::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}"))),
    }
}

fn parse_form(bytes: &[u8]) -> Result<Body, ApiError> {
    let mut fields = Map::new();
    for (number, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
        if number == MAX_FIELDS {
            return Err(too_many_fields());
        }
        add(&mut fields, &name, value.into_owned());
    }
    Ok(Body(fields, true))
}

fn too_many_fields() -> ApiError {
    ApiError::detail(StatusCode::BAD_REQUEST, "Too many fields.")
}

/// A file in a multipart form is read as a text field.
async fn parse_multipart(media_type: &str, bytes: Bytes) -> Result<Body, ApiError> {
    let broken = |error: multer::Error| {
        ApiError::detail(StatusCode::BAD_REQUEST, format!("Multipart form parse error - {error}"))
    };
    let boundary = multer::parse_boundary(media_type).map_err(broken)?;
    let whole = futures::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(bytes)));
    let mut form = multer::Multipart::new(whole, boundary);
    let mut fields = Map::new();
    let mut left = MAX_FIELDS;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        left = left.checked_sub(1).ok_or_else(too_many_fields)?;
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.text().await.map_err(broken)?;
        add(&mut fields, &name, value);
    }
    Ok(Body(fields, true))
}

/// Adds a field. A name that occurs several times becomes a list.
fn add(fields: &mut Map<String, Value>, name: &str, value: String) {
    let value = Value::from(value);
    match fields.get_mut(name) {
        None => {
            fields.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// The name of a JSON value's type in the contract's messages.
pub fn type_name(value: &Value) -> &'static str {
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

    async fn read(media_type: &str, text: &'static str) -> Result<Value, u16> {
        let body = parse(media_type, Bytes::from_static(text.as_bytes())).await;
        body.map(|body| Value::Object(body.0)).map_err(|error| error.status().as_u16())
    }

    #[tokio::test]
    async fn bodies_are_json_objects_or_forms() {
        assert_eq!(read("", "").await, Ok(json!({})));
        assert_eq!(read("application/json; charset=utf-8", r#"{"a": 1}"#).await, Ok(json!({"a": 1})));
        let form = read("application/x-www-form-urlencoded", "a=1&b=x&b=y+z").await;
        assert_eq!(form, Ok(json!({"a": "1", "b": ["x", "y z"]})));
        let multipart = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                         --X\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nx\r\n\
                         --X\r\nContent-Disposition: form-data; name=\"b\"; filename=\"f.txt\"\r\n\r\ny z\r\n--X--\r\n";
        assert_eq!(read("multipart/form-data; boundary=X", multipart).await, Ok(json!({"a": "1", "b": ["x", "y z"]})));
    }

    #[tokio::test]
    async fn anything_else_is_refused_with_its_reason() {
        assert_eq!(read("application/json", "[1]").await, Err(400));
        assert_eq!(read("application/json", "{").await, Err(400));
        assert_eq!(read("text/plain", "x").await, Err(415));
        let many = Bytes::from("a=1&".repeat(MAX_FIELDS + 1));
        assert!(parse("application/x-www-form-urlencoded", many).await.is_err());
        assert_eq!(read("multipart/form-data", "x").await, Err(400));
        assert_eq!(read("multipart/form-data; boundary=X", "no parts").await, Err(400));
    }
}
