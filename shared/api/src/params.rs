//! Parameters of the query string, and ids in paths.

use std::{convert::Infallible, str::FromStr};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use uuid::Uuid;

use crate::ApiError;

/// The parameters of a query string. Of several with one name the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    /// Reads a query string.
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// All of them, in order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A UUID; an empty one counts as left out, and 400 if it is none.
    pub fn uuid<T: From<Uuid>>(&self, name: &str) -> Result<Option<T>, ApiError> {
        match self.get(name).map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => match Uuid::try_parse(text) {
                Ok(uuid) => Ok(Some(T::from(uuid))),
                Err(_) => Err(ApiError::detail(StatusCode::BAD_REQUEST, format!("{text} is not a valid uuid."))),
            },
        }
    }

    /// A flag: `true` (in any case) or `1` is yes, anything else no, and `default` where it is left out.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |text| text == "1" || text.eq_ignore_ascii_case("true"))
    }
}

/// An id in a path; 404 if it is none. Handlers ask for it after the caller is known.
pub fn id<T: FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_counts_and_empty_ids_count_as_left_out() {
        let params = Params::parse("a=1&a=2&id=&junk=x&flag=True&off=0");
        assert_eq!(params.get("a"), Some("2"));
        assert!(matches!(params.uuid::<Uuid>("id"), Ok(None)));
        assert!(matches!(params.uuid::<Uuid>("absent"), Ok(None)));
        assert!(params.uuid::<Uuid>("junk").is_err());
        assert!(params.flag("flag", false) && !params.flag("off", true) && params.flag("absent", true));
    }
}
