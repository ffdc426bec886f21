//! The key pair that signs the runner's tokens: its own, unless the settings name keys.

use std::{fmt, path::Path, sync::OnceLock};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use license_clients::names_a_secret;
use serde_json::{Value, json};

use crate::{StartError, settings::Settings};

/// The file with the key pair, so that tokens remain valid after a restart.
const FILE: &str = "signing-key.pem";

/// Issuer and audience of the runner's own tokens.
const NAME: &str = "license-manager-local";

/// The end of year 9999: the printed tokens do not expire, wherever the clock is moved.
const NEVER: i64 = 253_402_300_799;

/// The pair of runners without a folder. Making one takes a fifth of a second, and a test process has hundreds of them.
static UNKEPT: OnceLock<Option<String>> = OnceLock::new();

pub struct Signer {
    key: EncodingKey,
    header: Header,
    issuer: Option<String>,
    audience: Option<String>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.header.alg).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer whose tokens the product will accept. Where no key is set, it makes a pair and adds the public
    /// half to the settings; where only public keys are set, or the key is a secret by name, there is no signer.
    pub fn new(settings: &mut Settings, data: Option<&Path>) -> Result<Option<Self>, StartError> {
        let (key, header) = if settings.get("JWT_SECRET_KEY").is_some_and(names_a_secret) {
            return Ok(None);
        } else if let Some(secret) = settings.get("JWT_SECRET_KEY") {
            (EncodingKey::from_secret(secret.as_bytes()), Header::new(Algorithm::HS256))
        } else if settings.get("JWT_PUBLIC_SIGNING_JWK_SET").is_some() {
            return Ok(None);
        } else {
            settings.set_default("JWT_ISSUER", NAME);
            settings.set_default("JWT_AUDIENCE", NAME);
            let pem = key_pair(data)?;
            let unusable = |error: jsonwebtoken::errors::Error| StartError::Keys(error.to_string());
            let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(unusable)?;
            let mut public = Jwk::from_encoding_key(&key, Algorithm::RS512).map_err(unusable)?;
            let id = key_id(&public);
            public.common.key_id = Some(id.clone());
            settings.set("JWT_PUBLIC_SIGNING_JWK_SET", json!({ "keys": [public] }).to_string());
            (key, Header { kid: Some(id), ..Header::new(Algorithm::RS512) })
        };
        let text = |name: &str| settings.get(name).map(str::to_owned);
        Ok(Some(Self { key, header, issuer: text("JWT_ISSUER"), audience: text("JWT_AUDIENCE") }))
    }

    /// A token with these claims; issuer, audience and expiration are added if they are missing.
    pub fn sign(&self, mut claims: Value) -> Result<String, jsonwebtoken::errors::Error> {
        if let Some(claims) = claims.as_object_mut() {
            let ours = [
                ("iss", self.issuer.as_ref().map(|issuer| json!(issuer))),
                ("aud", self.audience.as_ref().map(|audience| json!(audience))),
                ("exp", Some(json!(NEVER))),
            ];
            for (name, value) in ours {
                if let (false, Some(value)) = (claims.contains_key(name), value) {
                    claims.insert(name.to_owned(), value);
                }
            }
        }
        jsonwebtoken::encode(&self.header, &claims, &self.key)
    }
}

/// The public keys in the settings. Secrets are not included, and neither is a set that the settings name by URL.
pub fn public(settings: &Settings) -> Option<Value> {
    let set = settings.get("JWT_PUBLIC_SIGNING_JWK_SET")?;
    serde_json::from_str::<Value>(set).ok().filter(Value::is_object)
}

/// The id is the same for the same key, so that tokens remain valid after a restart.
fn key_id(public: &Jwk) -> String {
    let digest = digest::digest(&digest::SHA256, json!(public).to_string().as_bytes());
    digest.as_ref().iter().take(8).fold("local-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

/// The stored pair of that folder, or a new one.
fn key_pair(data: Option<&Path>) -> Result<String, StartError> {
    let path = data.map(|folder| folder.join(FILE));
    if let Some(path) = path.as_ref().filter(|path| path.exists()) {
        return std::fs::read_to_string(path)
            .map_err(|error| StartError::Data { path: path.clone(), cause: error.to_string() });
    }
    let Some(path) = path else {
        let unkept = UNKEPT.get_or_init(|| new_pair().ok());
        return unkept.clone().ok_or_else(no_pair);
    };
    let pem = new_pair()?;
    write_secret(&path, &pem).map_err(|error| StartError::Data { path, cause: error.to_string() })?;
    Ok(pem)
}

fn new_pair() -> Result<String, StartError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).and_then(|pair| pair.as_der());
    let der: Pkcs8V1Der<'static> = pair.map_err(|_| no_pair())?;
    Ok(pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref())))
}

fn no_pair() -> StartError {
    StartError::Keys("no key pair was made".to_owned())
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
