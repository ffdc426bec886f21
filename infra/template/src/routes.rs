//! The routes of the API, and the choice of the one that matches a request.

use serde_yaml_ng::Value;

use crate::{
    TemplateError,
    read::{Resource, tagged_text, text, unexpected},
};

/// The path of the route for requests that match no other one.
pub const DEFAULT: &str = "$default";

/// A route of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// A method, or `ANY`.
    pub method: String,
    /// A path with parameters in braces, the last one possibly `{name+}` for the rest of the path, or `$default`.
    pub path: String,
}

/// How well a route matches. The greater value is preferred: a full path over a greedy one over the default, then the
/// path that is longer and has fewer parameters, then a method over `ANY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    kind: Kind,
    /// For each segment, from the left, whether it is a literal.
    segments: Vec<bool>,
    is_method_named: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Default,
    Greedy,
    Full,
}

impl Match {
    /// The order if a method counted more than a longer path. AWS does not document which of the two is true, so a test
    /// checks that the template's routes lead to the same function in both cases.
    pub fn by_method(&self) -> impl Ord + use<> {
        (self.kind, self.is_method_named, self.segments.clone())
    }
}

impl RouteSpec {
    /// How well the route matches a request, if it does. A greedy parameter also matches the empty rest of a path
    /// that ends in a slash; other parameters match no empty segment.
    pub fn matches(&self, method: &str, path: &str) -> Option<Match> {
        let is_method_named = self.method != "ANY";
        if is_method_named && self.method != method {
            return None;
        }
        if self.path == DEFAULT {
            return Some(Match { kind: Kind::Default, segments: Vec::new(), is_method_named });
        }
        let (mut wanted, mut given): (Vec<&str>, Vec<&str>) =
            (self.path.split('/').collect(), path.split('/').collect());
        let is_greedy = self.path.ends_with("+}");
        if is_greedy {
            wanted.pop();
            if given.len() <= wanted.len() {
                return None;
            }
            given.truncate(wanted.len());
        }
        if wanted.len() != given.len() {
            return None;
        }
        let segments = wanted.iter().zip(given).map(|(wanted, given)| {
            let is_parameter = wanted.starts_with('{') && wanted.ends_with('}');
            let fits = if is_parameter { !given.is_empty() } else { *wanted == given };
            fits.then_some(!is_parameter)
        });
        let kind = if is_greedy { Kind::Greedy } else { Kind::Full };
        Some(Match { kind, segments: segments.collect::<Option<_>>()?, is_method_named })
    }
}

/// The API's routes, each with the logical id of its function.
pub(crate) fn read(resources: &[Resource<'_>]) -> Result<Vec<(String, RouteSpec)>, TemplateError> {
    let mut routes = Vec::new();
    for api in resources.iter().filter(|resource| resource.kind == "AWS::Serverless::HttpApi") {
        let paths = api.properties.get("DefinitionBody").and_then(|body| body.get("paths"));
        let paths = paths.and_then(Value::as_mapping).ok_or_else(|| unexpected(api.id, "has no paths"))?;
        for (path, item) in paths {
            let path = path.as_str().ok_or_else(|| unexpected(api.id, "has a path that is no text"))?;
            let operations = item.as_mapping().ok_or_else(|| unexpected(path, "has no methods"))?;
            for (method, operation) in operations {
                let method = method.as_str().unwrap_or_default();
                if method == "parameters" {
                    continue;
                }
                let function = function(operation).ok_or_else(|| unexpected(path, "calls no function"))?;
                routes.push((function, route(path, method)));
            }
        }
    }
    Ok(routes)
}

fn route(path: &str, method: &str) -> RouteSpec {
    let method = if method == "x-amazon-apigateway-any-method" { "ANY".to_owned() } else { method.to_uppercase() };
    let path = if path == "/$default" { DEFAULT } else { path };
    RouteSpec { method, path: path.to_owned() }
}

/// The function in `…/functions/${Function.Arn}:live/invocations`: the alias is called, never the function itself.
fn function(operation: &Value) -> Option<String> {
    let integration = operation.get("x-amazon-apigateway-integration")?;
    if text(integration, "type") != Some("aws_proxy") {
        return None;
    }
    let (_, rest) = tagged_text(integration.get("uri")?)?.split_once("/functions/${")?;
    rest.split_once(".Arn}:live/invocations").map(|(function, _)| function.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> RouteSpec {
        RouteSpec { method: method.to_owned(), path: path.to_owned() }
    }

    #[test]
    fn paths_match_as_the_api_matches_them() {
        for (pattern, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a/{x}", "/a/1", true),
            ("/a/{x}", "/a/", false),
            ("/a/{x}", "/a/1/", false),
            ("/a/{rest+}", "/a", false),
            ("/a/{rest+}", "/a/", true),
            ("/a/{rest+}", "/a/1/2/", true),
            ("/a/{x}/{rest+}", "/a/1/", true),
            ("/a/{x}/{rest+}", "/a//1", false),
            (DEFAULT, "/", true),
        ] {
            assert_eq!(route("ANY", pattern).matches("GET", path).is_some(), expected, "{pattern} {path}");
        }
        assert_eq!(route("POST", "/a").matches("GET", "/a"), None);
    }

    #[test]
    fn the_more_specific_route_is_preferred() {
        let of = |method: &str, path: &str| route(method, path).matches("GET", "/a/b/c").expect("a match");
        let from_worst = [
            of("ANY", DEFAULT),
            of("ANY", "/{rest+}"),
            of("ANY", "/a/{rest+}"),
            of("GET", "/a/{rest+}"),
            of("ANY", "/a/{x}/{rest+}"),
            of("ANY", "/a/b/{rest+}"),
            of("ANY", "/a/{x}/{y}"),
            of("ANY", "/a/{x}/c"),
            of("ANY", "/a/b/c"),
            of("GET", "/a/b/c"),
        ];
        assert!(from_worst.is_sorted(), "{from_worst:?}");
        assert!(from_worst[3].by_method() > from_worst[4].by_method());
    }
}
