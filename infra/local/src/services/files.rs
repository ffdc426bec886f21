//! S3, as far as exports need it: files are stored at once, in parts or by a form, and are downloaded and listed. Links
//! and forms expire. Refusals are XML with S3's own codes.

pub(super) mod cors;
mod form;
mod parts;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{NaiveDateTime, TimeDelta};
use license_domain::Timestamp;
use serde::Deserialize;

use self::{
    form::{Form, Refused},
    parts::Uploads,
};
use super::Services;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The access keys that are always known, with their secrets: the runner's own, and those that `sam local` gives to
/// functions if its environment has none.
const CREDENTIALS: [(&str, &str); 2] = [("local", "local"), ("defaultkey", "defaultsecret")];

/// The bucket's files.
#[derive(Debug)]
pub struct Files {
    /// The files by bucket and name.
    whole: Mutex<HashMap<String, Bytes>>,
    uploads: Mutex<Uploads>,
    credentials: Mutex<HashMap<String, String>>,
}

impl Default for Files {
    fn default() -> Self {
        let credentials = CREDENTIALS.map(|(key, secret)| (key.to_owned(), secret.to_owned()));
        Self { whole: Mutex::default(), uploads: Mutex::default(), credentials: Mutex::new(credentials.into()) }
    }
}

impl Files {
    /// Adds an access key, which may sign forms.
    pub fn know(&self, access_key: &str, secret: &str) {
        lock(&self.credentials).insert(access_key.to_owned(), secret.to_owned());
    }

    /// How many uploads in parts are open.
    pub fn open_uploads(&self) -> usize {
        lock(&self.uploads).open()
    }

    fn get(&self, file: &str) -> Option<Bytes> {
        lock(&self.whole).get(file).cloned()
    }

