//! Every key of every item, in one place. The table's chart:
//!
//! | item | pk | sk | indexes |
//! |---|---|---|---|
//! | agreement | `AGREEMENT#a` | `@` | gsi2 `ALL#AGREEMENT` / a |
//! | plan | `AGREEMENT#a` | `PLAN#p` | gsi2 `ALL#PLAN` / start, p; gsi3 `DUE#PLAN` / time, attempts, while anything may happen to it; not while a run hides it |
//! | renewal | `AGREEMENT#a` | `RENEWAL#id` | gsi2 `ALL#RENEWAL` / id |
//! | renewal of a prior plan, or of a future plan | `AGREEMENT#a` | `RENEWS#p`, `RENEWS-TO#p` | |
//! | title (unique in the agreement) | `AGREEMENT#a` | `TITLE#lower` | |
//! | webhook | `AGREEMENT#a` | `WEBHOOK#slot` | |
//! | the work that the clock began last on a plan | `AGREEMENT#a` | `WORK#p` | |
//! | pointers (unique) | `ENT#e`, `SLUG#s`, `PLAN#p`, `RENEWAL#id`, `SEATS#prefix` | `@` | |
//! | a plan's counts on a day | `PLAN#p` | `DAY#date` | |
//! | a change of products or plan types | `CATALOG-CHANGES` | time and id | |
//! | bucket | `POOL#p#k` | `@` | |
//! | returned or imported free seat | `POOL#p#k` | `FREE#l` | gsi3 `LICENSE#l` |
//! | slot: a learner's license of a plan | `LEARNER#lower` | `LICENSE#p` | gsi1 `PLAN#p#shard` / status, address, l; gsi3 `LICENSE#l` |
//! | archived revoked license | `LEARNER#lower` | `LICENSE#p#OLD#l` | the same |
//! | license without a person | `LICENSE#l` | `@` | the same |
//! | alias from LMS user to address; digest of a former address | `LMS#id` | `EMAIL#lower`; `FORMER#digest` | |
//! | event and outbox | `EVENT#hour#shard` | event id | gsi1 `CHANGES#p#shard` / time, if it changes licenses of a larger plan |
//! | changes of the prior plan, beside a renewal's event | `CHANGES#event` | `@` | the same |
//! | roster of a plan | `ROSTER#p` | `@` | gsi3 `DUE#ROSTER` / time, p |
//! | audit trail of a thing | `TRAIL#LICENSE#l`, `TRAIL#PLAN#p`, `TRAIL#AGREEMENT#a`, `TRAIL#RENEWAL#id` | event id | |
//! | mail | `SENT#event.consequence.part` | `@` | gsi3 `DUE#MAIL` / time, id, if its fate is unknown |
//! | that the learner of an expired license was unlinked | `PLAN#p` | `UNLINKED#l` | |
//! | notice that admins get once | `PLAN#p` | `NOTICE#kind` | |
//! | secret for making person ids | `SECRET#PERSON` | `@` | |
//! | job | `JOB#j` | `@` | gsi2 `JOBS#a` / time, j; gsi3 `DUE#WORK` / time, a, attempts, until it ends |
//! | a job's rows, lanes, outcomes | `JOB#j` | `CHUNK#n` or `CHUNK#generation#n`, `LANE#k`, `RESULT#n.round` | |
//! | idempotency record of a request | `IDEMPOTENCY#digest` | `@` | |
//! | requests of a requester in a minute | `THROTTLE#digest#minute` | `@` | |
//! | user, explicit roles | `USER#name` | `@`, `ROLE#role#scope` | |
//! | change of a user's roles | `ROLES#name` | time, id | |
//! | session of the console | `SESSION#digest` | `@` | gsi2 `SESSIONS#name` / time, digest |
//! | products and plan types | `CATALOG` | `@` | |
//! | last number | `SEQUENCE#RENEWAL` | `@` | |
//! | retirement: the digest of a name, and a time | `RETIRED` | time, digest | |
//! | progress of the erasure | `ERASURE` | `@` | |
//! | imported file | `IMPORT#digest` | `@` | |

