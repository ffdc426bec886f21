//! Uploads by a form (POST policy): signature, expiry, and every condition of the policy are checked as S3 does.

use std::{collections::BTreeMap, convert::Infallible, time::SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::NaiveDateTime;
use license_domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Fields that need no condition.
const FREE: [&str; 3] = ["policy", "x-amz-signature", "file"];

/// Why a form is refused, in S3's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refused {
    Refused { status, code, message: message.into() }
}

fn denied(message: impl Into<String>) -> Refused {
    refused(StatusCode::FORBIDDEN, "AccessDenied", message)
}

/// A posted form. Names of fields are in lower case.
#[derive(Debug)]
pub(super) struct Form {
    fields: BTreeMap<String, String>,
    pub file: Bytes,
}

#[derive(Deserialize)]
struct Policy {
    expiration: Timestamp,
    conditions: Vec<Value>,
}

impl Form {
    /// Reads a form. What follows the file is ignored.
    pub async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, Refused> {
        let malformed = || {
            let message = "The body of your POST request is not well-formed multipart/form-data.";
            refused(StatusCode::BAD_REQUEST, "MalformedPOSTRequest", message)
        };
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(|_| malformed())?;
        let whole = futures::stream::once(std::future::ready(Ok::<_, Infallible>(body)));
        let mut form = multer::Multipart::new(whole, boundary);
        let mut fields = BTreeMap::new();
        while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
            let name = field.name().unwrap_or_default().to_lowercase();
            if name == "file" {
                let file = field.bytes().await.map_err(|_| malformed())?;
                return Ok(Self { fields, file });
            }
            fields.insert(name, field.text().await.map_err(|_| malformed())?);
        }
        let message = "POST requires exactly one file upload per request.";
        Err(refused(StatusCode::BAD_REQUEST, "IncorrectNumberOfFilesInPostRequest", message))
    }

    fn field(&self, name: &str) -> Result<&str, Refused> {
        let missing = || denied(format!("Bucket POST must contain a field named '{name}'."));
        self.fields.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// The key of the file, if the form may put it into that bucket. `secret_of` knows the secrets of access keys.
    pub fn check(
        &self,
        bucket: &str,
        now: Timestamp,
        secret_of: impl Fn(&str) -> Option<String>,
    ) -> Result<&str, Refused> {
        let key = self.field("key")?;
        let policy = self.field("policy")?;
        self.check_signature(policy, secret_of)?;
        let invalid =
            |what: &str| refused(StatusCode::BAD_REQUEST, "InvalidPolicyDocument", format!("Invalid Policy: {what}"));
        let document = STANDARD.decode(policy).map_err(|_| invalid("Invalid Base64."))?;
        let policy: Policy = serde_json::from_slice(&document).map_err(|_| invalid("Invalid JSON."))?;
        if policy.expiration <= now {
            return Err(denied("Invalid according to Policy: Policy expired."));
        }
        let mut admitted = Vec::new();
        for condition in &policy.conditions {
            match self.condition(condition, bucket)? {
                Some(name) => admitted.push(name),
                None => {
                    return Err(denied(format!("Invalid according to Policy: Policy Condition failed: {condition}")));
                }
            }
        }
        let extra = self
            .fields
            .keys()
            .find(|name| !FREE.contains(&name.as_str()) && !name.starts_with("x-ignore-") && !admitted.contains(name));
        match extra {
            Some(name) => Err(denied(format!("Invalid according to Policy: Extra input fields: {name}"))),
            None => Ok(key),
        }
    }

    /// Verifies the signature of the policy, with a key derived from the secret, the day and the region.
    fn check_signature(&self, policy: &str, secret_of: impl Fn(&str) -> Option<String>) -> Result<(), Refused> {
        let invalid = || denied("The authorization mechanism you have provided is not supported.");
        let scope: Vec<&str> = self.field("x-amz-credential")?.split('/').collect();
        let ([access_key, day, region, "s3", "aws4_request"], "AWS4-HMAC-SHA256") =
            (scope.as_slice(), self.field("x-amz-algorithm")?)
        else {
            return Err(invalid());
        };
        let date = self.field("x-amz-date")?;
        let made = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| invalid())?;
        if !date.starts_with(day) {
            return Err(invalid());
        }
        let secret = secret_of(access_key).ok_or_else(|| {
            let message = "The AWS Access Key Id you provided does not exist in our records.";
            refused(StatusCode::FORBIDDEN, "InvalidAccessKeyId", message)
        })?;
        let key = generate_signing_key(&secret, SystemTime::from(made.and_utc()), region, "s3");
        if calculate_signature(key, policy.as_bytes()) == self.field("x-amz-signature")? {
            return Ok(());
        }
        let message = "The request signature we calculated does not match the signature you provided.";
        Err(refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message))
    }

    /// The name of the condition's field, if the condition holds.
    fn condition(&self, condition: &Value, bucket: &str) -> Result<Option<String>, Refused> {
        let of = |name: &str| match name {
            "bucket" => Some(bucket),
            name => self.fields.get(name).map(String::as_str),
        };
        let (how, name, wanted) = match condition {
            Value::Object(pairs) => match pairs.iter().next() {
                Some((name, Value::String(wanted))) if pairs.len() == 1 => ("eq", name.as_str(), wanted.as_str()),
                _ => return Ok(None),
            },
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(range), least, most] if range == "content-length-range" => {
                    return self.check_size(least.as_u64(), most.as_u64());
                }
                [Value::String(how), Value::String(name), Value::String(wanted)] => {
                    (how.as_str(), name.trim_start_matches('$'), wanted.as_str())
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let name = name.to_lowercase();
        let holds = match (how, of(&name)) {
            ("eq", Some(value)) => value == wanted,
            ("starts-with", Some(value)) => value.starts_with(wanted),
            _ => false,
        };
        Ok(holds.then_some(name))
    }

    fn check_size(&self, least: Option<u64>, most: Option<u64>) -> Result<Option<String>, Refused> {
        let size = u64::try_from(self.file.len()).expect("it fits 64 bits");
        match (least, most) {
            (Some(least), _) if size < least => {
                let message = "Your proposed upload is smaller than the minimum allowed object size.";
                Err(refused(StatusCode::BAD_REQUEST, "EntityTooSmall", message))
            }
            (_, Some(most)) if size > most => {
                let message = "Your proposed upload exceeds the maximum allowed object size.";
                Err(refused(StatusCode::BAD_REQUEST, "EntityTooLarge", message))
            }
            (Some(_), Some(_)) => Ok(Some("content-length-range".to_owned())),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-23T10:46:08Z";

    fn now() -> Timestamp {
        NOW.parse().expect("a date")
    }

    /// A signed form with these conditions besides those of every form.
    fn form(conditions: &[Value], file: &'static [u8]) -> Form {
        let scope = "local/20261123/eu-central-1/s3/aws4_request";
        let mut fields: BTreeMap<String, String> = [
            ("key", "uploads/7.csv"),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", scope),
            ("x-amz-date", "20261123T104608Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut all: Vec<Value> = fields.iter().map(|(name, value)| json!(["eq", format!("${name}"), value])).collect();
        all.extend_from_slice(conditions);
        let policy = json!({ "expiration": "2026-11-23T11:00:00.000Z", "conditions": all });
        let policy = STANDARD.encode(policy.to_string());
        let key = generate_signing_key("local", SystemTime::from(now()), "eu-central-1", "s3");
        fields.insert("x-amz-signature".to_owned(), calculate_signature(key, policy.as_bytes()));
        fields.insert("policy".to_owned(), policy);
        Form { fields, file: Bytes::from_static(file) }
    }

    fn check(form: &Form) -> Result<&str, &'static str> {
        let secret_of = |key: &str| (key == "local").then(|| "local".to_owned());
        form.check("Exports", now(), secret_of).map_err(|refused| refused.code)
    }

    #[test]
    fn a_file_must_have_the_size_in_the_policy() {
        let sized = [json!(["content-length-range", 2, 4])];
        for (file, wanted) in [
            (&b"a"[..], Err("EntityTooSmall")),
            (b"ab", Ok("uploads/7.csv")),
            (b"abcd", Ok("uploads/7.csv")),
            (b"abcde", Err("EntityTooLarge")),
        ] {
            assert_eq!(check(&form(&sized, file)), wanted, "{file:?}");
        }
    }

    #[test]
    fn every_condition_holds_and_every_field_has_one() {
        for (condition, wanted) in [
            (json!({ "bucket": "Exports" }), Ok("uploads/7.csv")),
            (json!({ "bucket": "Others" }), Err("AccessDenied")),
            (json!(["starts-with", "$key", "uploads/"]), Ok("uploads/7.csv")),
            (json!(["starts-with", "$key", "results/"]), Err("AccessDenied")),
            (json!(["starts-with", "$acl", ""]), Err("AccessDenied")),
            (json!(["other", "$key", "uploads/7.csv"]), Err("AccessDenied")),
            (json!(["content-length-range", 1]), Err("AccessDenied")),
            (json!("nothing"), Err("AccessDenied")),
        ] {
            assert_eq!(check(&form(std::slice::from_ref(&condition), b"x")), wanted, "{condition}");
        }
        let mut more = form(&[], b"x");
        more.fields.insert("x-ignore-me".to_owned(), String::new());
        assert_eq!(check(&more), Ok("uploads/7.csv"));
        more.fields.insert("acl".to_owned(), "public-read".to_owned());
        assert_eq!(check(&more), Err("AccessDenied"));
    }

    #[test]
    fn a_policy_ends() {
        let form = form(&[], b"x");
        let secret_of = |_: &str| Some("local".to_owned());
        let end = "2026-11-23T11:00:00Z".parse().expect("a date");
        assert_eq!(
            form.check("Exports", end, secret_of).expect_err("over").message,
            "Invalid according to Policy: Policy expired."
        );
    }
}
