//! Protects the runner's own routes, which give out tokens, from web pages.
//!
//! A page of any site can send requests to this machine. It cannot read the responses, unless its site's name resolves
//! to 127.0.0.1 (DNS rebinding), so that the browser takes them for responses of that site. But the browser still sends
//! the site's name, in `Host` and in `Origin`.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Refuses a request whose `Host` or `Origin` is not a name of this machine.
pub async fn only(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        return next.run(request).await;
    }
    let detail = "The runner's own routes respond only to localhost, 127.0.0.1 and [::1], in Host and in Origin.";
    (StatusCode::FORBIDDEN, Json(json!({ "detail": detail }))).into_response()
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let all = |name: header::HeaderName| headers.get_all(name).into_iter().map(|value| value.to_str().ok());
    let mut hosts = all(header::HOST);
    let is_host_ours = hosts.next().flatten().is_some_and(is_our_host) && hosts.next().is_none();
    is_host_ours && all(header::ORIGIN).all(|origin| origin.is_some_and(is_our_origin))
}

fn is_our_origin(origin: &str) -> bool {
    // "null" has no authority.
    origin.parse::<Uri>().is_ok_and(|origin| origin.scheme().is_some() && origin.authority().is_some_and(is_ours))
}

pub(crate) fn is_our_host(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|host| is_ours(&host))
}

/// `localhost` and names below it always resolve to this machine, whatever a name server responds.
fn is_ours(authority: &Authority) -> bool {
    let host = authority.host();
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "runner.localhost"] {
            assert!(is_our_host(host), "{host}");
            assert!(is_our_origin(&format!("http://{host}")), "{host}");
        }
        let strange =
            ["rebound.example", "127.0.0.1.example:8000", "localhost.example", "192.168.1.2", "[::2]", "", "::1"];
        for host in strange {
            assert!(!is_our_host(host), "{host}");
            assert!(!is_our_origin(&format!("https://{host}")), "{host}");
        }
        assert!(!is_our_origin("null") && !is_our_origin("localhost"));
    }

    #[test]
    fn exactly_one_host_is_required() {
        let of = |pairs: &[(header::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, header::HeaderValue::from_static(value));
            }
            is_from_here(&headers)
        };
        let (host, origin) = ((header::HOST, "localhost:8000"), (header::ORIGIN, "http://localhost:3000"));
        assert!(of(std::slice::from_ref(&host)) && of(&[host.clone(), origin.clone()]));
        assert!(!of(&[]) && !of(std::slice::from_ref(&origin)));
        assert!(!of(&[host.clone(), (header::HOST, "rebound.example")]));
        assert!(!of(&[host, origin, (header::ORIGIN, "https://rebound.example")]));
    }
}
