//! The declaration of a page. The router and the tests are made from the list of pages.

use axum::{
    Router,
    handler::Handler,
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use std::collections::BTreeMap;

use crate::{Context, Right, error::PageError, guard, render, script};

/// A page, or the target of its form.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path with its parameters in braces and a slash at the end; it is also served without the slash.
    pub path: &'static str,
    /// Who may see it.
    pub access: Access,
}

/// Who may see a page, or send its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone: only the pages for signing in and out.
    Anyone,
    /// Persons with the right.
    Needs(Right),
}

impl Page {
    /// A page.
    pub const fn get(path: &'static str, access: Access) -> Self {
        Self { method: "GET", path, access }
    }

    /// The target of a form.
    pub const fn post(path: &'static str, access: Access) -> Self {
        Self { method: "POST", path, access }
    }
}

/// The pages, each with its handler.
pub struct Pages {
    list: Vec<Page>,
    paths: BTreeMap<&'static str, MethodRouter<Context>>,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), paths: BTreeMap::new() }
    }

    /// The pages in the order in which they were added.
    pub fn list(&self) -> &[Page] {
        &self.list
    }

    /// Adds a page.
    pub(crate) fn add<H, T>(mut self, page: Page, handler: H) -> Self
    where
        H: Handler<T, Context>,
        T: 'static,
    {
        self.list.push(page);
        let filter = if page.method == "POST" { MethodFilter::POST } else { MethodFilter::GET };
        let path = self.paths.entry(page.path).or_default();
        *path = std::mem::take(path).merge(on(filter, handler));
        self
    }

    /// The router. Every path is served with and without the slash at its end; methods that it does not have are
    /// refused.
    pub(crate) fn router(self, context: Context) -> Router {
        let access: BTreeMap<(&str, &str), Access> =
            self.list.iter().map(|page| ((page.path, page.method), page.access)).collect();
        let app = context.app.clone();
        let mut router = Router::new();
        for (path, methods) in self.paths {
            let of = |method| access.get(&(path, method)).copied();
            let guarded = guard::Guarded { context: context.clone(), get: of("GET"), post: of("POST") };
            let methods = methods.layer(middleware::from_fn_with_state(guarded, guard::guard));
            let without_slash = path.trim_end_matches('/');
            if !without_slash.is_empty() {
                router = router.route(without_slash, methods.clone());
            }
            router = router.route(path, methods);
        }
        let router = router.merge(script::router()).fallback(unknown).layer(middleware::map_response(render::protect));
        license_api::around(router, app).with_state(context)
    }
}

async fn unknown() -> Response {
    PageError::not_found().into_response()
}
