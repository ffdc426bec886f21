//! The one script of the pages: it shows moments in the viewer's zone (docs/decisions/0046-moments-in-the-viewers-zone.md).
//! Its path contains its digest, so that browsers fetch each version of it once.

use std::{fmt::Write, sync::LazyLock};

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

const TEXT: &str = include_str!("script.js");

/// Where it is.
static PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(TEXT.as_bytes());
    let mut path = "/admin/moments-".to_owned();
    for byte in digest.iter().take(8) {
        write!(path, "{byte:02x}").expect("a text can be written to");
    }
    path + ".js"
});

/// Where it is.
pub fn path() -> &'static str {
    &PATH
}

/// Its route. It is no page: it needs no session, and the guard would read the table for it.
pub fn router<C: Clone + Send + Sync + 'static>() -> Router<C> {
    Router::new().route(path(), get(handle))
}

async fn handle() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, TEXT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small_and_reaches_nothing() {
        assert!(TEXT.len() < 2_000);
        for reach in ["fetch", "XMLHttpRequest", "innerHTML", "cookie", "Storage", "import", "eval"] {
            assert!(!TEXT.contains(reach), "{reach}");
        }
    }
}
