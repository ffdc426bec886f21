//! The IAM action and resource of a signed request to AWS.

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

use crate::{policy::Access, template::arn};

#[derive(Clone, Debug)]
pub struct AwsRequest<'a> {
    pub method: &'a Method,
    /// Path and query.
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// The signer of a request, and the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub key: String,
    /// The region that the signature is for.
    pub region: String,
    /// The service that the signature is for.
    pub service: String,
    /// Whether the session token is included, without which temporary credentials are invalid.
    pub has_token: bool,
}

impl AwsRequest<'_> {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// A field of a form, before its file.
    fn field(&self, name: &str) -> Option<String> {
        let beginning = self.body.get(..self.body.len().min(16_384)).filter(|_| self.is_form())?;
        let text = String::from_utf8_lossy(beginning);
        let (_, rest) = text.split_once(&format!("name=\"{name}\"\r\n\r\n"))?;
        rest.split_once("\r\n").map(|(value, _)| value.to_owned())
    }

    fn is_form(&self) -> bool {
        *self.method == Method::POST && self.header("content-type").starts_with("multipart/form-data")
    }

    /// The signer (signature version 4), from the headers, the link or the form.
    pub fn credential(&self) -> Option<Credential> {
        let header = self.header("authorization");
        let (scope, has_token) = match header.split_once("Credential=") {
            Some((_, rest)) => (rest.split(',').next()?.to_owned(), self.headers.contains_key("x-amz-security-token")),
            None if self.is_form() => (self.field("x-amz-credential")?, self.field("x-amz-security-token").is_some()),
            None => (self.parameter("X-Amz-Credential")?, self.parameter("X-Amz-Security-Token").is_some()),
        };
        let parts: Vec<&str> = scope.trim().split('/').collect();
        match parts.as_slice() {
            [key, _, region, service, "aws4_request"] => Some(Credential {
                key: (*key).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
                has_token,
            }),
            _ => None,
        }
    }

    /// All permissions that the request needs; `None` if the request is unknown.
    pub fn accesses(&self, service: &str) -> Option<Vec<Access>> {
        let body: Value = serde_json::from_slice(self.body).unwrap_or_default();
        let operation = self.header("x-amz-target").rsplit('.').next().unwrap_or_default();
        match service {
            "dynamodb" => dynamodb(operation, &body),
            "sqs" => sqs(operation, &body),
            "events" => (operation == "PutEvents").then(|| buses(&body)),
            "secretsmanager" => (operation == "GetSecretValue").then(|| vec![secret(&body)]),
            "ssm" => (operation == "GetParameter").then(|| vec![parameter(&body)]),
            "s3" => self.s3(),
            "ses" => {
                let is_mail = self.uri.path() == "/v2/email/outbound-emails";
                is_mail.then(|| vec![Access::new("ses:SendEmail", identity(&body))])
            }
            _ => None,
        }
    }

    fn s3(&self) -> Option<Vec<Access>> {
        let path = self.uri.path().strip_prefix("/s3/")?;
        let (bucket, name) = path.split_once('/')?;
        if name.is_empty() && *self.method == Method::GET && self.parameter("list-type").is_some() {
            let context = vec![("s3:prefix", self.parameter("prefix").unwrap_or_default())];
            let bucket = format!("arn:aws:s3:::{bucket}");
            return Some(vec![Access { context, ..Access::new("s3:ListBucket", bucket) }]);
        }
        if name.is_empty() && self.is_form() {
            let object = format!("arn:aws:s3:::{bucket}/{}", self.field("key")?);
            return Some(vec![Access::new("s3:PutObject", object)]);
        }
        let object = format!("arn:aws:s3:::{path}");
        let is_upload = ["uploads", "uploadId"].iter().any(|parameter| self.parameter(parameter).is_some());
        let action = match *self.method {
            Method::GET | Method::HEAD => "s3:GetObject",
            Method::PUT => "s3:PutObject",
            Method::POST if is_upload => "s3:PutObject",
            Method::DELETE if is_upload => "s3:AbortMultipartUpload",
            Method::DELETE => "s3:DeleteObject",
            _ => return None,
        };
        (!bucket.is_empty() && !name.is_empty()).then(|| vec![Access::new(action, object)])
    }
}

/// The permission that S3 requires before it responds that an object is missing. Whether a permission to list by prefix
/// is enough is not documented, so it is not assumed here.
pub fn listing(uri: &Uri) -> Option<Access> {
    let (bucket, _) = uri.path().strip_prefix("/s3/")?.split_once('/')?;
    Some(Access::new("s3:ListBucket", format!("arn:aws:s3:::{bucket}")))
}

fn table(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    if name.starts_with("arn:") { name.to_owned() } else { arn("dynamodb", &format!("table/{name}")) }
}

/// A transaction needs the permissions of all its parts, a batch its own one.
fn dynamodb(operation: &str, body: &Value) -> Option<Vec<Access>> {
    let action = |name: &str| format!("dynamodb:{name}");
    let tables =
        || body["RequestItems"].as_object().into_iter().flatten().map(|(name, _)| table(&name.as_str().into()));
    let parts = || body["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
    Some(match operation {
        "Query" | "Scan" => {
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
            vec![Access::new(action(operation), table(&body["TableName"]) + &index)]
        }
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "DescribeTable" => {
            vec![Access::new(action(operation), table(&body["TableName"]))]
        }
        "BatchGetItem" | "BatchWriteItem" => tables().map(|table| Access::new(action(operation), table)).collect(),
        "TransactGetItems" | "TransactWriteItems" => {
            let parts = parts().map(|(kind, part)| {
                let name = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    kind => format!("{kind}Item"),
                };
                Access::new(action(&name), table(&part["TableName"]))
            });
            let mut all: Vec<Access> = parts.collect();
            all.sort();
            all.dedup();
            all
        }
        _ => return None,
    })
}