mod license_events;
mod rosters;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use license_domain::{
    AgreementId, DeliveryId, Due, DuePlan, EmailAddress, EmailKey, EnterpriseId, EventId, JobId, License, LicenseId,
    LicenseStatus, LmsUserId, PlanId, RenewalId, RoleGrant, RoleName, Scope, SeatPrefix, Subject, Timestamp,
};
use license_storage::IdempotencyKey;

pub use self::license_events::{LICENSE_EVENT_PREFIX, license_event, license_event_in};
pub use self::rosters::{
    DUE_ROSTERS, change, changes_beside, changes_partition, due_roster, due_roster_in, event_of_changes, roster,
};

/// Names of the key attributes, as the template declares them.
pub const PK: &str = "pk";
/// The table's sort key.
pub const SK: &str = "sk";
/// The attribute by which expired items are deleted.
pub const TTL: &str = "ttl";
/// The plan's list index.
pub const GSI1: &str = "gsi1";
/// The index of the operator's lists.
pub const GSI2: &str = "gsi2";
/// The index of licenses by id, and of items that become due.
pub const GSI3: &str = "gsi3";

/// The prefixes of the partitions of persons.
pub(crate) const PERSONAL_PREFIXES: [&str; 2] = ["LEARNER#", "LMS#"];

/// The sort key of the only or main item of a partition.
const HEAD: &str = "@";

/// An item's primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Sort.
    pub sk: String,
}

/// An item in DynamoDB's own form.
pub type Item = HashMap<String, AttributeValue>;

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn head(pk: impl Into<String>) -> Self {
        Self::new(pk, HEAD)
    }

    pub fn attributes(&self) -> Item {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The key of an item that was read.
    pub fn of(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: text(PK)?, sk: text(SK)? })
    }

    /// Whether the license is archived beside its learner's slot.
    pub fn is_archived(&self) -> bool {
        self.sk.contains(ARCHIVED)
    }

    /// Whether the key contains personal data, so that it must not be logged.
    pub fn is_personal(&self) -> bool {
        PERSONAL_PREFIXES.iter().any(|prefix| self.pk.starts_with(prefix))
    }
}

/// An index key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    index: &'static str,
    pk: String,
    sk: String,
}

impl IndexKey {
    pub fn put(&self, item: &mut Item) {
        item.insert(format!("{}pk", self.index), AttributeValue::S(self.pk.clone()));
        item.insert(format!("{}sk", self.index), AttributeValue::S(self.sk.clone()));
    }

    /// The attributes' names and values, for update expressions.
    pub fn pairs(&self) -> [(String, String); 2] {
        [(format!("{}pk", self.index), self.pk.clone()), (format!("{}sk", self.index), self.sk.clone())]
    }
}

/// The keys of an agreement's partition.
#[derive(Clone, Copy, Debug)]
pub struct AgreementKeys(pub AgreementId);

impl AgreementKeys {
    /// The partition with the agreement, its plans, renewals and titles.
    pub fn partition(self) -> String {
        format!("AGREEMENT#{}", self.0)
    }

    /// The agreement of such a partition.
    pub fn of_partition(pk: &str) -> Option<AgreementId> {
        pk.strip_prefix("AGREEMENT#")?.parse().ok()
    }

    /// The agreement.
    pub fn agreement(self) -> Key {
        Key::head(self.partition())
    }

