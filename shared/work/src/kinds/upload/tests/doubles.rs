//! A bucket and a table that simulate a million rows without storing them.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use license_clients::UploadForm;
use license_domain::{
    AgreementId, Consequence, Due, EventKind, Job, JobId, JobKind, Lane, Portfolio, RowOutcome, RowResult, Timestamp,
};
use license_storage::{Change, Jobs, StoreError};
use serde_json::json;

use super::super::*;

/// How much one read of the bucket returns.
const PART: usize = 4 << 20;

pub fn job(kind: JobKind) -> Job {
    let (id, at) = ("00000000-0000-4000-8000-000000000007", "2026-11-23T10:46:08Z");
    serde_json::from_value(json!({
        "uuid": id, "kind": kind, "state": "pending", "enterprise_customer_uuid": id, "customer_agreement": id,
        "params": {}, "dry_run": false, "requested_by": "ann", "request_id": "r", "created": at, "modified": at,
    }))
    .expect("a job")
}

/// The outcome of a row.
fn result(row: u64) -> RowResult {
    RowResult {
        row,
        user_email: Some(EmailAddress::on_record(format!("learner{row:07}@example.com"))),
        course_run_key: None,
        license: None,
        original_status: None,
        outcome: RowOutcome::AlreadyAssociated,
        detail: Some("x".repeat(40)),
    }
}

/// A clock that stands still, or that is a minute later at each call.
#[derive(Default)]
pub struct Standing {
    pub runs: AtomicBool,
    minutes: AtomicI64,
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        let step = i64::from(self.runs.load(Ordering::Relaxed));
        let minutes = self.minutes.fetch_add(step, Ordering::Relaxed);
        Timestamp::from_timestamp(1_795_430_768 + 60 * minutes, 0).expect("a date")
    }
}

/// One file: so many rows that are generated when they are read, or these bytes.
pub struct Files {
    pub rows: u64,
    pub bytes: Option<Vec<u8>>,
    pub tag: &'static str,
    pub claimed_size: Option<u64>,
    /// From this byte on it is another file.
    pub replaced_behind: u64,
    pub parts: AtomicU64,
    pub written: AtomicU64,
}

impl Files {
    pub fn with(rows: u64) -> Self {
        Self::tagged(rows, "tag")
    }

    pub fn tagged(rows: u64, tag: &'static str) -> Self {
        Self {
            rows,
            bytes: None,
            tag,
            claimed_size: None,
            replaced_behind: u64::MAX,
            parts: AtomicU64::default(),
            written: AtomicU64::default(),
        }
    }

    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes), ..Self::with(0) }
    }

    /// The row of that number; the header is the first one. All have the same length.
    fn row(n: u64) -> String {
        if n == 0 { format!("{:>26},n\r\n", "user_email") } else { format!("learner{n:07}@example.com,x\r\n") }
    }
}

#[async_trait]
impl Exports for Files {
    async fn read(&self, _: &str, from: u64, tag: Option<&str>) -> Result<FilePart, ClientError> {
        if from >= self.replaced_behind || tag.is_some_and(|tag| tag != self.tag) {
            return Ok(FilePart::Replaced);
        }
        let tag = self.tag.to_owned();
        if let Some(bytes) = &self.bytes {
            let first = usize::try_from(from).expect("a small file");
            let part = bytes[first..bytes.len().min(first + PART)].to_vec();
            return Ok(FilePart::Bytes { bytes: part, size: to_u64(bytes.len()), tag });
        }
        let length = to_u64(Self::row(0).len());
        let size = length * (self.rows + 1);
        let (end, mut bytes) = (size.min(from + to_u64(PART)), Vec::with_capacity(PART + 100));
        for n in from / length..end.div_ceil(length) {
            bytes.extend_from_slice(Self::row(n).as_bytes());
        }
        bytes.drain(..usize::try_from(from % length).expect("within a row"));
        bytes.truncate(usize::try_from(end - from).expect("a part"));
        Ok(FilePart::Bytes { bytes, size: self.claimed_size.unwrap_or(size), tag })
    }

    async fn put(&self, _: &str, csv: Vec<u8>) -> Result<(), ClientError> {
        self.written.fetch_add(to_u64(csv.len()), Ordering::Relaxed);
        Ok(())
    }

    async fn begin_parts(&self, _: &str) -> Result<String, ClientError> {
        Ok("upload".to_owned())
    }

    async fn put_part(&self, _: &str, _: &str, number: usize, part: Vec<u8>) -> Result<String, ClientError> {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.written.fetch_add(to_u64(part.len()), Ordering::Relaxed);
        Ok(number.to_string())
    }

