//! Keys of runs: jobs and internal runs, with their rows, lanes and outcomes.

use license_domain::{AgreementId, Due, JobId, Timestamp};

use super::{GSI2, GSI3, IndexKey, Item, Key, sort_key_in, time};

/// Partition of runs, by the time at which they are examined next.
pub const DUE_RUNS: &str = "DUE#WORK";

/// The due time of a run, with its agreement and its attempts.
pub fn due(agreement: AgreementId, at: Timestamp, attempts: u32) -> IndexKey {
    IndexKey { index: GSI3, pk: DUE_RUNS.to_owned(), sk: format!("{}#{agreement}#{attempts}", time(at)) }
}

/// The run that an item of that partition is about.
pub fn due_in(item: &Item) -> Option<Due> {
    let key = Key::of(item)?;
    let run = key.pk.strip_prefix("JOB#")?.parse().ok()?;
    let mut parts = sort_key_in(item, GSI3)?.split('#');
    let (at, agreement, attempts) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Due { run, at: at.parse().ok()?, agreement: agreement.parse().ok()?, attempts: attempts.parse().ok()? })
}

/// Partition of jobs that failed, by the time at which they did.
pub const FAILED_RUNS: &str = "FAILED#WORK";

/// That a job has failed.
pub fn failed(job: JobId, at: Timestamp) -> IndexKey {
    IndexKey { index: GSI3, pk: FAILED_RUNS.to_owned(), sk: format!("{}#{job}", time(at)) }
}

/// The job that an item of that partition is about.
pub fn failed_in(item: &Item) -> Option<JobId> {
    sort_key_in(item, GSI3)?.split_once('#')?.1.parse().ok()
}

/// The prefix of a chunk's sort key.
pub const CHUNK_PREFIX: &str = "CHUNK#";

/// The keys of a job, its rows, its lanes and its chunks' outcomes.
#[derive(Clone, Copy, Debug)]
pub struct JobKeys(pub JobId);

/// The prefix of a lane's sort key.
pub const LANE_PREFIX: &str = "LANE#";
/// The prefix of the sort keys of a chunk's outcomes.
pub const RESULT_PREFIX: &str = "RESULT#";

impl JobKeys {
    pub fn partition(self) -> String {
        format!("JOB#{}", self.0)
    }

    /// The job of such a partition.
    pub fn of_partition(pk: &str) -> Option<Self> {
        pk.strip_prefix("JOB#")?.parse().ok().map(Self)
    }

    pub fn job(self) -> Key {
        Key::head(self.partition())
    }

    /// The rows of a chunk, as that attempt wrote them.
    pub fn chunk(self, generation: u32, n: u64) -> Key {
        let generation = if generation == 0 { String::new() } else { format!("{generation:08x}#") };
        Key::new(self.partition(), format!("{CHUNK_PREFIX}{generation}{n:06}"))
    }

    pub fn lane(self, lane: u16) -> Key {
        Key::new(self.partition(), format!("{LANE_PREFIX}{lane:03}"))
    }

    /// The job's key in the list of its agreement's jobs.
    pub fn listing(self, agreement: AgreementId, created: Timestamp) -> IndexKey {
        IndexKey { index: GSI2, pk: jobs_of(agreement), sk: self.listed(created) }
    }

    /// The job's sort key in that list.
    pub fn listed(self, created: Timestamp) -> String {
        format!("{}#{}", time(created), self.0)
    }
}

/// The prefix of the sort keys of that chunk's outcomes.
pub fn result(chunk: u64) -> String {
    format!("{RESULT_PREFIX}{chunk:06}")
}

/// The chunk and the round in such a sort key.
pub fn chunk_of_result(sk: &str) -> Option<(u64, u64)> {
    let (chunk, round) = sk.strip_prefix(RESULT_PREFIX)?.split_once('.')?;
    Some((chunk.parse().ok()?, round.parse().ok()?))
}

/// Partition of the jobs of an agreement.
pub fn jobs_of(agreement: AgreementId) -> String {
    format!("JOBS#{agreement}")
}