    /// A plan.
    pub fn plan(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("PLAN#{plan}"))
    }

    /// A renewal. Numbers are padded so that they sort.
    pub fn renewal(self, renewal: RenewalId) -> Key {
        Key::new(self.partition(), format!("RENEWAL#{:020}", renewal.0))
    }

    /// A webhook. The numbers of slots limit how many an agreement can have.
    pub fn webhook(self, slot: u8) -> Key {
        Key::new(self.partition(), format!("{WEBHOOK_PREFIX}{slot:02}"))
    }

    /// The work that the clock began last on a plan.
    pub fn plan_work(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("WORK#{plan}"))
    }

    /// The renewal of which the plan is the prior plan: there is at most one.
    pub fn leaving(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("RENEWS#{plan}"))
    }

    /// The renewal of which the plan is the future plan: there is at most one.
    pub fn entering(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("RENEWS-TO#{plan}"))
    }

    /// A claimed title.
    pub fn title(self, title: &str) -> Key {
        Key::new(self.partition(), format!("TITLE#{}", title.trim().to_lowercase()))
    }

    /// The key in the operator's list.
    pub fn listing(self) -> IndexKey {
        IndexKey { index: GSI2, pk: ALL_AGREEMENTS.to_owned(), sk: self.0.to_string() }
    }
}

/// An item's sort key in that index, or in the table itself if the name is empty.
pub fn sort_key_in<'a>(item: &'a Item, index: &str) -> Option<&'a str> {
    item.get(&format!("{index}sk"))?.as_s().ok().map(String::as_str)
}

/// An item's position in that index, likewise: a Query begins after it.
pub fn position_in(item: &Item, index: &str) -> Item {
    let of_index = key_names(index).into_iter().filter(|_| !index.is_empty());
    let names = [PK.to_owned(), SK.to_owned()].into_iter().chain(of_index);
    names.filter_map(|name| item.get_key_value(&name).map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// The names of an index's key attributes: an item without them is not in the index.
pub fn key_names(index: &str) -> [String; 2] {
    [format!("{index}pk"), format!("{index}sk")]
}

/// The kind of an item of an agreement's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementPart {
    /// The agreement itself.
    Agreement,
    /// A plan.
    Plan,
    /// A renewal.
    Renewal,
    /// Anything else, for example titles and the audit trail.
    Other,
}

impl AgreementPart {
    /// Decides by the sort key.
    pub fn of(key: &Key) -> Self {
        match key.sk.split('#').next() {
            Some(HEAD) => Self::Agreement,
            Some("PLAN") => Self::Plan,
            Some("RENEWAL") => Self::Renewal,
            _ => Self::Other,
        }
    }
}

/// The sort keys of an agreement's portfolio are between these. All other items of the partition (titles, the audit
/// trail) must sort after them, so that one Query reads no more than needed.
pub const PORTFOLIO_RANGE: (&str, &str) = ("@", "RENEWAL#~");

/// The prefix of a webhook's sort key.
pub const WEBHOOK_PREFIX: &str = "WEBHOOK#";

/// Partition of the list of agreements.
pub const ALL_AGREEMENTS: &str = "ALL#AGREEMENT";
/// Partition of the list of plans.
pub const ALL_PLANS: &str = "ALL#PLAN";
/// Partition of the list of renewals.
pub const ALL_RENEWALS: &str = "ALL#RENEWAL";
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

/// Partition of plans by the time at which they are looked at next.
pub const DUE_PLANS: &str = "DUE#PLAN";

/// When a plan is looked at next, and how often that has failed.
pub fn due_plan(at: Timestamp, attempts: u32) -> IndexKey {
    IndexKey { index: GSI3, pk: DUE_PLANS.to_owned(), sk: format!("{}#{attempts}", time(at)) }
}

/// The plan that an item of that partition stands for.
pub fn due_plan_in(item: &Item) -> Option<DuePlan> {
    let key = Key::of(item)?;
    let plan = key.sk.strip_prefix("PLAN#")?.parse().ok()?;
    let (at, attempts) = sort_key_in(item, GSI3)?.split_once('#')?;
    let agreement = AgreementKeys::of_partition(&key.pk)?;
    Some(DuePlan { plan, agreement, at: at.parse().ok()?, attempts: attempts.parse().ok()? })
}

/// A plan's key in the operator's list.
pub fn plan_listing(plan: PlanId, start: Timestamp) -> IndexKey {
    IndexKey { index: GSI2, pk: ALL_PLANS.to_owned(), sk: format!("{}#{plan}", time(start)) }
}

/// A renewal's key in the operator's list.
pub fn renewal_listing(renewal: RenewalId) -> IndexKey {
    IndexKey { index: GSI2, pk: ALL_RENEWALS.to_owned(), sk: format!("{:020}", renewal.0) }
}

/// The plan and its start, parsed from a sort key of the operator's list.
pub fn plan_of_listing(sk: &str) -> Option<(&str, PlanId)> {
    let (start, plan) = sk.rsplit_once('#')?;
    Some((start, plan.parse().ok()?))
}

/// From customer to agreement.
pub fn enterprise(enterprise: EnterpriseId) -> Key {
    Key::head(format!("ENT#{enterprise}"))
}

/// From slug to agreement. Slugs are compared without case.
pub fn slug(slug: &str) -> Key {
    Key::head(format!("SLUG#{}", slug.to_lowercase()))
}

/// From plan to agreement.
pub fn plan(plan: PlanId) -> Key {
    Key::head(format!("PLAN#{plan}"))
}

/// From renewal to agreement.
pub fn renewal(renewal: RenewalId) -> Key {
    Key::head(format!("RENEWAL#{}", renewal.0))
}

/// The last renewal's number.
pub fn renewal_sequence() -> Key {
    Key::head("SEQUENCE#RENEWAL")
}

/// From seat prefix to plan.
pub fn seats(prefix: SeatPrefix) -> Key {
    Key::head(format!("SEATS#{prefix}"))
}

/// The keys of a bucket and of its free seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKeys {
    pub plan: PlanId,
    pub bucket: u16,
}