    async fn end_parts(&self, _: &str, _: &str, tags: &[String]) -> Result<(), ClientError> {
        assert_eq!(to_u64(tags.len()), self.parts.load(Ordering::Relaxed));
        Ok(())
    }

    async fn abort_parts(&self, _: &str, _: &str) -> Result<(), ClientError> {
        unreachable!("nothing fails")
    }

    async fn link(&self, _: &str) -> Result<String, ClientError> {
        unreachable!("no link is requested")
    }

    async fn upload_form(&self, _: &str) -> Result<UploadForm, ClientError> {
        unreachable!("no form is requested")
    }

    async fn upload_link(&self, _: &str) -> Result<String, ClientError> {
        unreachable!("no link is requested")
    }

    async fn is_there(&self, _: &str) -> Result<bool, ClientError> {
        unreachable!("no test of uploads calls it")
    }

    async fn remove(&self, _: &str) -> Result<(), ClientError> {
        unreachable!("no test of uploads removes a file")
    }

    async fn clear(&self, _: &str) -> Result<usize, ClientError> {
        unreachable!("no test of uploads removes files")
    }
}

/// The chunks of one run.
#[derive(Default)]
pub struct Chunks {
    forgets: bool,
    kept: Mutex<BTreeMap<(u32, u64), Vec<Row>>>,
    written: AtomicU64,
    fails_from: Mutex<Option<u64>>,
    lane: Mutex<Option<Lane>>,
    pub overtaken: AtomicBool,
}

impl Chunks {
    /// A table that stores no chunk.
    pub fn forgetful() -> Self {
        Self { forgets: true, ..Self::default() }
    }

    /// No chunk from that one on can be written.
    pub fn fail_from(&self, chunk: u64) {
        *self.fails_from.lock().expect("not poisoned") = Some(chunk);
    }

    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn kept(&self) -> BTreeMap<(u32, u64), Vec<Row>> {
        self.kept.lock().expect("not poisoned").clone()
    }
}

#[async_trait]
impl Jobs for Chunks {
    async fn put_chunks(&self, job: &Job, from: u64, chunks: &[Vec<Row>]) -> Result<(), StoreError> {
        if self.fails_from.lock().expect("not poisoned").is_some_and(|first| from >= first) {
            return Err(StoreError::Unavailable { operation: "put chunks", cause: "a test".to_owned() });
        }
        self.written.fetch_add(to_u64(chunks.len()), Ordering::Relaxed);
        if !self.forgets {
            let numbered = (from..).map(|n| (job.generation, n)).zip(chunks.iter().cloned());
            self.kept.lock().expect("not poisoned").extend(numbered);
        }
        Ok(())
    }

    async fn lanes(&self, _: JobId) -> Result<Vec<Lane>, StoreError> {
        Ok(self.lane.lock().expect("not poisoned").into_iter().collect())
    }

    async fn advance(&self, _: JobId, seen: Option<&Lane>, after: &Lane) -> Result<bool, StoreError> {
        let mut lane = self.lane.lock().expect("not poisoned");
        if self.overtaken.load(Ordering::Relaxed) || lane.as_ref() != seen {
            return Ok(false);
        }
        *lane = Some(Lane { version: seen.map_or(0, |seen| seen.version) + 1, ..*after });
        Ok(true)
    }

    /// Every chunk has 80 rows.
    async fn results(&self, _: JobId, from: u64, to: u64) -> Result<Vec<(u64, u64, Vec<RowResult>)>, StoreError> {
        Ok((from..to).map(|chunk| (chunk, 0, (chunk * 80..chunk * 80 + 80).map(result).collect())).collect())
    }

    async fn create_job(&self, _: &Portfolio, _: &Job, _: &[Vec<Row>], _: &Change) -> Result<(), StoreError> {
        unreachable!("it is there")
    }

    async fn job(&self, _: JobId) -> Result<Option<Job>, StoreError> {
        unreachable!("it is known")
    }

    async fn jobs_of(&self, _: AgreementId, _: Option<&Job>, _: usize) -> Result<Vec<Job>, StoreError> {
        unreachable!("there is one")
    }

    async fn chunk(&self, _: &Job, _: u64) -> Result<Vec<Row>, StoreError> {
        unreachable!("none is worked on")
    }

    async fn change_job(
        &self,
        _: &Portfolio,
        _: (&Job, &Job),
        _: (EventKind, Vec<Consequence>),
        _: &Change,
    ) -> Result<bool, StoreError> {
        unreachable!("it is not changed")
    }

    async fn open_runs(&self, _: usize) -> Result<Vec<Due>, StoreError> {
        unreachable!("there is one")
    }

    async fn failed_jobs(&self, _: Timestamp, _: usize) -> Result<Vec<JobId>, StoreError> {
        unreachable!("it has not failed")
    }
}
