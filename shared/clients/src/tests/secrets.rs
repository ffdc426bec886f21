//! Secrets by name.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use license_settings::{Declared, Setting, Settings};
use serde_json::json;

use super::{
    Zero,
    peer::{Peer, Reply},
};
use crate::{BrazeSettings, ClientError, ClientSettings, SecretsClient, Service, names_a_secret};

const DECLARED: Declared = &[
    ClientSettings::DECLARED,
    BrazeSettings::DECLARED,
    SecretsClient::DECLARED,
    &[Setting::secret("JWT_SECRET_KEY"), Setting::secret("JWT_PUBLIC_SIGNING_JWK_SET")],
];

type Found = Result<BTreeMap<&'static str, String>, ClientError>;

async fn ask(peer: &Peer, settings: &[(&str, &str)]) -> Found {
    let credentials = Credentials::new("AKIDEXAMPLE", "s3cret", None, None, "a test");
    let config = SdkConfig::builder()
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let lookup = |name: &str| match name {
        "SECRETS_MANAGER_ENDPOINT" | "SSM_ENDPOINT" => Some(peer.url.clone()),
        name => settings.iter().find(|(setting, _)| *setting == name).map(|(_, value)| (*value).to_owned()),
    };
    let settings = Settings::read(DECLARED, lookup);
    let client = SecretsClient::new(settings.lookup(), &config, peer.clock.clone(), Arc::new(Zero)).expect("a client");
    client.resolve(&settings).await
}

fn secret(text: &str) -> Reply {
    Reply::status(200).json(&json!({"Name": "x", "SecretString": text}))
}

#[tokio::test]
async fn only_settings_that_name_a_secret_are_read_and_each_secret_once() {
    let peer = Peer::start().await;
    peer.reply([secret(r#"{"oauth": "hush", "keys": {"keys": []}}"#)]);
    let found = ask(
        &peer,
        &[
            ("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "secretsmanager:arn:aws:secretsmanager:x:1:secret:app#oauth"),
            ("JWT_PUBLIC_SIGNING_JWK_SET", " secretsmanager:arn:aws:secretsmanager:x:1:secret:app#keys"),
            ("JWT_SECRET_KEY", "itself"),
            ("LMS_URL", "ssm:not-a-secret"),
        ],
    )
    .await
    .expect("found");
    let expected = [("BACKEND_SERVICE_EDX_OAUTH2_SECRET", "hush"), ("JWT_PUBLIC_SIGNING_JWK_SET", r#"{"keys":[]}"#)];
    assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())).into());
    let seen = peer.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("x-amz-target"), "secretsmanager.GetSecretValue");
    assert_eq!(seen[0].header("content-type"), "application/x-amz-json-1.1");
    assert!(seen[0].header("authorization").contains("/eu-central-1/secretsmanager/aws4_request"));
    assert_eq!(seen[0].json(), json!({"SecretId": "arn:aws:secretsmanager:x:1:secret:app"}));
}

#[tokio::test]
async fn parameters_are_decrypted_and_retried_while_ssm_throttles() {
    let peer = Peer::start().await;
    peer.reply([
        Reply::status(400).json(&json!({"__type": "com.amazonaws.ssm#ThrottlingException"})),
        Reply::status(500),
        Reply::status(200).json(&json!({"Parameter": {"Name": "/app/key", "Value": "hush"}})),
    ]);
    let found = ask(&peer, &[("BRAZE_API_KEY", "ssm:/app/key")]).await.expect("found");
    assert_eq!(found, BTreeMap::from([("BRAZE_API_KEY", "hush".to_owned())]));
    let seen = peer.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].header("x-amz-target"), "AmazonSSM.GetParameter");
    assert_eq!(seen[0].json(), json!({"Name": "/app/key", "WithDecryption": true}));
}

#[tokio::test]
async fn secrets_are_read_at_the_same_time() {
    let peer = Peer::start().await;
    peer.reply([secret("hush"), secret("hush")].map(|reply| reply.after(Duration::from_secs(1))));
    let settings = [("BRAZE_API_KEY", "secretsmanager:a"), ("JWT_SECRET_KEY", "secretsmanager:b")];
    let found = tokio::time::timeout(Duration::from_millis(1_900), ask(&peer, &settings)).await;
    assert_eq!(found.expect("in the time of one").expect("found").len(), 2);
}

#[tokio::test]
async fn a_missing_secret_is_an_error() {
    let peer = Peer::start().await;
    peer.reply([Reply::status(400).json(&json!({"__type": "ResourceNotFoundException"}))]);
    let error = ask(&peer, &[("JWT_SECRET_KEY", "secretsmanager:none")]).await.expect_err("none");
    assert!(matches!(error, ClientError::Refused { service: Service::Secrets, status: 400 }));
    assert_eq!(peer.calls(), 1);
    for text in [r#"{"other": "hush"}"#, r#"{"key": null}"#, "hush"] {
        peer.reply([secret(text)]);
        let error = ask(&peer, &[("JWT_SECRET_KEY", "secretsmanager:app#key")]).await.expect_err("no such key");
        assert!(matches!(error, ClientError::Unreadable { service: Service::Secrets }));
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}

#[tokio::test]
async fn nothing_is_read_if_no_setting_names_a_secret() {
    let peer = Peer::start().await;
    let found = ask(&peer, &[("JWT_SECRET_KEY", "itself"), ("LMS_URL", "https://lms.example.com")]).await;
    assert_eq!((found.expect("nothing"), peer.calls()), (BTreeMap::new(), 0));
}

#[test]
fn names_of_secrets_are_distinguished_from_values() {
    assert!(names_a_secret("secretsmanager:license-manager/JWT_SECRET_KEY") && names_a_secret("ssm:/x"));
    assert!(!names_a_secret("itself") && !names_a_secret("https://ssm:x") && !names_a_secret(""));
}