/// The prefix of a free seat's sort key.
pub const FREE_PREFIX: &str = "FREE#";

impl BucketKeys {
    pub fn partition(self) -> String {
        format!("POOL#{}#{}", self.plan, self.bucket)
    }

    /// The bucket's counters.
    pub fn bucket(self) -> Key {
        Key::head(self.partition())
    }

    /// A returned or imported seat.
    pub fn free(self, license: LicenseId) -> Key {
        Key::new(self.partition(), format!("{FREE_PREFIX}{license}"))
    }
}

/// A learner's items.
#[derive(Clone, Debug)]
pub struct LearnerKeys<'a>(pub &'a EmailKey);

/// The prefix of the sort keys of a learner's licenses.
pub const LICENSE_PREFIX: &str = "LICENSE#";

/// The separator between plan and license in the sort key of an archived license; a slot's key ends with the plan.
const ARCHIVED: &str = "#OLD#";

impl LearnerKeys<'_> {
    /// The partition with all licenses of the learner.
    pub fn partition(&self) -> String {
        format!("LEARNER#{}", self.0.as_str())
    }

    /// The learner's one slot in the plan.
    pub fn slot(&self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("{LICENSE_PREFIX}{plan}"))
    }

    /// A revoked license that made room in its slot for a new one.
    pub fn archived(&self, plan: PlanId, license: LicenseId) -> Key {
        Key::new(self.partition(), format!("{LICENSE_PREFIX}{plan}{ARCHIVED}{license}"))
    }
}

/// A license that names no person.
pub fn impersonal_license(license: LicenseId) -> Key {
    Key::head(format!("LICENSE#{license}"))
}

/// The prefix of the sort keys of an LMS user's addresses.
pub const ALIAS_PREFIX: &str = "EMAIL#";

/// The alias from an LMS user to an address.
pub fn alias(user: LmsUserId, email: &EmailKey) -> Key {
    Key::new(alias_partition(user), format!("{ALIAS_PREFIX}{}", email.as_str()))
}

/// The prefix of the sort keys of an LMS user's former addresses.
pub const FORMER_PREFIX: &str = "FORMER#";

/// A former address of an LMS user, as its digest.
pub fn former_address(user: LmsUserId, digest: uuid::Uuid) -> Key {
    Key::new(alias_partition(user), format!("{FORMER_PREFIX}{digest}"))
}