    fn put(&self, file: String, content: Bytes) {
        lock(&self.whole).insert(file, content);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// S3's `ETag` of a file.
fn tag_of(content: &[u8]) -> String {
    format!("\"{:x}\"", md5::compute(content))
}

/// The parameters of a signed link.
#[derive(Deserialize)]
pub(super) struct Signed {
    #[serde(rename = "X-Amz-Signature")]
    signature: String,
    #[serde(rename = "X-Amz-Date")]
    date: String,
    #[serde(rename = "X-Amz-Expires")]
    expires: i64,
    #[serde(rename = "response-content-type")]
    content_type: Option<String>,
    #[serde(rename = "partNumber")]
    part: Option<usize>,
    #[serde(rename = "uploadId")]
    upload: Option<String>,
    uploads: Option<String>,
}

impl Signed {
    /// Signatures of links are not verified here; their expiration is checked.
    fn is_good(&self, now: Timestamp) -> bool {
        let made = NaiveDateTime::parse_from_str(&self.date, "%Y%m%dT%H%M%SZ").map(|date| date.and_utc());
        self.signature.len() == 64
            && made.is_ok_and(|made| made <= now && now <= made + TimeDelta::seconds(self.expires))
    }
}

/// A refusal in S3's format.
fn refuse(status: StatusCode, code: &str, message: &str, key: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <Key>{key}</Key><RequestId>LOCAL</RequestId></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml"), (REQUEST_ID, "LOCAL")], body).into_response()
}

fn expired(key: &str) -> Response {
    refuse(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired", key)
}

fn xml(text: &str) -> Response {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
    ([(header::CONTENT_TYPE, "application/xml")], text).into_response()
}

fn no_upload(key: &str) -> Response {
    refuse(StatusCode::NOT_FOUND, "NoSuchUpload", "The specified multipart upload does not exist.", key)
}

/// Stores a file, or a part of one.
pub(super) async fn put(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    body: Bytes,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    let (file, tag) = (format!("{bucket}/{name}"), tag_of(&body));
    match (signed.upload, signed.part) {
        (Some(upload), Some(number)) => {
            if !lock(&services.files.uploads).put(&upload, &file, number, body) {
                return no_upload(&name);
            }
        }
        _ => services.files.put(file, body),
    }
    [(header::ETAG, tag)].into_response()
}

/// Begins an upload in parts, or ends one.
pub(super) async fn post(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    body: String,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    let file = format!("{bucket}/{name}");
    if signed.uploads.is_some() {
        let id = services.store.random().uuid().to_string();
        lock(&services.files.uploads).begin(&id, file);
        return xml(&format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ));
    }
    let Some(upload) = signed.upload else {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The method is not allowed.", &name);
    };
    let ended = lock(&services.files.uploads).end(&upload, &file, &named_parts(&body));
    match ended {
        Ok(content) => {
            services.files.put(file, content);
            xml(&format!("<CompleteMultipartUploadResult><Key>{name}</Key></CompleteMultipartUploadResult>"))
        }
        Err("NoSuchUpload") => no_upload(&name),
        Err(code) => refuse(StatusCode::BAD_REQUEST, code, "The parts make no file.", &name),
    }
}

/// The numbers and tags of parts in `CompleteMultipartUpload`.
fn named_parts(body: &str) -> Vec<(usize, String)> {
    let parts = body.split("<Part>").skip(1);
    let part = |part: &str| {
        let between = |name: &str| part.split(&format!("<{name}>")).nth(1)?.split('<').next();
        Some((between("PartNumber")?.parse().ok()?, between("ETag")?.to_owned()))
    };
    parts.filter_map(part).collect()
}

/// Aborts an upload in parts, or deletes a file. S3 gives the same response for a missing file.
pub(super) async fn delete(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    let Some(upload) = signed.upload else {
        lock(&services.files.whole).remove(&format!("{bucket}/{name}"));
        return StatusCode::NO_CONTENT.into_response();
    };
    let is_known = lock(&services.files.uploads).abort(&upload);
    if is_known { StatusCode::NO_CONTENT.into_response() } else { no_upload(&name) }
}

/// Stores a file that is uploaded by a form.
pub(super) async fn post_form(
    State(services): State<Services>,
    Path(bucket): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let secret_of = |key: &str| lock(&services.files.credentials).get(key).cloned();
    let refused = |refused: Refused| refuse(refused.status, refused.code, &refused.message, "");
    let form = match Form::read(&headers, body).await {
        Ok(form) => form,
        Err(error) => return refused(error),
    };
    match form.check(&bucket, services.clock.now(), secret_of) {
        Ok(key) => {
            services.files.put(format!("{bucket}/{key}"), form.file.clone());
            (StatusCode::NO_CONTENT, [(header::ETAG, tag_of(&form.file))]).into_response()
        }
        Err(error) => refused(error),
    }
}

/// The bytes of `Range`, from the first to after the last; `None` if there are none.
fn range(text: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let last = if last.is_empty() { size } else { last.parse::<usize>().ok()?.saturating_add(1) };
    (first < size && first < last).then_some((first, last.min(size)))
}

pub(super) async fn get(
    State(services): State<Services>,
    Path((bucket, name)): Path<(String, String)>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired(&name);
    }
    let Some(file) = services.files.get(&format!("{bucket}/{name}")) else {
        return refuse(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.", &name);
    };
    let tag = tag_of(&file);
    let text_of = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text_of(header::IF_MATCH).is_some_and(|wanted| wanted != tag) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return refuse(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message, &name);
    }
    let kind = signed.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let size = file.len();
    let mut response = match text_of(header::RANGE).map(|text| range(text, size)) {
        None => file.into_response(),
        Some(None) => {
            return refuse(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", "The range is not satisfiable", &name);
        }
        Some(Some((first, end))) => {
            let range = format!("bytes {first}-{}/{size}", end - 1);
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], file.slice(first..end)).into_response()
        }
    };
    let header_of = |text: &str| HeaderValue::from_str(text).expect("a text without control characters");
    response.headers_mut().insert(header::CONTENT_TYPE, header_of(&kind));
    response.headers_mut().insert(header::ETAG, header_of(&tag));
    response
}

/// The parameters of a list.
#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    prefix: String,
    #[serde(rename = "max-keys")]
    max_keys: Option<usize>,
}

pub(super) async fn list(
    State(services): State<Services>,
    Path(bucket): Path<String>,
    Query(signed): Query<Signed>,
    Query(listing): Query<Listing>,
) -> Response {
    if !signed.is_good(services.clock.now()) {
        return expired("");
    }
    let files = lock(&services.files.whole);
    let mut keys: Vec<&str> = files
        .keys()
        .filter_map(|key| key.strip_prefix(&bucket)?.strip_prefix('/'))
        .filter(|key| key.starts_with(&listing.prefix))
        .collect();
    keys.sort_unstable();
    keys.truncate(listing.max_keys.unwrap_or(1_000).min(1_000));
    let contents: Vec<String> = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
    let (count, contents) = (keys.len(), contents.concat());
    xml(&format!("<ListBucketResult><Name>{bucket}</Name><KeyCount>{count}</KeyCount>{contents}</ListBucketResult>"))
}
