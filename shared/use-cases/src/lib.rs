//! Changes of agreements, plans, renewals, jobs and webhooks: what the body of a request, or a form of the console, makes of them, what
//! refuses it, and the one transaction that commits it. The API's endpoints and the console's forms both call these.

pub mod agreements;
pub mod jobs;
pub mod plans;
pub mod products;
pub mod renewals;
pub mod webhooks;

use std::sync::Arc;

use license_api::AppState;
use license_clients::Catalogs;
use license_storage::{Portfolios, Provision, Renewals, Update};

/// What changes of agreements, plans and renewals need.
#[derive(Clone)]
pub struct Provisioning {
    /// Clock, settings, users.
    pub app: AppState,
    /// Agreements and plans on record.
    pub portfolios: Arc<dyn Portfolios>,
    pub provision: Arc<dyn Provision>,
    pub update: Arc<dyn Update>,
    pub renewals: Arc<dyn Renewals>,
    pub catalogs: Arc<dyn Catalogs>,
}

impl Provisioning {
    /// Changes over that store.
    pub fn new<S>(app: AppState, store: &Arc<S>, catalogs: Arc<dyn Catalogs>) -> Self
    where
        S: Portfolios + Provision + Update + Renewals + 'static,
    {
        Self {
            app,
            portfolios: store.clone(),
            provision: store.clone(),
            update: store.clone(),
            renewals: store.clone(),
            catalogs,
        }
    }
}
