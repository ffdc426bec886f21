//! Signatures by the specification of <https://www.standardwebhooks.com>: HMAC-SHA256 of id, time and body with the
//! webhook's secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use license_domain::webhook::WebhookSecret;
use sha2::Sha256;

/// The prefix of secrets.
const PREFIX: &str = "whsec_";

/// A secret in an unknown format, with which no receiver could verify a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's secret is not Base64 behind whsec_")]
pub struct UnreadableSecret;

/// The key in a secret.
pub fn key(secret: &WebhookSecret) -> Result<Vec<u8>, UnreadableSecret> {
    let text = secret.0.strip_prefix(PREFIX).ok_or(UnreadableSecret)?;
    let key = STANDARD.decode(text).map_err(|_| UnreadableSecret)?;
    if key.is_empty() { Err(UnreadableSecret) } else { Ok(key) }
}

/// The header's value: a signature for each secret, `v1,` and Base64, separated by spaces.
pub fn header<'a>(
    secrets: impl Iterator<Item = &'a WebhookSecret>,
    (id, timestamp): (&str, &str),
    body: &str,
) -> Result<String, UnreadableSecret> {
    let signatures = secrets.map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    });
    Ok(signatures.collect::<Result<Vec<_>, _>>()?.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_equals_that_of_other_libraries() {
        let secret = WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let made =
            header([&secret].into_iter(), ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"), r#"{"test": 2432232314}"#)
                .expect("a good secret");
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs() {
        let secrets = [WebhookSecret("whsec_MQ==".to_owned()), WebhookSecret("whsec_Mg==".to_owned())];
        let made = header(secrets.iter(), ("id", "1"), "{}").expect("good secrets");
        let each: Vec<&str> = made.split(' ').collect();
        assert_eq!(each.len(), 2);
        assert_ne!(each[0], each[1]);
    }

    #[test]
    fn a_secret_that_is_not_base64_cannot_sign() {
        for bad in ["", "whsec_", "MQ==", "whsec_not base64"] {
            let secret = WebhookSecret(bad.to_owned());
            assert_eq!(header([&secret].into_iter(), ("id", "1"), "{}"), Err(UnreadableSecret), "{bad:?}");
        }
    }
}
