//! One port for everything: requests go to the function that the template's API sends them to, and what begins
//! with `/_local/` is the runner's own.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use license_clients::{
    CatalogClient, Catalogs, ClientSettings, ExportClient, ExportSettings, Exports, LmsUserClient, ServiceClient,
    WebhookSettings,
};
use license_domain::{Clock, Random};
use license_store::Store;
use license_template::Template;
use license_web::{Settings as WebSettings, Web};
use tower::ServiceExt;

use crate::{StartError, settings::Settings};

/// What a function's `main` would have put together.
#[derive(Debug)]
pub struct Product {
    template: Template,
    routers: HashMap<&'static str, Router>,
}

impl Product {
    /// Puts every function of the API together.
    pub fn new(
        template: Template,
        settings: &Settings,
        store: &Arc<Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let credentials = Credentials::new("local", "local", None, None, "the local runner");
        let exports = ExportSettings::from_lookup(settings.lookup());
        let exports = ExportClient::new(exports, SharedCredentialsProvider::new(credentials), clock.clone())?;
        let exports: Arc<dyn Exports> = Arc::new(exports);
        let client = ClientSettings::from_lookup(settings.lookup());
        let client = ServiceClient::new(client, clock.clone(), random.clone())?;
        let web = Web::new(&WebSettings::from_lookup(settings.lookup())?, store.clone(), clock, random)?;
        let targets = WebhookSettings::from_lookup(settings.lookup());
        let lms_users = Arc::new(LmsUserClient::new(client.clone()));
        let catalogs: Arc<dyn Catalogs> = Arc::new(CatalogClient::new(client));
        let routers = HashMap::from([
            (
                "function-agreements",
                function_agreements::router(function_agreements::context(web.clone(), store, targets)),
            ),
            (
                "function-subscriptions",
                function_subscriptions::router(function_subscriptions::context(web.clone(), store)),
            ),
            (
                "function-licenses",
                function_licenses::router(function_licenses::context(web.clone(), store, exports.clone())),
            ),
            (
                "function-learners",
                function_learners::router(function_learners::context(web.clone(), store, lms_users, catalogs.clone())),
            ),
            (
                "function-provisioning",
                function_provisioning::router(function_provisioning::context(web.clone(), store, catalogs)),
            ),
            (
                "function-enrollments",
                function_enrollments::router(function_enrollments::context(web.clone(), store, exports.clone())),
            ),
            ("function-jobs", function_jobs::router(function_jobs::context(web.clone(), store, exports.clone()))),
            ("function-support", function_support::router(function_support::context(web.clone(), store))),
            ("function-site", function_site::router(function_site::context(web, store))),
        ]);
        Ok(Self { template, routers })
    }

    /// The whole API.
    pub fn router(self) -> Router {
        let product = Arc::new(self);
        Router::new().fallback(move |request| answer(product.clone(), request))
    }
}

async fn answer(product: Arc<Product>, request: Request) -> Response {
    let function = product.template.route(request.method().as_str(), request.uri().path());
    match function.and_then(|function| product.routers.get(function.binary.as_str())) {
        Some(router) => match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        // What API Gateway answers where it knows neither route nor default.
        None => (StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#).into_response(),
    }
}
