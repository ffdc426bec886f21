//! The fields of a form that was sent.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::error::PageError;

/// The most fields of a form.
const MAX_FIELDS: usize = 100;

/// The fields of a form whose origin was checked: only the guard creates one.
#[derive(Clone, Debug, Default)]
pub struct Form(Arc<Vec<(String, String)>>);

impl Form {
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
