//! One port for everything: a request goes to the function to which the template's API sends it; paths that begin with
//! `/_local/` are the runner's own.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use license_runtime::Rotating;
use license_storage_dynamodb::Store;
use license_template::Template;
use tower::ServiceExt;

use crate::{StartError, settings::Settings, workers::parts};

/// The functions of the API, put together as in their own processes, and again when a secret has changed.
pub struct Product {
    template: Template,
    routers: HashMap<&'static str, Rotating<Router>>,
}

impl Product {
    /// Builds every function of the API.
    pub async fn new(template: Template, settings: &Settings, store: &Arc<Store>) -> Result<Self, StartError> {
        macro_rules! function {
            ($name:literal, $function:ident) => {{
                let parts = parts($function::SETTINGS, settings, store)?;
                let router = Rotating::start(parts, |parts| Ok($function::router($function::compose(parts)?)));
                ($name, router.await.map_err(StartError::Compose)?)
            }};
        }
        let routers = HashMap::from([
            function!("function-agreements", function_agreements),
            function!("function-subscriptions", function_subscriptions),
            function!("function-licenses", function_licenses),
            function!("function-learners", function_learners),
            function!("function-provisioning", function_provisioning),
            function!("function-enrollments", function_enrollments),
            function!("function-jobs", function_jobs),
            function!("function-support", function_support),
            function!("function-site", function_site),
            function!("function-console", function_console),
        ]);
        Ok(Self { template, routers })
    }

    pub fn router(self) -> Router {
        let product = Arc::new(self);
        Router::new().fallback(move |request| respond(product.clone(), request))
    }
}

async fn respond(product: Arc<Product>, request: Request) -> Response {
    let function = product.template.route(request.method().as_str(), request.uri().path());
    match function.and_then(|function| product.routers.get(function.binary.as_str())) {
        Some(router) => match router.current().await.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        // API Gateway's response if there is neither a matching route nor a default.
        None => (StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#).into_response(),
    }
}
