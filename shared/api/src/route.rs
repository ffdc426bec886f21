//! What a route is: the list of them is what role tables, the template's check and docs are made from.

use license_domain::RoleName;

use crate::{Doc, Field, RequiredPermission, doc::FORMAT};

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path with its parameters in braces and a slash at the end; it is served without that, too.
    pub path: &'static str,
    /// Who may.
    pub access: RouteAccess,
    /// What it says of itself.
    pub doc: &'static Doc,
}

impl Route {
    /// The same at another path.
    #[must_use]
    pub const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// The parameter `format`, where the route has other forms than JSON.
    pub(crate) fn formats(&self) -> Option<Field> {
        self.doc.query.iter().find(|parameter| parameter.name == FORMAT.name).copied()
    }

    /// The same by another method.
    #[must_use]
    pub const fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug)]
pub enum RouteAccess {
    /// Everyone, with or without a token.
    Anyone {
        /// Whether requests count towards the limit of the address that they come from. Monitors ask often.
        is_counted: bool,
    },
    /// Everyone with a token.
    Authenticated,
    /// The company's own people, and superusers.
    Staff,
    /// The user who retires learners, and superusers.
    Retirement,
    /// Holders of roles.
    Roles {
        /// Any of these.
        roles: &'static [RoleName],
        /// Whether staff may call it without a role (and see what their roles reach: nothing).
        listing: bool,
        /// What the refusal of others names.
        missing: RequiredPermission,
    },
}
