//! What the page of the API's reference fetches: Swagger UI, which is vendored and compressed (`vendor/swagger-ui`), the script
//! that starts it, and the API's document as people read it ([`crate::reference`]).

use std::{io::Read, sync::OnceLock};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use flate2::read::GzDecoder;

use crate::{
    reference,
    schema::{CACHED_FOR_MINUTES, TEXT},
};

/// The path of a file of that release never means anything else.
const FOREVER: &str = "public, max-age=31536000, immutable";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The script that starts the page.
const START: &str = "/api-docs/start.js";

/// The document that it shows.
const DOCUMENT: &str = "/api-docs/openapi.json";

/// Where the files are.
pub const PATHS: [&str; 4] = [BUNDLE.path, STYLE.path, START, DOCUMENT];

/// A file that is kept compressed.
#[derive(Clone, Copy)]
struct Vendored {
    path: &'static str,
    media_type: &'static str,
    gzip: &'static [u8],
}

const BUNDLE: Vendored = Vendored {
    path: "/api-docs/swagger-ui-5.35.0/swagger-ui-bundle.js",
    media_type: SCRIPT,
    gzip: include_bytes!("../vendor/swagger-ui/swagger-ui-bundle.js.gz"),
};

const STYLE: Vendored = Vendored {
    path: "/api-docs/swagger-ui-5.35.0/swagger-ui.css",
    media_type: "text/css; charset=utf-8",
    gzip: include_bytes!("../vendor/swagger-ui/swagger-ui.css.gz"),
};

pub fn router() -> Router {
    let vendored = |file: Vendored| get(move |request: Request| async move { file.response(request.headers()) });
    Router::new()
        .route(BUNDLE.path, vendored(BUNDLE))
        .route(STYLE.path, vendored(STYLE))
        .route(START, get(start))
        .route(DOCUMENT, get(document))
}

impl Vendored {
    /// Compressed as it is; a client that does not take that gets it unpacked.
    fn response(self, request: &HeaderMap) -> Response {
        let plain = [(header::CONTENT_TYPE, self.media_type), (header::CACHE_CONTROL, FOREVER)];
        if takes_gzip(request) {
            let headers = [(header::CONTENT_ENCODING, "gzip"), (header::VARY, "accept-encoding")];
            return (plain, headers, self.gzip).into_response();
        }
        let mut unpacked = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut unpacked).expect("a file of our own: a test unpacks it");
        (plain, [(header::VARY, "accept-encoding")], unpacked).into_response()
    }
}

fn takes_gzip(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let is_refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

async fn start() -> Response {
    let headers = [(header::CONTENT_TYPE, SCRIPT), (header::CACHE_CONTROL, CACHED_FOR_MINUTES)];
    (headers, include_str!("docs/start.js")).into_response()
}

async fn document() -> Response {
    static FOLDED: OnceLock<String> = OnceLock::new();
    let text = FOLDED.get_or_init(|| {
        let document = serde_json::from_str(TEXT).expect("the document is JSON: a test has written it");
        reference::folded(document).to_string()
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHED_FOR_MINUTES)];
    (headers, text.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_takes_gzip_gets_it() {
        let takes = |text: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(takes("gzip") && takes("br, GZIP;q=0.5"));
        assert!(!takes("br") && !takes("gzip;q=0, br") && !takes_gzip(&HeaderMap::new()));
    }
}
