//! Origins: `scheme://host[:port]`.

use axum::http::{header, request::Parts, uri::Authority};

/// The origin that a request was sent to, as its client sees it.
pub fn of_request(parts: &Parts) -> String {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = parts.uri.authority().map(Authority::as_str).or_else(|| text(header::HOST.as_str()));
    let scheme = parts.uri.scheme_str().or_else(|| text("x-forwarded-proto")).unwrap_or("http");
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// The origin of a URL.
pub(crate) fn of_url(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |length| host + length);
    (end > host).then(|| &url[..end])
}

/// Whether an origin is the one that is set, or one of those that `scheme://*.domain` stands for.
pub(crate) fn fits(pattern: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = pattern.split_once("://*") else {
        return pattern == origin;
    };
    let host = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    host.is_some_and(|host| host.len() > domain.len() && host.ends_with(domain))
}
