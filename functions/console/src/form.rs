//! The fields of a form that was sent.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Bytes,
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use futures::stream;
use multer::Multipart;

use crate::error::PageError;

/// The most fields of a form.
const MAX_FIELDS: usize = 100;

/// The fields of a form whose origin was checked: only the guard creates one.
#[derive(Clone, Debug, Default)]
pub struct Form(Arc<Vec<(String, String)>>);

/// A body that no form of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAForm;

impl Form {
    /// The fields of a request's body: as pairs, or in parts where the form has a file, whose content is the field's value.
    pub(crate) async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, NotAForm> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Ok(boundary) = multer::parse_boundary(kind) else { return Ok(Self::parse(&body)) };
        let mut parts = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(|_| NotAForm)? {
            if fields.len() == MAX_FIELDS {
                break;
            }
            let Some(name) = part.name().map(str::to_owned) else { continue };
            let value = part.bytes().await.map_err(|_| NotAForm)?;
            let value = std::str::from_utf8(&value).map_err(|_| NotAForm)?;
            fields.push((name, value.trim_start_matches('\u{feff}').to_owned()));
        }
        Ok(Self(Arc::new(fields)))
    }

    /// The fields of a body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(Arc::new(form_urlencoded::parse(body).into_owned().take(MAX_FIELDS).collect()))
    }

    /// The trimmed value of a field; none if it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// What is asked for: all fields but the token and the reason.
    pub fn content(&self) -> String {
        let fields = self.0.iter().filter(|(name, _)| name != license_api::csrf::FIELD && name != crate::once::REASON);
        let mut content = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            content.append_pair(name, value);
        }
        content.finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(PageError::not_found)
    }
}

/// The parameters of the query string.
#[derive(Clone, Debug, Default)]
pub struct Query(Form);

impl From<Form> for Query {
    fn from(form: Form) -> Self {
        Self(form)
    }
}

impl Query {
    /// The value of a parameter; none if it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Form::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}
