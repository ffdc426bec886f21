//! Builds a function's router: its routes, and the layers that all routes share.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, FromRequestParts, Request, State},
    handler::Handler,
    http::{HeaderValue, Method, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use crate::{
    ApiError, AppState, Field, Requester, Route, RouteAccess, authenticate, body::BODY_LIMIT, cors, negotiation,
    options, request, security,
};

/// The order of methods in the `Allow` header, as the contract has it.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A function's routes, each with its handler.
pub struct Endpoints<C> {
    routes: Vec<Route>,
    paths: BTreeMap<&'static str, PathRoutes<C>>,
}

struct PathRoutes<C> {
    router: MethodRouter<C>,
    methods: Vec<&'static str>,
    access: RouteAccess,
    /// The parameter `format`, taken from the first route that declares it.
    formats: Option<Field>,
    /// The name of the resource, where the contract's name does not follow from the path.
    name: Option<&'static str>,
}

impl<C> Endpoints<C>
where
    C: Clone + Send + Sync + 'static,
    AppState: FromRef<C>,
{
    #[expect(clippy::new_without_default, reason = "it is written once for each function, by this name")]
    pub fn new() -> Self {
        Self { routes: Vec::new(), paths: BTreeMap::new() }
    }

    /// The routes, in the order in which they were added.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    #[must_use]
    pub fn add<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, C>,
        T: 'static,
    {
        let path = self.paths.entry(route.path).or_insert_with(|| PathRoutes {
            router: MethodRouter::new(),
            methods: Vec::new(),
            access: route.access,
            formats: None,
            name: None,
        });
        path.formats = path.formats.or_else(|| route.formats());
        let router = std::mem::take(&mut path.router);
        path.router = router.merge(on(filter(route.method), handler));
        path.methods.push(route.method);
        self.routes.push(route);
        self
    }

    /// Sets the resource name that OPTIONS responds with, for the path of the route that was added last.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        let path = self.routes.last().and_then(|route| self.paths.get_mut(route.path));
        path.expect("a route was added before it is named").name = Some(name);
        self
    }

    /// Builds the router. Every path is served with and without a slash at its end.
    pub fn router(self, context: C) -> Router {
        let web = AppState::from_ref(&context);
        let mut router = Router::new();
        for (path, routes) in self.paths {
            let allow = allow(&routes.methods);
            let access = routes.access;
            let name: Arc<str> = options::name(routes.name, path).into();
            let others = move |request: Request, context: C| {
                let name = name.clone();
                async move { other_method(&name, access, request, context).await }
            };
            let methods = routes
                .router
                .fallback(move |State(context): State<C>, request: Request| others(request, context))
                .layer(middleware::from_fn_with_state(routes.formats, negotiation::negotiate))
                .layer(middleware::from_fn_with_state((web.clone(), access), authenticate::authenticate))
                .layer(middleware::map_response(move |mut response: Response| {
                    response.headers_mut().insert(header::ALLOW, allow.clone());
                    std::future::ready(response)
                }));
            let without_slash = path.trim_end_matches('/');
            if without_slash != path && !without_slash.is_empty() {
                router = router.route(without_slash, methods.clone());
            }
            router = router.route(path, methods);
        }
        let unknown = web.clone();
        let router = router
            .fallback(move |request: Request| authenticate::count_unknown(unknown.clone(), request, unknown_path))
            .layer(middleware::from_fn_with_state(web.clone(), cors::allow));
        around(router, web).with_state(context)
    }
}

/// Wraps every response, of the API and of pages: limits its size, sets the security headers, turns a panic into a 500,
/// and adds the request id and a log line.
pub fn around<C: Clone + Send + Sync + 'static>(router: Router<C>, web: AppState) -> Router<C> {
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(security::headers())
        .layer(middleware::from_fn_with_state(web, request::observe))
}

/// Responds to OPTIONS, and to methods that the path does not have. Both are only for authenticated requesters with a
/// role there, unless the path is public.
async fn other_method<C>(name: &str, access: RouteAccess, request: Request, context: C) -> Response
where
    C: Send + Sync,
    AppState: FromRef<C>,
{
    let (mut parts, _) = request.into_parts();
    if !matches!(access, RouteAccess::Anyone { .. }) {
        let admitted = match Requester::from_request_parts(&mut parts, &context).await {
            Ok(requester) => admit(&requester, access),
            Err(error) => Err(error),
        };
        if let Err(error) = admitted {
            return error.into_response();
        }
    }
    if parts.method == Method::OPTIONS {
        options::describe(name)
    } else {
        options::not_allowed(&parts.method).into_response()
    }
}

/// Refuses requesters who have none of the path's roles for any customer, so that they do not learn its methods.
fn admit(requester: &Requester, access: RouteAccess) -> Result<(), ApiError> {
    match access {
        RouteAccess::Staff => requester.require_staff(),
        RouteAccess::Retirement => requester.require_retirement(),
        RouteAccess::Roles { roles, missing, .. } if requester.access(roles).is_empty() => Err(missing.refusal()),
        _ => Ok(()),
    }
}

/// The response to an unknown path. Browsers get a page.
fn unknown_path() -> Response {
    let page = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  \
                <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n";
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}

fn filter(method: &str) -> MethodFilter {
    match method {
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

/// The value of `Allow`: the methods in the contract's order, HEAD where there is GET, and OPTIONS.
fn allow(methods: &[&str]) -> HeaderValue {
    let mut allowed: Vec<&str> = METHODS.into_iter().filter(|method| methods.contains(method)).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    HeaderValue::from_str(&allowed.join(", ")).expect("names of methods are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_lists_methods_in_the_contracts_order() {
        assert_eq!(allow(&["POST"]), "POST, OPTIONS");
        assert_eq!(allow(&["POST", "GET"]), "GET, POST, HEAD, OPTIONS");
        assert_eq!(allow(&["DELETE", "PATCH", "PUT", "GET"]), "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
    }
}