/// The addresses of an LMS user.
pub fn alias_partition(user: LmsUserId) -> String {
    format!("LMS#{user}")
}

/// A license in its plan's list.
pub fn license_listing(
    plan: PlanId,
    shard: u16,
    status: LicenseStatus,
    email: Option<&EmailKey>,
    license: LicenseId,
) -> IndexKey {
    // The space sorts before every character of a sort key. So a shorter address comes before a longer one that begins
    // with it, and no address before all others.
    let email = email.map(EmailKey::sort_key).unwrap_or_default();
    IndexKey { index: GSI1, pk: list_partition(plan, shard), sk: format!("{status} {email} {license}") }
}

/// A license's key in its plan's list.
pub fn list_key(license: &License) -> String {
    let email = license.user_email.as_ref().map(EmailAddress::key);
    license_listing(license.subscription_plan, 0, license.status, email.as_ref(), license.uuid).sk
}

/// One partition of a plan's list.
pub fn list_partition(plan: PlanId, shard: u16) -> String {
    format!("PLAN#{plan}#{shard}")
}

/// The prefix of all sort keys of that status in a plan's list.
pub fn list_prefix(status: LicenseStatus) -> String {
    format!("{status} ")
}

/// The key of a license in the index of licenses by id.
pub fn license_by_id(license: LicenseId) -> IndexKey {
    IndexKey { index: GSI3, pk: license_partition(license), sk: license.to_string() }
}

/// The partition of the index of licenses by id.
pub fn license_partition(license: LicenseId) -> String {
    format!("LICENSE#{license}")
}

/// The number of partitions over which the events of one hour are spread.
pub const EVENT_SHARDS: u64 = 16;

/// The prefix of the partitions of events.
pub const EVENT_PREFIX: &str = "EVENT#";

/// An event. Its id contains its time, and its random bits decide the shard.
pub fn event(event: EventId) -> Key {
    let seconds = event.0.get_timestamp().map(|at| at.to_unix().0).and_then(|seconds| i64::try_from(seconds).ok());
    let at = Timestamp::from_timestamp(seconds.unwrap_or_default(), 0).unwrap_or_default();
    let shard = event.0.as_u128() % u128::from(EVENT_SHARDS);
    Key::new(format!("{EVENT_PREFIX}{}#{shard}", at.format("%Y-%m-%dT%H")), event.to_string())
}

/// The event at that key, if it is an event's key.
pub fn event_at(key: &Key) -> Option<EventId> {
    key.pk.starts_with(EVENT_PREFIX).then(|| key.sk.parse().ok()).flatten()
}

/// The partitions of the events of an hour.
pub fn events_of(hour: Timestamp) -> impl Iterator<Item = String> {
    let hour = hour.format("%Y-%m-%dT%H").to_string();
    (0..EVENT_SHARDS).map(move |shard| format!("{EVENT_PREFIX}{hour}#{shard}"))
}

/// The trail of a thing.
pub fn trail(subject: Subject) -> String {
    match subject {
        Subject::License(license) => format!("TRAIL#LICENSE#{license}"),
        Subject::Plan(plan) => format!("TRAIL#PLAN#{plan}"),
        Subject::Agreement(agreement) => format!("TRAIL#AGREEMENT#{agreement}"),
        Subject::Renewal(renewal) => format!("TRAIL#RENEWAL#{}", renewal.0),
    }
}

/// An entry of a trail. Events' ids sort by time.
pub fn trail_entry(subject: Subject, event: EventId) -> Key {
    Key::new(trail(subject), event.to_string())
}

