//! Security headers of every response.

use axum::http::{HeaderName, HeaderValue};
use tower_http::set_header::SetResponseHeaderLayer;

/// Responses are not cached, because most contain personal data. A route that permits caching sets the header itself.
const CACHE_CONTROL: &str = "no-store";

/// A layer that adds a header unless the response has it.
type IfAbsent = SetResponseHeaderLayer<HeaderValue>;

/// Browsers must not guess the media type, not show the page in a frame, not send its URL to other sites as the
/// referer, and not share its window's process with pages that opened it.
pub(crate) fn headers() -> (IfAbsent, IfAbsent, IfAbsent, IfAbsent, IfAbsent) {
    let header = |name, value| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    (
        header("x-content-type-options", "nosniff"),
        header("x-frame-options", "DENY"),
        header("referrer-policy", "same-origin"),
        header("cross-origin-opener-policy", "same-origin"),
        header("cache-control", CACHE_CONTROL),
    )
}
