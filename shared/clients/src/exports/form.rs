//! The form by which a browser, or any HTTP client, uploads one file to S3 (POST policy, signature version 4). Its
//! policy fixes the file's name, type, largest size and the form's expiration; S3 refuses everything else.

use std::{collections::BTreeMap, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{SecondsFormat, TimeDelta};
use license_domain::Timestamp;
use serde_json::json;

/// The lifetime of a form.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// The most bytes of an upload: a million rows of 268 bytes.
pub const MAX_UPLOAD_BYTES: u64 = 256 << 20;

/// The declared content type of the file.
const CONTENT_TYPE: &str = "text/csv";

/// A form by which one file can be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadForm {
    /// Whereto the form is posted, as `multipart/form-data`.
    pub url: String,
    /// The fields that it must have as they are, before the field `file`.
    pub fields: BTreeMap<&'static str, String>,
    /// The most bytes of the file.
    pub max_bytes: u64,
    /// Until when it can be used.
    pub expires: Timestamp,
}

pub(super) struct Target<'a> {
    pub url: String,
    pub bucket: &'a str,
    pub key: &'a str,
    pub region: &'a str,
}

impl Target<'_> {
    /// The form, signed with these credentials.
    pub fn form(self, credentials: &Credentials, now: Timestamp) -> UploadForm {
        let date = now.format("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/{}/s3/aws4_request", &date[..8], self.region);
        let mut fields = BTreeMap::from([
            ("key", self.key.to_owned()),
            ("Content-Type", CONTENT_TYPE.to_owned()),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", format!("{}/{scope}", credentials.access_key_id())),
            ("x-amz-date", date),
        ]);
        if let Some(token) = credentials.session_token() {
            fields.insert("x-amz-security-token", token.to_owned());
        }
        let expires = now + LIFETIME;
        let mut conditions =
            vec![json!({ "bucket": self.bucket }), json!(["content-length-range", 1, MAX_UPLOAD_BYTES])];
        conditions.extend(fields.iter().map(|(name, value)| json!({ *name: value })));
        let expiration = expires.to_rfc3339_opts(SecondsFormat::Millis, true);
        let policy = STANDARD.encode(json!({ "expiration": expiration, "conditions": conditions }).to_string());
        let signature = signature(credentials.secret_access_key(), now, self.region, &policy);
        fields.extend([("policy", policy), ("x-amz-signature", signature)]);
        UploadForm { url: self.url, fields, max_bytes: MAX_UPLOAD_BYTES, expires }
    }
}

/// The signature of a policy. The policy is signed as it is sent, in Base64.
fn signature(secret: &str, now: Timestamp, region: &str, policy: &str) -> String {
    calculate_signature(generate_signing_key(secret, SystemTime::from(now), region, "s3"), policy.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy of AWS's own documentation, "Example: browser-based upload using HTTP POST (AWS signature version 4)".
    const EXAMPLE: &str = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7\
        ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7Im\
        FjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5h\
        bWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl\
        0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAi\
        QUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQU\
        tJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFX\
        UzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn policies_are_signed_as_aws_documents_it() {
        let now = "2015-12-29T00:00:00Z".parse().expect("a date");
        assert_eq!(
            signature(SECRET, now, "us-east-1", EXAMPLE),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
        );
    }

    #[test]
    fn a_form_is_for_one_file_of_one_type_and_bounded() {
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some("session".into()), None, "an example");
        let target =
            Target { url: "https://b.example/".into(), bucket: "b", key: "uploads/7.csv", region: "eu-central-1" };
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        let form = target.form(&credentials, now);
        assert_eq!(form.fields["x-amz-credential"], "AKIDEXAMPLE/20261123/eu-central-1/s3/aws4_request");
        let policy = STANDARD.decode(&form.fields["policy"]).expect("Base64");
        let policy: serde_json::Value = serde_json::from_slice(&policy).expect("JSON");
        assert_eq!(policy["expiration"], "2026-11-23T11:01:08.000Z");
        let conditions = policy["conditions"].as_array().expect("a list");
        for condition in [
            json!({ "bucket": "b" }),
            json!({ "key": "uploads/7.csv" }),
            json!({ "Content-Type": "text/csv" }),
            json!(["content-length-range", 1, 268_435_456]),
            json!({ "x-amz-security-token": "session" }),
        ] {
            assert!(conditions.contains(&condition), "{condition} is not among {conditions:?}");
        }
        // S3 refuses fields without a condition.
        for name in form.fields.keys().filter(|name| !["policy", "x-amz-signature"].contains(name)) {
            assert!(conditions.iter().any(|condition| condition.get(name).is_some()), "{name}");
        }
    }
}