/// The least sort key of a trail's entries of that time or later.
pub fn trail_from(at: Timestamp) -> String {
    let millis = u64::try_from(at.timestamp_millis()).expect("no clock shows a time before 1970");
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

/// The secret for making person ids from addresses.
pub fn person_secret() -> Key {
    Key::head("SECRET#PERSON")
}

/// A mail's record.
pub fn delivery(id: &DeliveryId) -> Key {
    Key::head(format!("SENT#{id}"))
}

/// Partition of mails of unknown fate, and of refused ones.
pub const UNSETTLED_MAILS: &str = "DUE#MAIL";

/// A mail's key in that partition.
pub fn unsettled_mail(id: &DeliveryId, at: Timestamp) -> IndexKey {
    IndexKey { index: GSI3, pk: UNSETTLED_MAILS.to_owned(), sk: format!("{}#{id}", time(at)) }
}

/// A notice that a plan's admins get once.
pub fn notice(plan: PlanId, kind: &str) -> Key {
    Key::new(self::plan(plan).pk, format!("NOTICE#{kind}"))
}

/// That the learner of an expired license was unlinked.
pub fn unlinked(plan: PlanId, license: LicenseId) -> Key {
    Key::new(self::plan(plan).pk, format!("UNLINKED#{license}"))
}

/// The prefix of a chunk's sort key.
pub const CHUNK_PREFIX: &str = "CHUNK#";

/// The record of a change that takes effect once. The record of a job's chunk is in the job's partition, as its result.
pub fn idempotency(key: &IdempotencyKey) -> Key {
    match key {
        IdempotencyKey::Request(digest) => Key::head(format!("IDEMPOTENCY#{digest}")),
        IdempotencyKey::Chunk { job, chunk, round } => {
            Key::new(JobKeys(*job).partition(), format!("{}.{round:04}", result(*chunk)))
        }
    }
}

/// The request count of a requester in one minute.
pub fn throttle(digest: &str, at: Timestamp) -> Key {
    Key::head(format!("THROTTLE#{digest}#{}", at.format("%Y-%m-%dT%H:%M")))
}

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

    /// A lane.
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

/// The greatest text that sorts before this one, among sort keys of equal length.
pub fn before(sk: &str) -> String {
    let mut before = sk.to_owned();
    match before.pop() {
        Some('0') | None => before,
        Some(last) => {
            let smaller = u32::from(last).checked_sub(1).and_then(char::from_u32).unwrap_or('!');
            before.push(smaller);
            before.push('~');
            before
        }
    }
}

/// The greatest sort key of the due index that is due at that time.
pub fn due_by(now: Timestamp) -> String {
    format!("{}#~", time(now))
}

/// The keys of a user and of the user's roles. User names are compared exactly.
#[derive(Clone, Copy, Debug)]
pub struct UserKeys<'a>(pub &'a str);

/// The prefix of the partitions of users.
pub const USER_PREFIX: &str = "USER#";

/// The prefix of the sort keys of explicit roles.
pub const ROLE_PREFIX: &str = "ROLE#";

impl UserKeys<'_> {
    pub fn partition(&self) -> String {
        format!("{USER_PREFIX}{}", self.0)
    }

    /// The name of the user of such a partition.
    pub fn name_of(pk: &str) -> Option<&str> {
        pk.strip_prefix(USER_PREFIX)
    }

    pub fn user(&self) -> Key {
        Key::head(self.partition())
    }

    /// The partition of what was changed of the user's roles.
    pub fn changes(&self) -> String {
        format!("ROLES#{}", self.0)
    }

    /// A change of the user's roles.
    pub fn role_change(&self, at: Timestamp, id: uuid::Uuid) -> Key {
        Key::new(self.changes(), format!("{}#{id}", time(at)))
    }

    /// A role assignment.
    pub fn role(&self, grant: RoleGrant) -> Key {
        let role = match grant.role {
            RoleName::SubscriptionsAdmin => "subscriptions_admin",
            RoleName::SubscriptionsLearner => "subscriptions_learner",
            RoleName::ProvisioningAdmin => "provisioning_admin",
        };
        let scope = match grant.scope {
            Scope::All => "*".to_owned(),
            Scope::Enterprise(enterprise) => enterprise.to_string(),
        };
        Key::new(self.partition(), format!("{ROLE_PREFIX}{role}#{scope}"))
    }
}

/// The keys of a session of the console, by the digest of its id.
#[derive(Clone, Copy, Debug)]
pub struct SessionKeys<'a>(pub &'a str);

