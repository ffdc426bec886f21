//! SES, which sends mails with our own text.

use serde_json::{Value, json};

use super::{Aws, Mail};

impl Aws {
    /// `SendEmail`.
    pub(super) fn send_email(&self, call: &Value) -> Result<Value, String> {
        let id = self.0.random.uuid().to_string();
        let content = &call["Content"]["Simple"];
        let addresses = call["Destination"]["ToAddresses"].as_array().cloned().unwrap_or_default();
        for to in addresses.iter().filter_map(Value::as_str) {
            let mail = Mail {
                at: self.0.clock.now(),
                transport: "ses".to_owned(),
                campaign: content["Subject"]["Data"].as_str().unwrap_or_default().to_owned(),
                to: to.to_owned(),
                trigger_properties: json!({ "text": content["Body"]["Text"]["Data"] }),
                dispatch_id: id.clone(),
            };
            self.state().keep_mail(&mail).map_err(|error| error.to_string())?;
        }
        Ok(json!({ "MessageId": id }))
    }
}
