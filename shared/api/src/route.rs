//! The declaration of a route. The list of routes is the source of the role tables, the check of the template, and the
//! documentation.

use license_domain::RoleName;

use crate::{Doc, Field, RequiredPermission, doc::FORMAT};

#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    /// The path with its parameters in braces and a slash at the end; it is also served without the slash.
    pub path: &'static str,
    /// Who may call it.
    pub access: RouteAccess,
    pub doc: &'static Doc,
}

impl Route {
    /// The same route at another path.
    #[must_use]
    pub const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// The parameter `format`, if the route has formats other than JSON.
    pub(crate) fn formats(&self) -> Option<Field> {
        self.doc.query.iter().find(|parameter| parameter.name == FORMAT.name).copied()
    }

    /// The same route with another method.
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
        /// Whether requests count towards the limit of the client's address. Monitors poll some routes often.
        is_counted: bool,
    },
    /// Everyone with a valid token.
    Authenticated,
    /// Staff and superusers.
    Staff,
    /// The user who retires learners, and superusers.
    Retirement,
    /// Requesters with one of these roles.
    Roles {
        roles: &'static [RoleName],
        /// Whether staff may call it without a role. They then see the customers that their roles cover: none.
        listing: bool,
        /// The permission that a 403 names.
        missing: RequiredPermission,
    },
}
