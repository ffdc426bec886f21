//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use license_domain::{AgreementId, DeliveryId, EnterpriseId, JobId, LicenseId, PlanId, RenewalId, RoleName, Timestamp};

use crate::output::Format;

const EXITS: &str = "\
Exit status: 0 done; 1 something failed, repeat the command; 2 the arguments make no sense, or a question was not answered;
3 `check` found problems; 4 what was named is not there, or is in no state for that; 130 Ctrl-C.

The table: --data opens a folder of the local product (which must not run at the same time); --endpoint-url names where a
table is served, for instance by the running local product; without either it is a table of AWS.";

/// Sees to a License Manager: checks, imports, exports, looks after jobs.
#[derive(Debug, Parser)]
#[command(name = "lmctl", version, after_help = EXITS, propagate_version = true)]
pub struct Arguments {
    /// Which table, and how to answer.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The profile of AWS's configuration
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "data")]
    pub profile: Option<String>,
    /// The region of AWS
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "data")]
    pub region: Option<String>,
    /// The table
    #[arg(long, global = true, value_name = "NAME", default_value = "license-manager")]
    pub table: String,
    /// Where the table is served, if not by AWS
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    pub endpoint_url: Option<String>,
    /// A folder in which the local product keeps its table
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How to answer
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Answers yes to every question
    #[arg(long, global = true)]
    pub yes: bool,
    /// Shows addresses in full, also those in names of users and in reasons
    #[arg(long, global = true)]
    pub show_emails: bool,
    /// Says what would be done, and changes nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// The time, if not now: for a local product whose clock was moved, or for a dry run
    #[arg(long, global = true, value_name = "RFC3339")]
    pub clock: Option<Timestamp>,
    /// Who makes changes, for the audit trail; the user of the operating system without
    #[arg(long, global = true, value_name = "NAME")]
    pub actor: Option<String>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Recounts the whole table: counters, seats, pointers, keys
    Check {
        /// How many segments of the table are read in parallel
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
        segments: u16,
        /// Repairs what can be repaired without a doubt: pointers that are missing
        #[arg(long)]
        repair: bool,
        /// How many problems are listed at most
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Imports files that Django's dumpdata wrote
    Import {
        /// The files, which are imported as one
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Exports everything into a file that Django's loaddata reads
    Export {
        /// The file; `-` is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Jobs: assignments, revocations and so on of many learners
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Operations on plans and agreements, as jobs; with `--dry-run` as dry runs, whose results say what would be done
    #[command(subcommand)]
    Operations(OperationsCommand),
    /// The audit trail of one thing, the newest change first
    Audit(AuditArguments),
    /// Explicit role assignments
    #[command(subcommand)]
    Roles(RolesCommand),
    /// What the clock does to plans, by hand
    #[command(flatten)]
    Plans(PlansCommand),
    /// Mails whose fate is not known, or that were refused
    #[command(subcommand)]
    Mails(MailsCommand),
    /// Webhooks of customers
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Sends messages of a dead-letter queue back to their queue
    Redrive(RedriveArguments),
    /// Makes customers with plans and licenses, for development and for tests of load
    ManufactureData(ManufactureArguments),
    /// Adds the products of a development installation that are missing
    #[command(alias = "seed_development_data")]
    SeedDevelopmentData,
    /// Makes a customer's agreement, unless there is one, and a new plan of a year
    #[command(alias = "seed_enterprise_devstack_data")]
    SeedEnterpriseDevstackData {
        /// The customer
        #[arg(long, alias = "enterprise_customer_uuid", value_name = "UUID")]
        enterprise_customer_uuid: EnterpriseId,
        /// The customer's slug, for a new agreement
        #[arg(long, alias = "enterprise_customer_slug", value_name = "SLUG")]
        enterprise_customer_slug: String,
        /// How many licenses the plan has
        #[arg(long, alias = "num_licenses", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
        num_licenses: u64,
    },
    /// Writes a script by which a shell completes this command
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes the manual page
    Man,
}

impl Command {
    /// Whether the command may create the table in a folder without one.
    pub const fn may_create(&self) -> bool {
        matches!(
            self,
            Self::Import { .. }
                | Self::ManufactureData(_)
                | Self::SeedDevelopmentData
                | Self::SeedEnterpriseDevstackData { .. }
        )
    }
}

/// What the clock does to plans, by hand. With `--dry-run`: what would be begun, and nothing is.
#[derive(Debug, Subcommand)]
pub enum PlansCommand {
    /// Begins the renewals that are due, however late
    #[command(alias = "process_renewals")]
    ProcessRenewals {
        /// How many hours before its effective date a renewal is due
        #[arg(long, alias = "processing_window_length_hours", value_name = "HOURS", default_value_t = 12)]
        processing_window_length_hours: u32,
    },
    /// Begins the expiry of plans that have ended, however long ago
    #[command(alias = "expire_subscriptions")]
    ExpireSubscriptions(ExpireArguments),
    /// Begins to unlink learners of plans that ended 90 days ago
    #[command(alias = "unlink_expired_licenses")]
    UnlinkExpiredLicenses {
        /// The customers; without: `CUSTOMERS_WITH_EXPIRED_LICENSES_UNLINKING_ENABLED` of the environment
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
    },
    /// Begins to purge personal data whose time has passed
    #[command(alias = "retire_old_licenses")]
    RetireOldLicenses {
        /// The customers whose learners are unlinked first
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
        /// Of no effect: runs have chunks of a size of their own. Scripts may name it
        #[arg(long, alias = "batch_size", value_name = "NUMBER", hide = true)]
        batch_size: Option<u32>,
    },
    /// Says what will happen to a plan, when and why, and what will not
    Forecast {
        /// The plan
        plan: PlanId,
        /// Nothing that is to happen later
        #[arg(long, value_name = "RFC3339")]
        until: Option<Timestamp>,
        /// The customers whose learners are unlinked
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
    },
}

/// Which plans expire.
#[derive(Debug, Args)]
pub struct ExpireArguments {
    /// Only plans that ended then or later
    #[arg(long, alias = "expired_after", value_name = "TIME", value_parser = utc)]
    pub expired_after: Option<Timestamp>,
    /// Only plans that ended then or earlier
    #[arg(long, alias = "expired_before", value_name = "TIME", value_parser = utc)]
    pub expired_before: Option<Timestamp>,
    /// Only these plans, whenever they ended
    #[arg(long, alias = "subscription_uuids", value_name = "UUIDS", value_delimiter = ',')]
    pub subscription_uuids: Vec<PlanId>,
    /// These plans again, if they have expired already: their enrollments end, and their licenses get events, once more
    #[arg(long, requires = "subscription_uuids")]
    pub force: bool,
}

/// A time with its zone, or without: then it is UTC.
fn utc(text: &str) -> Result<Timestamp, chrono::ParseError> {
    text.parse().or_else(|_| text.parse::<chrono::NaiveDateTime>().map(|at| at.and_utc()))
}

/// Commands about jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Lists the jobs of a customer; without one, the jobs that are under way
    List {
        /// The customer
        #[arg(long, value_name = "UUID")]
        enterprise_customer_uuid: Option<EnterpriseId>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Shows a job
    Show {
        /// The job
        job: JobId,
    },
    /// Stops a job; rows that are done stay done
    Cancel {
        /// The job
        job: JobId,
        /// Why, for the audit trail
        #[arg(long, default_value = "canceled")]
        reason: String,
    },
    /// Lets a job go on that was stopped, stopped by itself, or stands still
    Resume {
        /// The job
        job: JobId,
        /// Why, for the audit trail
        #[arg(long, default_value = "resumed")]
        reason: String,
    },
    /// Lists what became of each row of a job
    Results {
        /// The job
        job: JobId,
    },
}

/// Operations, each of which is a job that the workers carry out.
#[derive(Debug, Subcommand)]
pub enum OperationsCommand {
    /// Deletes the unassigned licenses of a plan, if its terms allow it
    FreezeUnused(OperationOnPlan),
    /// Deletes the revoked licenses of a plan
    DeleteRevoked(OperationOnPlan),
    /// Adds the licenses that a plan lacks of its desired number
    CreateMissing(OperationOnPlan),
    /// Transfers all assigned and activated licenses of a plan, with their seats, to another plan of the agreement
    Transfer {
        /// The plan that they leave
        from: PlanId,
        /// The plan that they go to
        to: PlanId,
        /// Why, for the audit trail
        #[arg(long)]
        reason: String,
    },
    /// Gives an agreement the slug and the name that the enterprise service has of the customer
    SyncAgreement {
        /// The customer
        #[arg(long, value_name = "UUID")]
        enterprise_customer_uuid: EnterpriseId,
        /// Why, for the audit trail
        #[arg(long)]
        reason: String,
    },
}

/// The plan of an operation.
#[derive(Debug, Args)]
pub struct OperationOnPlan {
    /// The plan
    pub plan: PlanId,
    /// Why, for the audit trail
    #[arg(long)]
    pub reason: String,
}

/// The thing whose trail is shown.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true).args(["license", "plan", "agreement", "renewal"]))]
pub struct AuditArguments {
    /// Of a license
    #[arg(long, value_name = "UUID")]
    pub license: Option<LicenseId>,
    /// Of a plan
    #[arg(long, value_name = "UUID")]
    pub plan: Option<PlanId>,
    /// Of a customer agreement
    #[arg(long, value_name = "UUID")]
    pub agreement: Option<AgreementId>,
    /// Of a renewal
    #[arg(long, value_name = "NUMBER", value_parser = renewal)]
    pub renewal: Option<RenewalId>,
    /// Only changes of that time or later
    #[arg(long, value_name = "RFC3339")]
    pub from: Option<Timestamp>,
    /// Only changes before that time
    #[arg(long, value_name = "RFC3339")]
    pub until: Option<Timestamp>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

fn renewal(text: &str) -> Result<RenewalId, std::num::ParseIntError> {
    text.parse().map(RenewalId)
}

/// Commands about roles.
#[derive(Debug, Subcommand)]
pub enum RolesCommand {
    /// Lists who has which role where, and who is a superuser
    List,
    /// Grants a user a role
    Grant(RoleArguments),
    /// Revokes a user's role
    Revoke(RoleArguments),
    /// Lists how a user's roles were changed, the newest change first
    History {
        /// The user
        #[arg(long, value_name = "NAME")]
        username: String,
        /// How many changes at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Which role of which user.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("scope").required(true).args(["enterprise_customer_uuid", "all_customers"]))]
pub struct RoleArguments {
    /// The user
    #[arg(long, value_name = "NAME")]
    pub username: String,
    /// The role, such as `enterprise_subscriptions_admin`
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: RoleName,
    /// For this customer
    #[arg(long, value_name = "UUID")]
    pub enterprise_customer_uuid: Option<EnterpriseId>,
    /// For all customers
    #[arg(long)]
    pub all_customers: bool,
    /// Why, for the record
    #[arg(long)]
    pub reason: String,
}

fn role(text: &str) -> Result<RoleName, String> {
    const ROLES: [RoleName; 3] =
        [RoleName::SubscriptionsAdmin, RoleName::SubscriptionsLearner, RoleName::ProvisioningAdmin];
    RoleName::from_assignment(text)
        .ok_or_else(|| format!("the roles are {}", ROLES.map(RoleName::assignment).join(", ")))
}

/// Commands about mails.
#[derive(Debug, Subcommand)]
pub enum MailsCommand {
    /// Lists them, the oldest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Has a mail sent again to those who may not have it
    Send {
        /// The mail
        mail: DeliveryId,
        /// Why, for the audit trail
        #[arg(long, default_value = "resend mail")]
        reason: String,
    },
}

/// Commands about webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Lists a customer's webhooks, and how their deliveries went
    List {
        /// The customer
        #[arg(long, value_name = "UUID")]
        enterprise_customer_uuid: EnterpriseId,
    },
}

/// From which queue to which.
#[derive(Debug, Args)]
pub struct RedriveArguments {
    /// The dead-letter queue's URL
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The URL of the queue whose messages they are
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Where SQS is served, if not by AWS
    #[arg(long, value_name = "URL")]
    pub sqs_endpoint: Option<String>,
    /// How many messages at most
    #[arg(long, default_value_t = 10_000)]
    pub limit: usize,
}

/// How much data.
#[derive(Clone, Copy, Debug, Args)]
pub struct ManufactureArguments {
    /// How many customers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub customers: u32,
    /// How many plans each customer has: one for each year, the last one is current
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub plans: u32,
    /// How many licenses each plan has
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub licenses: u64,
    /// The same number makes the same data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The time of which the data tells; today without
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<Timestamp>,
}