fn sqs(operation: &str, body: &Value) -> Option<Vec<Access>> {
    let queue = body["QueueUrl"].as_str()?.rsplit('/').next()?;
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    Some(vec![Access::new(format!("sqs:{action}"), arn("sqs", queue))])
}

fn buses(body: &Value) -> Vec<Access> {
    let entries = body["Entries"].as_array().into_iter().flatten();
    let buses = entries.map(|entry| entry["EventBusName"].as_str().unwrap_or("default"));
    let mut all: Vec<Access> = buses
        .map(|bus| {
            let name = bus.rsplit('/').next().unwrap_or_default();
            Access::new("events:PutEvents", arn("events", &format!("event-bus/{name}")))
        })
        .collect();
    all.dedup();
    all
}

/// A secret's ARN ends with six characters that AWS chooses.
fn secret(body: &Value) -> Access {
    let id = body["SecretId"].as_str().unwrap_or_default();
    let arn =
        if id.starts_with("arn:") { id.to_owned() } else { arn("secretsmanager", &format!("secret:{id}-a1B2c3")) };
    Access::new("secretsmanager:GetSecretValue", arn)
}

fn parameter(body: &Value) -> Access {
    let name = body["Name"].as_str().unwrap_or_default();
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
    };
    Access::new("ssm:GetParameter", arn)
}

/// The identity of a mail: the sender's address, unless only its domain is verified, which is assumed here.
fn identity(body: &Value) -> String {
    let sender = body["FromEmailAddress"].as_str().unwrap_or_default();
    let address = sender.rsplit('<').next().unwrap_or_default().trim_end_matches('>');
    let domain = address.rsplit('@').next().unwrap_or_default();
    arn("ses", &format!("identity/{domain}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transaction_needs_the_permissions_of_its_parts() {
        let part = |kind: &str| json!({ kind: { "TableName": "t" } });
        let body = json!({ "TransactItems": [part("Put"), part("ConditionCheck"), part("Put"), part("Update")] });
        let actions: Vec<String> =
            dynamodb("TransactWriteItems", &body).expect("known").into_iter().map(|access| access.action).collect();
        assert_eq!(actions, ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]);
    }

    #[test]
    fn an_index_is_a_resource_of_its_own() {
        let body = json!({ "TableName": "t", "IndexName": "gsi1" });
        let accesses = dynamodb("Query", &body).expect("known");
        assert_eq!(accesses[0].resource, "arn:aws:dynamodb:us-east-1:000000000000:table/t/index/gsi1");
    }

    #[test]
    fn who_signed_is_read_from_headers_and_links() {
        let headers = HeaderMap::new();
        let uri: Uri =
            "/s3/b/x?X-Amz-Credential=AKID%2F20261124%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Security-Token=t"
                .parse()
                .expect("a URI");
        let request = AwsRequest { method: &Method::GET, uri: &uri, headers: &headers, body: b"" };
        let credential = request.credential().expect("a credential");
        assert_eq!((credential.key.as_str(), credential.service.as_str(), credential.has_token), ("AKID", "s3", true));
        let accesses = request.accesses("s3").expect("known");
        assert_eq!(accesses, [Access::new("s3:GetObject", "arn:aws:s3:::b/x")]);
        let uri: Uri = "/s3/b/?list-type=2&max-keys=1&prefix=uploads%2Fx".parse().expect("a URI");
        let request = AwsRequest { method: &Method::GET, uri: &uri, headers: &headers, body: b"" };
        let context = vec![("s3:prefix", "uploads/x".to_owned())];
        let list = Access { context, ..Access::new("s3:ListBucket", "arn:aws:s3:::b") };
        assert_eq!(request.accesses("s3").expect("known"), [list]);
    }

    #[test]
    fn the_signer_is_read_from_forms_and_parts_are_recognized() {
        let field = |name: &str, value: &str| {
            format!("--e\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let scope = "AKID/20261124/us-east-1/s3/aws4_request";
        let fields = [("key", "uploads/7.csv"), ("x-amz-credential", scope), ("x-amz-security-token", "t")];
        let body: String = fields.iter().map(|(name, value)| field(name, value)).collect();
        let form = "multipart/form-data; boundary=e".parse().expect("a value");
        let headers = HeaderMap::from_iter([(axum::http::header::CONTENT_TYPE, form)]);
        let uri: Uri = "/s3/b/".parse().expect("a URI");
        let request = AwsRequest { method: &Method::POST, uri: &uri, headers: &headers, body: body.as_bytes() };
        let credential = request.credential().expect("a credential");
        assert_eq!((credential.key.as_str(), credential.has_token), ("AKID", true));
        let accesses = request.accesses("s3").expect("known");
        assert_eq!(accesses, [Access::new("s3:PutObject", "arn:aws:s3:::b/uploads/7.csv")]);

        let none = HeaderMap::new();
        for (method, query, action) in [
            (Method::POST, "uploads=", Some("s3:PutObject")),
            (Method::POST, "uploadId=u", Some("s3:PutObject")),
            (Method::DELETE, "uploadId=u", Some("s3:AbortMultipartUpload")),
            (Method::DELETE, "", Some("s3:DeleteObject")),
            (Method::POST, "", None),
        ] {
            let uri: Uri = format!("/s3/b/x?{query}").parse().expect("a URI");
            let request = AwsRequest { method: &method, uri: &uri, headers: &none, body: b"" };
            let known = request.accesses("s3").map(|accesses| accesses[0].action.clone());
            assert_eq!(known.as_deref(), action, "{method} {query}");
        }
    }
}
