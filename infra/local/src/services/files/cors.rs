//! CORS as S3 does it, by the rules that the template gives the bucket.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use license_template::{CorsRule, Origins, Template};

use super::refuse;
use crate::settings::Settings;

/// A rule with its origins.
#[derive(Clone, Debug)]
struct Rule {
    methods: Vec<String>,
    origins: Vec<String>,
}

/// The bucket's rules.
#[derive(Clone, Debug)]
pub struct Cors(Arc<[Rule]>);

impl Cors {
    /// The rules of the template, with these settings.
    pub fn new(template: &Template, settings: &Settings) -> Self {
        let rule = |rule: &CorsRule| {
            let origins = match &rule.origins {
                Origins::These(origins) => origins.clone(),
                Origins::Listed(setting) => settings.get(setting)?.split(',').map(str::to_owned).collect(),
            };
            Some(Rule { methods: rule.methods.clone(), origins })
        };
        Self(template.cors().iter().filter_map(rule).collect())
    }

    /// What a response to a page of that origin says, if a rule admits the page.
    fn headers(&self, origin: &HeaderValue, method: &str) -> Option<HeaderMap> {
        let page = origin.to_str().ok()?;
        let admits = |rule: &&Rule| {
            rule.origins.iter().any(|admitted| admitted == page) && rule.methods.iter().any(|known| known == method)
        };
        let rule = self.0.iter().find(admits)?;
        let methods = HeaderValue::from_str(&rule.methods.join(", ")).expect("the template's methods are plain words");
        let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        Some(HeaderMap::from_iter([
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
            (header::VARY, HeaderValue::from_static(vary)),
        ]))
    }
}

/// Responds to preflights, and adds to each response which pages may read it.
pub(in crate::services) async fn apply(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let asked = asked.filter(|_| request.method() == Method::OPTIONS).and_then(|method| method.to_str().ok());
    let method = asked.unwrap_or(request.method().as_str());
    let mut headers = request.headers().get(header::ORIGIN).and_then(|origin| cors.headers(origin, method));
    if request.method() == Method::OPTIONS {
        let Some(headers) = &mut headers else {
            let message = "CORSResponse: This CORS request is not allowed.";
            return refuse(StatusCode::FORBIDDEN, "AccessForbidden", message, "");
        };
        if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        return (StatusCode::OK, headers.clone()).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().extend(headers.unwrap_or_default());
    response
}
