//! The authenticated requester, and checks of their permissions.

use std::fmt;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, request::Parts},
};
use license_domain::{Access, EnterpriseId, Principal, RoleName, Scope, Stamp, job::JobRequester};
use license_storage::Change;
use serde::de::DeserializeOwned;

use crate::{
    ApiError, AppState,
    authenticate::{Authenticated, Counted},
    idempotency::{FormRequest, KeyedRequest},
    request::RequestId,
};

/// Roles that may administer licenses.
pub const ADMINS: &[RoleName] = &[RoleName::SubscriptionsAdmin];

/// Roles that may use or administer licenses.
pub const LEARNERS_AND_ADMINS: &[RoleName] = &[RoleName::SubscriptionsLearner, RoleName::SubscriptionsAdmin];

/// Roles that may create plans and agreements.
pub const PROVISIONERS: &[RoleName] = &[RoleName::ProvisioningAdmin];

/// The permission that a 403 names as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredPermission {
    /// To administer licenses.
    Admin,
    /// The same permission in the wording of the routes outside of the resources.
    UnanchoredAdmin,
    /// To use or administer licenses.
    LearnerOrAdmin,
    /// The same permission in the wording of the routes outside of the resources.
    UnanchoredLearnerOrAdmin,
    /// To create plans.
    ProvisioningPlans,
    /// To create agreements.
    ProvisioningAgreements,
    /// The 403 does not name the permission.
    Unnamed,
}

impl RequiredPermission {
    /// The `detail` of the 403.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Admin => "MISSING: subscriptions.has_admin_access",
            Self::UnanchoredAdmin => "Missing: subscriptions.has_admin_access",
            Self::LearnerOrAdmin => "MISSING: subscriptions.has_learner_or_admin_access",
            Self::UnanchoredLearnerOrAdmin => "Missing: subscriptions.has_learner_or_admin_access",
            Self::ProvisioningPlans => "MISSING: subscriptions.has_provisioning_admin_access",
            Self::ProvisioningAgreements => "MISSING: agreements.has_provisioning_admin_access",
            Self::Unnamed => "You do not have permission to perform this action.",
        }
    }

    pub fn refusal(self) -> ApiError {
        ApiError::detail(StatusCode::FORBIDDEN, self.detail())
    }
}

/// An authenticated requester, with the roles of the token and those in the store.
#[derive(Clone)]
pub struct Requester {
    /// The principal of the token.
    pub principal: Principal,
    /// The id of the request.
    pub request_id: String,
    web: AppState,
    counted: Option<Counted>,
    keyed: Option<KeyedRequest>,
    reason: Option<String>,
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl<C> FromRequestParts<C> for Requester
where
    C: Send + Sync,
    AppState: FromRef<C>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &C) -> Result<Self, ApiError> {
        let web = AppState::from_ref(state);
        let now = web.now();
        let verified = parts.extensions.get::<Authenticated>().map(|verified| verified.0.clone());
        let mut principal = match verified {
            Some(principal) => principal,
            None => web.authenticator().principal(parts, now).await?,
        };
        let stored = web.users().user(&principal.username, now).await?;
        principal.is_superuser |= stored.is_superuser;
        principal.grants.extend(stored.grants);
        let without_id = ApiError::Defect("a request has no id: its router lacks the layer that gives one");
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).ok_or(without_id)?;
        let counted = parts.extensions.get::<Counted>().cloned();
        let keyed = parts.extensions.get::<KeyedRequest>().cloned();
        Ok(Self { principal, request_id, web, counted, keyed, reason: None })
    }
}

impl Requester {
    /// A person who sent a form: it was counted before, and names the reason of its changes.
    pub(crate) fn of_form(web: &AppState, form: &FormRequest<'_>, keyed: KeyedRequest) -> Self {
        Self {
            principal: form.person.clone(),
            request_id: form.request_id.to_owned(),
            web: web.clone(),
            counted: None,
            keyed: Some(keyed),
            reason: Some(form.reason.to_owned()),
        }
    }