impl SessionKeys<'_> {
    pub fn session(&self) -> Key {
        Key::head(format!("SESSION#{}", self.0))
    }

    /// The session's key in the list of its user's sessions.
    pub fn listing(&self, username: &str, created: Timestamp) -> IndexKey {
        IndexKey { index: GSI2, pk: sessions_of(username), sk: format!("{}#{}", time(created), self.0) }
    }
}

/// The list of a user's sessions.
pub fn sessions_of(username: &str) -> String {
    format!("SESSIONS#{username}")
}

/// The partition of retirements.
pub const RETIRED: &str = "RETIRED";

/// A retirement: items that are older than its time are read without the person whose name has that digest.
pub fn retired(until: Timestamp, digest: uuid::Uuid) -> Key {
    Key::new(RETIRED, format!("{}#{digest}", time(until)))
}

/// The progress of the erasure.
pub fn erasure() -> Key {
    Key::head("ERASURE")
}

/// Whether an attribute of that name is part of a key.
pub fn is_key(name: &str) -> bool {
    [PK, SK].contains(&name) || [GSI1, GSI2, GSI3].iter().any(|index| name.starts_with(index))
}

/// The products and plan types.
pub fn catalog() -> Key {
    Key::head("CATALOG")
}

/// The partition of the records of changes of the products and plan types.
pub const PRODUCT_CHANGES: &str = "CATALOG-CHANGES";

/// The record of such a change.
pub fn product_change(at: Timestamp, id: uuid::Uuid) -> Key {
    Key::new(PRODUCT_CHANGES.to_owned(), format!("{}#{id}", time(at)))
}

/// The prefix of the sort keys of a plan's days.
pub const DAY_PREFIX: &str = "DAY#";

/// A plan's counts on a day.
pub fn plan_day(of: PlanId, day: chrono::NaiveDate) -> Key {
    Key::new(plan(of).pk, format!("{DAY_PREFIX}{}", day.format("%Y-%m-%d")))
}

/// The record of an imported file, by its digest.
pub fn import(digest: &str) -> Key {
    Key::head(format!("IMPORT#{digest}"))
}

/// The key that the health check reads; no item needs to exist there.
pub fn health() -> Key {
    Key::head("HEALTH")
}

/// A time as text that sorts by time.
pub fn time(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use license_domain::EmailKey;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_portfolio_range_holds_agreement_plans_and_renewals_only() {
        let keys = AgreementKeys(AgreementId(Uuid::nil()));
        let inside = [keys.agreement(), keys.plan(PlanId(Uuid::max())), keys.renewal(RenewalId(i64::MAX))];
        let (from, to) = PORTFOLIO_RANGE;
        for key in inside {
            assert!(from <= key.sk.as_str() && key.sk.as_str() <= to, "{key:?}");
            assert_ne!(AgreementPart::of(&key), AgreementPart::Other);
        }
        assert!(keys.title("any").sk.as_str() > to);
        assert!(keys.webhook(0).sk.as_str() > to);
        assert!(keys.leaving(PlanId(Uuid::nil())).sk.as_str() > to);
        assert!(keys.entering(PlanId(Uuid::nil())).sk.as_str() > to);
    }

    #[test]
    fn a_list_sorts_licenses_without_learner_first_and_shorter_addresses_before_longer_ones() {
        let key = |email: Option<&str>, id: u128| {
            let email = email.map(EmailKey::of);
            let license = LicenseId(Uuid::from_u128(id));
            let [_, (_, sk)] =
                license_listing(PlanId(Uuid::nil()), 0, LicenseStatus::Revoked, email.as_ref(), license).pairs();
            sk
        };
        let sorted = [key(None, 9), key(Some("a@b.co"), 8), key(Some("a@b.com"), 1), key(Some("ab@b.com"), 0)];
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert!(sorted.iter().all(|sk| sk.starts_with(&list_prefix(LicenseStatus::Revoked))));
    }
}
