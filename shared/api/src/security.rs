//! Headers by which browsers treat every response with care.

use axum::http::{HeaderName, HeaderValue};
use tower_http::set_header::SetResponseHeaderLayer;

/// No browser and no proxy keeps a response, which is about people unless its route says otherwise by a header of its own.
const CACHE_CONTROL: &str = "no-store";

/// A header that is added where the response has none of that name.
type IfAbsent = SetResponseHeaderLayer<HeaderValue>;

/// Do not guess its type, do not show it in a frame, do not tell other sites where the reader came from, and do not share a
/// window's process with pages that opened it.
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