    /// The customers that the requester may access by any of these roles.
    pub fn access(&self, roles: &[RoleName]) -> Access {
        self.principal.access(roles)
    }

    /// For everything but lists: 403 unless one of the roles covers the customer. If the customer is not known, only
    /// superusers pass.
    pub fn require(
        &self,
        roles: &[RoleName],
        enterprise: Option<EnterpriseId>,
        missing: RequiredPermission,
    ) -> Result<(), ApiError> {
        let reached = enterprise.is_some_and(|enterprise| self.access(roles).includes(enterprise));
        if self.principal.is_superuser || reached { Ok(()) } else { Err(missing.refusal()) }
    }

    /// For provisioning: 403 unless one of the roles covers all customers.
    pub fn require_everywhere(&self, roles: &[RoleName], missing: RequiredPermission) -> Result<(), ApiError> {
        let everywhere =
            self.principal.grants.iter().any(|grant| roles.contains(&grant.role) && grant.scope == Scope::All);
        if self.principal.is_superuser || everywhere { Ok(()) } else { Err(missing.refusal()) }
    }

    /// For lists: 403 unless the requester has one of the roles for any customer. Staff are not refused. Returns the
    /// customers that the roles cover, possibly none; the list shows only these.
    pub fn require_listing(&self, roles: &[RoleName]) -> Result<Access, ApiError> {
        let access = self.access(roles);
        if self.principal.is_staff || !access.is_empty() { Ok(access) } else { Err(ApiError::forbidden()) }
    }

    /// For support: 403 unless the requester is staff.
    pub fn require_staff(&self) -> Result<(), ApiError> {
        if self.principal.is_staff || self.principal.is_superuser { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// For retirement: 403 unless the requester is the configured user.
    pub fn require_retirement(&self) -> Result<(), ApiError> {
        let worker = self.web.settings().retirement_worker.as_deref();
        let is_worker = worker.is_some_and(|worker| worker == self.principal.username);
        if is_worker || self.principal.is_superuser { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// The requester as a job records it.
    pub fn requester(&self) -> JobRequester {
        JobRequester {
            username: self.principal.username.clone(),
            email: self.principal.email.clone(),
            lms_user_id: self.principal.lms_user_id,
            request_id: self.request_id.clone(),
        }
    }

    /// The recorded outcome, if the request has an `Idempotency-Key` and an earlier attempt has finished. Call it as
    /// soon as the requester is authorized, before reading anything that the first attempt has changed.
    ///
    /// 422 if the key was used for another request, 409 while another attempt is under way.
    pub async fn recorded<T: DeserializeOwned>(&self) -> Result<Option<T>, ApiError> {
        match &self.keyed {
            Some(keyed) => keyed.outcome(self.web.now()).await,
            None => Ok(None),
        }
    }

    /// What a change carries: actor, reason, request id, and what makes it take effect once. Waits for the request's
    /// count, which began with the first read: 429 if the requester is over the limit. Resumes what an earlier attempt
    /// at the same request began.
    pub async fn change(&self, reason: &str) -> Result<Change, ApiError> {
        if let Some(Counted(counted)) = &self.counted {
            counted.clone().await?;
        }
        let at = self.web.now();
        let idempotency = match &self.keyed {
            Some(keyed) => Some(Box::new(keyed.take(self.web.requesters().as_ref(), at).await?)),
            None => None,
        };
        let stamp = Stamp {
            actor: self.principal.username.clone(),
            actor_lms_user_id: self.principal.lms_user_id,
            reason: self.reason.as_deref().unwrap_or(reason).to_owned(),
            request_id: self.request_id.clone(),
            at,
        };
        Ok(Change { stamp, idempotency })
    }

    /// Records the outcome of a request that changes nothing.
    pub async fn record(&self, change: &Change) -> Result<(), ApiError> {
        Ok(self.web.requesters().record(change).await?)
    }
}
