//! Stands in for the services that the product calls: the LMS (tokens, accounts, enterprise service), the catalog
//! service, Braze and S3 (files for download), on one port. The calls are recorded and can be read at `/_local/calls`.

mod braze;
mod calls;
mod catalog;
mod enterprise;
mod files;
mod hooks;
mod lms;
mod sign_in;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware, routing,
};
use license_domain::{CatalogId, Clock, EnterpriseId};
use license_messaging::Queue;
use license_storage_dynamodb::Store;
use license_template::Template;
use serde_json::{Value, json};
use std::collections::HashMap;
use tokio::{runtime::Handle, sync::Mutex};

use crate::{
    StartError,
    aws::{self, ACCOUNT, Aws},
    faults::{self, Faults},
    keys::Signer,
    settings::Settings,
};

use files::cors::Cors;

pub use calls::{Call, Calls};
pub use files::Files;

/// The state of the stand-ins.
#[derive(Clone)]
pub struct Services {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    calls: Arc<Calls>,
    catalogs: Arc<Mutex<HashMap<CatalogId, EnterpriseId>>>,
    files: Arc<files::Files>,
    admins: Arc<enterprise::Admins>,
    hooks: Arc<hooks::Hooks>,
    aws: Aws,
    faults: Arc<Faults>,
    key_set: Option<Value>,
    sign_ins: Arc<sign_in::SignIns>,
}

/// The settings with the stand-ins' URLs, unless they are set.
const URLS: [&str; 3] = ["LMS_URL", "ENTERPRISE_CATALOG_URL", "BRAZE_API_URL"];

impl Services {
    /// Stand-ins that use the store's data. They also serve the public keys of tokens, because a function in a
    /// container can reach these and not the runner's own routes.
    pub fn new(store: Arc<Store>, aws: Aws, key_set: Option<Value>, signer: Option<Arc<Signer>>) -> Self {
        let clock = store.clock().clone();
        Self {
            store,
            clock,
            calls: Arc::default(),
            catalogs: Arc::default(),
            files: Arc::default(),
            admins: Arc::default(),
            hooks: Arc::default(),
            aws,
            faults: Arc::default(),
            key_set,
            sign_ins: Arc::new(sign_in::SignIns::new(signer)),
        }
    }

    pub const fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Sets a customer's admins.
    pub fn set_admins(&self, enterprise: EnterpriseId, emails: Vec<String>) {
        if let Ok(mut admins) = self.admins.lock() {
            admins.insert(enterprise, emails);
        }
    }

    /// The bucket for files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// A customer's system for trying webhooks.
    pub fn hooks(&self) -> &hooks::Hooks {
        &self.hooks
    }

    /// The calls so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Adds a catalog to the catalog service.
    pub async fn add_catalog(&self, catalog: CatalogId, enterprise: EnterpriseId) {
        self.catalogs.lock().await.insert(catalog, enterprise);
    }

