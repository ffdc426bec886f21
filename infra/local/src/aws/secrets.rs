//! Secrets Manager and the parameter store. They contain only what a test or a developer puts there.

use serde_json::{Value, json};

use super::Aws;

/// The name under which a secret is stored among the checkpoints.
fn name(secret: &str) -> String {
    format!("secret {secret}")
}

impl Aws {
    /// Stores a secret under that name, for both services.
    pub fn put_secret(&self, secret: &str, value: &str) -> rusqlite::Result<()> {
        self.state().set_checkpoint(&name(secret), value)
    }

    fn secret(&self, call: &Value, field: &str) -> Result<String, String> {
        let secret = call[field].as_str().unwrap_or_default();
        let found = self.state().checkpoint(&name(secret)).map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("there is no secret {secret:?}"))
    }

    /// `GetSecretValue`.
    pub(super) fn get_secret(&self, call: &Value) -> Result<Value, String> {
        self.secret(call, "SecretId").map(|value| json!({ "Name": call["SecretId"], "SecretString": value }))
    }

    /// `GetParameter`.
    pub(super) fn get_parameter(&self, call: &Value) -> Result<Value, String> {
        self.secret(call, "Name").map(|value| json!({ "Parameter": { "Name": call["Name"], "Value": value } }))
    }
}
