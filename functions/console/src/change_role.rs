//! Granting a user a role, or revoking it: what would happen, then a reason and the change, which is kept with that reason.

use axum::{extract::State, http::StatusCode, response::Response};
use license_api::{ApiError, Requester};
use license_domain::{EnterpriseId, RoleGrant, RoleName, Scope, maxima::MAX_USERNAME};
use license_storage::RoleChangeKind;

use crate::{
    Access, Context, Page, Right,
    confirm::Confirmation,
    error::PageError,
    form::{Form, Query},
    guard::Operator,
    once,
    render::redirect,
    users,
};

const SUPERUSER: Access = Access::Needs(Right::Superuser);

/// What would happen.
pub const FORM: Page = Page::get("/admin/users/role/", SUPERUSER);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/users/role/", SUPERUSER);

/// The roles that can be granted, as stored assignments name them.
pub const ROLES: [RoleName; 3] =
    [RoleName::SubscriptionsAdmin, RoleName::SubscriptionsLearner, RoleName::ProvisioningAdmin];

/// What is granted or revoked, as the form has it.
struct Wanted {
    username: String,
    grant: RoleGrant,
    kind: RoleChangeKind,
}

impl Wanted {
    fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, PageError> {
        let wrong = |text: &str| PageError::refused(StatusCode::BAD_REQUEST, "Not done", text);
        let username = get("name").filter(|name| name.chars().count() <= MAX_USERNAME);
        let username = username.ok_or_else(|| wrong("Enter the user's name."))?.to_owned();
        let role = get("role").and_then(RoleName::from_assignment).ok_or_else(|| wrong("Choose a role."))?;
        let scope = match get("customer") {
            None => return Err(wrong("Enter the customer's UUID, or * for every customer.")),
            Some("*") => Scope::All,
            Some(text) => {
                let id: Result<EnterpriseId, _> = text.parse();
                Scope::Enterprise(id.map_err(|_| wrong("The customer is a UUID, or * for every customer."))?)
            }
        };
        let kind = match get("kind") {
            Some("revoke") => RoleChangeKind::Revoked,
            _ => RoleChangeKind::Granted,
        };
        Ok(Self { username, grant: RoleGrant { role, scope }, kind })
    }

    async fn confirmation(&self, context: &Context) -> Result<Confirmation, PageError> {
        let (role, username) = (self.grant.role.assignment(), &self.username);
        let there = context.users.user(username).await?.grants.contains(&self.grant);
        let of = users::scope(self.grant.scope);
        let (title, kind, line) = match self.kind {
            RoleChangeKind::Granted => {
                ("Grant the role", "grant", format!("{username} gets the role {role} for {of}."))
            }
            RoleChangeKind::Revoked => {
                ("Revoke the role", "revoke", format!("{username} loses the role {role} for {of}."))
            }
        };
        let mut lines = vec![line, "The API and this console follow within a minute.".to_owned()];
        if there == (self.kind == RoleChangeKind::Granted) {
            lines.push("It is so already: nothing would be changed.".to_owned());
        }
        let customer = match self.grant.scope {
            Scope::All => "*".to_owned(),
            Scope::Enterprise(id) => id.to_string(),
        };
        Ok(Confirmation {
            title: title.to_owned(),
            back: (users::path(username), username.clone()),
            path: CONFIRM.path.to_owned(),
            lines,
            hidden: vec![
                ("name", username.clone()),
                ("role", role.to_owned()),
                ("customer", customer),
                ("kind", kind.to_owned()),
            ],
            has_dry_run: false,
        })
    }
}

pub async fn form(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let wanted = Wanted::read(|name| query.get(name))?;
    Ok(wanted.confirmation(&context).await?.page((&context, &operator), None))
}

pub async fn confirm(State(context): State<Context>, operator: Operator, form: Form) -> Result<Response, PageError> {
    let wanted = Wanted::read(|name| form.get(name))?;
    let Some(reason) = once::reason(&form) else {
        return Ok(wanted.confirmation(&context).await?.page((&context, &operator), Some(&form)));
    };
    let change = |requester| change(&context, &wanted, requester);
    once::once(&context, &operator, (CONFIRM.path, &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&users::path(&wanted.username)))
}

/// What is so already stays so, without a record; a form that is sent twice therefore changes once.
async fn change(context: &Context, wanted: &Wanted, requester: Requester) -> Result<(), ApiError> {
    if let Some(()) = requester.recorded().await? {
        return Ok(());
    }
    let change = requester.change("change-role").await?;
    context.roles.change_role(&wanted.username, wanted.grant, wanted.kind, &change.stamp).await?;
    requester.record(&change).await
}
