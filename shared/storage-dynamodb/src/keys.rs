//! Every key of every item, in one place. The table's chart:
//!
//! | item | pk | sk | indexes |
//! |---|---|---|---|
//! | agreement | `AGREEMENT#a` | `@` | gsi2 `ALL#AGREEMENT` / a |
//! | plan | `AGREEMENT#a` | `PLAN#p` | gsi2 `ALL#PLAN` / start, p; gsi3 `DUE#PLAN` / time, attempts, while anything may happen to it; gsi1 `CONCERNS` / letters, end, p, if it had any at its last look; not while a run hides it |
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
//! | that a learner was informed of the plan's end: a digest of the address | `PLAN#p` | `NOTIFIED#kind#digest` | |
//! | notice that admins get once | `PLAN#p` | `NOTICE#kind` | |
//! | secret for making person ids | `SECRET#PERSON` | `@` | |
//! | job | `JOB#j` | `@` | gsi2 `JOBS#a` / time, j; gsi3 `DUE#WORK` / time, a, attempts, until it ends; gsi3 `FAILED#WORK` / time, j, if it failed |
//! | a job's rows, lanes, outcomes | `JOB#j` | `CHUNK#n` or `CHUNK#generation#n`, `LANE#k`, `RESULT#n.round` | |
//! | idempotency record of a request | `IDEMPOTENCY#digest` | `@` | |
//! | requests of a requester in a minute | `THROTTLE#digest#minute` | `@` | |
//! | user, explicit roles | `USER#name` | `@`, `ROLE#role#scope` | of roles: gsi2 `ALL#ROLE` / name, role, scope |
//! | change of a user's roles | `ROLES#name` | time, id | |
//! | session of the console | `SESSION#digest` | `@` | gsi2 `SESSIONS#name` / time, digest; gsi3 `ALL#SESSION` / name, digest |
//! | products and plan types | `CATALOG` | `@` | |
//! | last number | `SEQUENCE#RENEWAL` | `@` | |
//! | retirement: the digest of a name, and a time, in each of 16 copies | `RETIRED#copy` | time, digest | |
//! | progress of the erasure | `ERASURE` | `@` | |
//! | what an operator did to a queue | `QUEUE-CHANGES` | time, id | |
//! | the sweeper's last run | `SWEEP` | `@` | |
//! | imported file | `IMPORT#digest` | `@` | |

mod agreements;
mod buckets;
mod events;
mod key;
mod learners;
mod license_events;
mod licenses;
mod mails;
mod order;
mod plans;
mod renewals;
mod requests;
mod retirement;
mod rosters;
mod runs;
mod singles;
mod trails;
mod users;

pub use self::agreements::{
    ALL_AGREEMENTS, AgreementKeys, AgreementPart, PORTFOLIO_RANGE, WEBHOOK_PREFIX, enterprise, slug,
};
pub use self::buckets::{BucketKeys, FREE_PREFIX};
pub use self::events::{EVENT_PREFIX, EVENT_SHARDS, event, event_at, events_of};
use self::key::HEAD;
pub(crate) use self::key::PERSONAL_PREFIXES;
pub use self::key::{GSI1, GSI2, GSI3, IndexKey, Item, Key, PK, SK, TTL, is_key, key_names, position_in, sort_key_in};
use self::learners::ARCHIVED;
pub use self::learners::{
    ALIAS_PREFIX, FORMER_PREFIX, LICENSE_PREFIX, LearnerKeys, alias, alias_partition, former_address,
};
pub use self::license_events::{LICENSE_EVENT_PREFIX, license_event, license_event_in, unlinked};
pub use self::licenses::{
    impersonal_license, license_by_id, license_listing, license_partition, list_key, list_partition, list_prefix,
};
pub use self::mails::{UNSETTLED_MAILS, delivery, unsettled_mail};
pub use self::order::{LAST, before, behind, due_by, time};
pub use self::plans::{
    ALL_PLANS, CONCERNS, CONCERNS_END, DAY_PREFIX, DUE_PLANS, concerning_plan_in, concerns, due_plan, due_plan_in,
    informed, notice, plan, plan_day, plan_listing, plan_of_listing, seats,
};
pub use self::renewals::{ALL_RENEWALS, renewal, renewal_listing, renewal_sequence};
pub use self::requests::{idempotency, throttle};
pub use self::retirement::{RETIRED_COPIES, erasure, retired, retirements};
pub use self::rosters::{
    DUE_ROSTERS, change, changes_beside, changes_partition, due_roster, due_roster_in, event_of_changes, roster,
};
pub use self::runs::{
    CHUNK_PREFIX, DUE_RUNS, FAILED_RUNS, JobKeys, LANE_PREFIX, RESULT_PREFIX, chunk_of_result, due, due_in, failed,
    failed_in, jobs_of, result,
};
pub use self::singles::{PRODUCT_CHANGES, QUEUE_CHANGES, catalog, health, import, product_change, queue_change, sweep};
pub use self::trails::{person_secret, trail, trail_entry, trail_from};
pub use self::users::{
    ALL_ROLES, ALL_SESSIONS, ROLE_PREFIX, SessionKeys, USER_PREFIX, UserKeys, name_in_session_list, sessions_of,
};
