//! Parameters of the query string, and ids in paths.

use std::{convert::Infallible, str::FromStr};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use uuid::Uuid;

use crate::{ApiError, Field};

/// The parameters of a query string. If a name occurs several times, the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// All parameters, in the order of the query string.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The parameter's value, unchanged.
    pub fn get(&self, parameter: &Field) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == parameter.name).map(|(_, value)| value.as_str())
    }

    /// The trimmed text; an empty one counts as left out.
    pub fn text(&self, parameter: &Field) -> Option<&str> {
        self.get(parameter).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A UUID; an empty value counts as left out. 400 if it is malformed.
    pub fn uuid<T: From<Uuid>>(&self, parameter: &Field) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(parameter) else { return Ok(None) };
        match Uuid::try_parse(text) {
            Ok(uuid) => Ok(Some(T::from(uuid))),
            Err(_) => Err(ApiError::detail(StatusCode::BAD_REQUEST, format!("{text} is not a valid uuid."))),
        }
    }

    /// A flag of [`doc::flag`](crate::doc::flag): `true` (in any case) and `1` are true, everything else is false.
    pub fn flag(&self, parameter: &Field) -> bool {
        let default = || parameter.default.is_some_and(|default| default() == true);
        self.get(parameter).map_or_else(default, |text| text == "1" || text.eq_ignore_ascii_case("true"))
    }
}

/// An id in a path; 404 if it is malformed. Handlers read it after authentication, so that strangers get 401 first.
pub fn id<T: FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::malformed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doc::flag, fields::TEXT};

    #[test]
    fn the_last_of_several_counts_and_empty_ids_count_as_left_out() {
        const fn named(name: &'static str) -> Field {
            Field::new(TEXT, "").optional().named(name)
        }
        let params = Params::parse("a=1&a=2&id=&junk=x&flag=True&off=0");
        assert_eq!(params.get(&named("a")), Some("2"));
        assert!(matches!(params.uuid::<Uuid>(&named("id")), Ok(None)));
        assert!(matches!(params.uuid::<Uuid>(&named("absent")), Ok(None)));
        assert!(params.uuid::<Uuid>(&named("junk")).is_err());
        assert!(params.flag(&flag("flag", false, "")) && !params.flag(&flag("off", true, "")));
        assert!(params.flag(&flag("absent", true, "")) && !params.flag(&flag("absent", false, "")));
    }
}