    /// Serves at that address on these threads, by default the current ones, and puts its URL into the settings that are not set.
    pub async fn serve(
        &self,
        settings: &mut Settings,
        address: SocketAddr,
        threads: Option<&Handle>,
    ) -> Result<(tokio::task::JoinHandle<()>, String), StartError> {
        let (listener, url) = crate::listen(address).await?;
        self.hooks.be_at(format!("{url}/hooks/"));
        for name in URLS {
            settings.set_default(name, &url);
        }
        // The bucket and the bus are named by their logical ids, as in `sam local`, so that both find the same ones.
        settings.set("EXPORT_BUCKET", "Exports");
        settings.set("S3_ENDPOINT", format!("{url}/s3"));
        settings.set_default("SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT", &url);
        settings.set_default("SOCIAL_AUTH_EDX_OAUTH2_KEY", sign_in::CLIENT);
        settings.set_default("SOCIAL_AUTH_EDX_OAUTH2_SECRET", sign_in::SECRET);
        settings.set_default("BACKEND_SERVICE_EDX_OAUTH2_KEY", "license-manager");
        settings.set_default("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "local");
        settings.set_default("ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY", "local");
        for queue in Queue::ALL {
            settings.set(queue.setting(), format!("{url}/{ACCOUNT}/{}", name_of(queue)));
            settings.set(queue.dead_letters(), format!("{url}/{ACCOUNT}/{}", dead_letters_of(queue)));
        }
        settings.set("EVENT_BUS_NAME", "EventBus");
        for name in ["SQS_ENDPOINT", "EVENTBRIDGE_ENDPOINT", "SES_ENDPOINT", "SECRETS_MANAGER_ENDPOINT", "SSM_ENDPOINT"]
        {
            settings.set(name, &url);
        }
        // Receivers of webhooks on this machine have no public address.
        settings.set_default("WEBHOOK_ALLOW_HTTP", "true");
        settings.set_default("BRAZE_API_KEY", "local");
        for campaign in function_mail::MailCampaign::all() {
            let name = campaign.setting().to_lowercase().replace("braze_", "").replace('_', "-");
            settings.set_default(campaign.setting(), name);
        }
        let router = self.router(Cors::new(&Template::embedded()?, settings));
        let server = threads.unwrap_or(&Handle::current()).spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the stand-ins for other services stopped");
            }
        });
        Ok((server, url))
    }

    /// The bucket's own routes, which pages of other sites may call.
    fn bucket(cors: Cors) -> Router<Self> {
        let file = routing::put(files::put).get(files::get).post(files::post).delete(files::delete);
        Router::new()
            .route("/s3/{bucket}/{*name}", file)
            .route("/s3/{bucket}/", routing::get(files::list).post(files::post_form))
            .layer(middleware::from_fn_with_state(cors, files::cors::apply))
    }

    fn router(&self, cors: Cors) -> Router {
        Router::new()
            .route("/oauth2/access_token", routing::post(sign_in::token))
            .route("/oauth2/authorize", routing::get(sign_in::authorize))
            .route("/logout", routing::get(sign_in::signed_out))
            .route("/api/user/v1/accounts", routing::get(lms::account))
            .route("/enterprise/api/v1/enterprise-customer/{id}/", routing::get(lms::enterprise_customer))
            .route("/api/v1/enterprise-catalogs/{id}/", routing::get(catalog::catalog))
            .route("/api/v1/enterprise-catalogs/{id}/contains_content_items/", routing::get(catalog::contains))
            .route("/api/v1/distinct-catalog-queries/", routing::post(catalog::queries))
            .route("/enterprise/api/v1/pending-enterprise-learner/", routing::post(enterprise::link))
            .route("/enterprise/api/v1/enterprise-learner/", routing::get(enterprise::admins))
            .route(
                "/enterprise/api/v1/enterprise-customer/{id}/enroll_learners_in_courses/",
                routing::post(enterprise::enroll),
            )
            .route("/enterprise/api/v1/enterprise-customer/{id}/unlink_users/", routing::post(enterprise::accepted))
            .route(
                "/enterprise/api/v1/licensed-enterprise-course-enrollment/{call}/",
                routing::post(enterprise::accepted),
            )
            .route("/users/{*call}", routing::post(braze::accepted))
            .route("/campaigns/trigger/send", routing::post(braze::send))
            .route("/hooks/{*name}", routing::post(hooks::receive))
            .fallback(async || (StatusCode::NOT_FOUND, axum::Json(json!({ "detail": "Not found." }))))
            .layer(middleware::from_fn_with_state(self.clone(), calls::record))
            .route("/_local/jwks.json", routing::get(key_set))
            // Calls of the bucket are not recorded, because files are of no interest there.
            .merge(Self::bucket(cors))
            .merge(aws::router(self.aws.clone()).with_state(()))
            .layer(middleware::from_fn_with_state(self.faults.clone(), faults::inject))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }
}

async fn key_set(State(services): State<Services>) -> Result<Json<Value>, StatusCode> {
    services.key_set.map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// The template's name of a queue.
const fn name_of(queue: Queue) -> &'static str {
    match queue {
        Queue::Mail => "MailQueue",
        Queue::Bulk => "BulkQueue",
        Queue::Webhooks => "WebhookQueue",
    }
}

const fn dead_letters_of(queue: Queue) -> &'static str {
    match queue {
        Queue::Mail => "MailDeadLetters",
        Queue::Bulk => "BulkDeadLetters",
        Queue::Webhooks => "WebhookDeadLetters",
    }
}
