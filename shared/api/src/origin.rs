//! Origins, `scheme://host[:port]`, compared after normalization: `https://A.example:443` equals `https://a.example`.

use axum::http::{HeaderMap, header, request::Parts, uri::Authority};
use url::{Host, Origin, Url};

/// A trusted origin from the settings, or all origins below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedOrigin {
    origin: Origin,
    /// True for `https://*.domain`: it means the hosts below the domain, not the domain itself.
    is_of_subdomains: bool,
}

impl TrustedOrigin {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, is_of_subdomains) = match text.split_once("://*.") {
            Some((scheme, domain)) => (format!("{scheme}://{domain}"), true),
            None => (text.to_owned(), false),
        };
        let is_plain = !text.contains(['*', ' ', '@']) && Url::parse(&text).is_ok_and(|url| is_bare(&url, &text));
        let origin = of_url(&text).filter(|_| is_plain)?;
        Some(Self { origin, is_of_subdomains })
    }

    /// Whether a page's origin is this one or, for a wildcard, below it.
    pub(crate) fn admits(&self, page: &Origin) -> bool {
        if !self.is_of_subdomains {
            return *page == self.origin;
        }
        match (&self.origin, page) {
            (
                Origin::Tuple(scheme, Host::Domain(domain), port),
                Origin::Tuple(its_scheme, Host::Domain(host), its_port),
            ) => {
                let above = host.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
                (scheme, port) == (its_scheme, its_port) && above.is_some_and(|above| !above.is_empty())
            }
            _ => false,
        }
    }
}

/// Whether a URL ends after its host and port.
fn is_bare(url: &Url, text: &str) -> bool {
    url.path() == "/" && !text.ends_with('/') && url.query().is_none() && url.fragment().is_none()
}

/// The origin of a page's URL; none for a scheme other than HTTP and HTTPS.
pub(crate) fn of_url(url: &str) -> Option<Origin> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    Some(url.origin())
}

/// The origin that a request was sent to, as its client sees it.
pub fn of_request(parts: &Parts) -> String {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = parts.uri.authority().map(Authority::as_str).or_else(|| text(header::HOST.as_str()));
    let scheme = parts.uri.scheme_str().or_else(|| forwarded_scheme(&parts.headers)).unwrap_or("http");
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// The protocol that a proxy reports. Only HTTP and HTTPS are accepted, because the value becomes part of links in
/// pages.
fn forwarded_scheme(headers: &HeaderMap) -> Option<&'static str> {
    let scheme = headers.get("x-forwarded-proto")?.to_str().ok()?.trim();
    ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn admits(trusted: &str, page: &str) -> bool {
        TrustedOrigin::parse(trusted).expect("an origin").admits(&of_url(page).expect("a URL"))
    }

    #[test]
    fn origins_are_normalized_before_they_are_compared() {
        for (trusted, page) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example", "https://A.EXAMPLE:443"),
            ("https://a.example:443", "https://a.example/page?x#y"),
            ("http://a.example", "http://a.example:80"),
            ("http://localhost:1991", "http://localhost:1991"),
            ("https://*.a.example", "https://b.a.example"),
            ("https://*.a.example", "https://c.b.A.example:443"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
        ] {
            assert!(admits(trusted, page), "{trusted} {page}");
        }
        for (trusted, page) in [
            ("https://a.example", "http://a.example"),
            ("https://a.example", "https://a.example:8443"),
            ("https://a.example", "https://a.example@evil.example"),
            ("https://a.example", "https://a.example.evil.example"),
            ("https://*.a.example", "https://a.example"),
            ("https://*.a.example", "https://.a.example"),
            ("https://*.a.example", "https://evila.example"),
            ("https://*.a.example", "https://b.a.example:8443"),
        ] {
            assert!(
                of_url(page).is_none_or(|page| !TrustedOrigin::parse(trusted).expect("an origin").admits(&page)),
                "{trusted} {page}"
            );
        }
        for none in ["null", "", "file:///x", "javascript:alert(1)", "https://", "a.example"] {
            assert!(of_url(none).is_none(), "{none}");
        }
        for none in ["*", "https://*", "https://a.example/", "https://a.example/x", "https://x@a.example", "a.example"]
        {
            assert!(TrustedOrigin::parse(none).is_none(), "{none}");
        }
    }

    #[test]
    fn only_http_and_https_are_accepted_from_a_proxy() {
        let of = |scheme: &str| {
            let request = Request::get("/x/").header("host", "a.example").header("x-forwarded-proto", scheme);
            of_request(&request.body(()).expect("a request").into_parts().0)
        };
        assert_eq!((of("https"), of("HTTP")), ("https://a.example".to_owned(), "http://a.example".to_owned()));
        for other in ["javascript", "ftp", "https://evil.example/?", "https,http", ""] {
            assert_eq!(of(other), "http://a.example", "{other}");
        }
    }
}
