//! The command line.

use std::{collections::HashSet, path::PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use license_domain::{AgreementId, DeliveryId, EnterpriseId, JobId, LicenseId, PlanId, RenewalId, RoleName, Timestamp};

use crate::output::Format;

const EXITS: &str = "\
Exit status: 0 done; 1 something failed, repeat the command; 2 an argument is wrong, or a question was not answered;
3 `check` found problems; 4 the named thing does not exist, or its state does not allow the command; 130 Ctrl-C.

The table: --data opens a folder of the local product, which must not run at the same time; --endpoint-url is the address
of a server with the table, for instance the running local product. Without either, the command uses a table of AWS.";

/// Operates a License Manager: checks, imports and exports its table, and manages its jobs, plans, roles and mails.
#[derive(Debug, Parser)]
#[command(name = "lmctl", version, after_help = EXITS, propagate_version = true)]
pub struct Arguments {
    /// The table to work on, and the form of the output.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The profile in the AWS configuration, as of the AWS CLI
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "data")]
    pub profile: Option<String>,
    /// The AWS region; by default the one of the profile or the environment
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "data")]
    pub region: Option<String>,
    /// The name of the table
    #[arg(long, global = true, value_name = "NAME", default_value = "license-manager")]
    pub table: String,
    /// The address of the server with the table, if it is not AWS
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    pub endpoint_url: Option<String>,
    /// A folder in which the local product (`cargo run`) keeps its table
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The form of the output
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Answers yes to every question; without a terminal, questions can only be answered by this
    #[arg(long, global = true)]
    pub yes: bool,
    /// Shows e-mail addresses in full, also in names of users and in reasons; by default as `a***@example.com`
    #[arg(long, global = true)]
    pub show_emails: bool,
    /// Prints what would be done, and changes nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// The time to use instead of now: for a local product whose clock was moved, or for a dry run
    #[arg(long, global = true, value_name = "RFC3339")]
    pub clock: Option<Timestamp>,
    /// The name under which changes are recorded in the audit trail; by default the user of the operating system
    #[arg(long, global = true, value_name = "NAME")]
    pub actor: Option<String>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads the whole table and checks its counters, seats, pointers and keys
    Check {
        /// The number of segments of the table that are read in parallel, at most 256; by default 8, but 1 of a table on
        /// this machine, whose engine reads the whole table for each segment
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
        segments: Option<u16>,
        /// Creates pointers that are missing; all other problems are only listed
        #[arg(long)]
        repair: bool,
        /// The most problems that are listed
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Imports files that Django's dumpdata wrote; nothing is imported if any row is wrong
    Import {
        /// The files, which are imported as if they were one
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Exports the table into a file that Django's loaddata reads
    Export {
        /// The file; `-` is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Jobs: assigning, revoking and other work on many learners
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Operations on plans and agreements, as jobs; with `--dry-run` as dry runs, whose results say what would be done
    #[command(subcommand)]
    Operations(OperationsCommand),
    /// Shows the audit trail of one thing, the newest change first
    Audit(AuditArguments),
    /// Roles that are on record for users
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Work on plans that otherwise begins by the clock
    #[command(flatten)]
    Plans(PlansCommand),
    /// Mails that may not have been sent: their outcome is unknown, or they were refused
    #[command(subcommand)]
    Mails(MailsCommand),
    /// Customers' webhooks
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Sends messages of a dead-letter queue back to their queue
    Redrive(RedriveArguments),
    /// Creates customers with plans and licenses, for development and for load tests
    ManufactureData(ManufactureArguments),
    /// Compares the number of queries that the catalogs of current plans have with the number of their plan types
    #[command(alias = "validate_num_catalog_queries")]
    ValidateNumCatalogQueries {
        /// If there are too many queries, those with fewer catalogs than this are listed with them
        #[arg(long, alias = "catalog_id_reporting_threshold", value_name = "NUMBER", default_value_t = 50)]
        catalog_id_reporting_threshold: usize,
    },
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
    /// Prints a script with which a shell completes this command
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the manual page
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

/// Work on plans that otherwise begins by the clock. `--dry-run` prints what would begin, and begins nothing.
#[derive(Debug, Subcommand)]
pub enum PlansCommand {
    /// Begins the renewals that are due, also those that are late
    #[command(alias = "process_renewals")]
    ProcessRenewals {
        /// The number of hours before its effective date from which a renewal is due
        #[arg(long, alias = "processing_window_length_hours", value_name = "HOURS", default_value_t = 12)]
        processing_window_length_hours: u32,
    },
    /// Begins one step of growth of each plan that is to grow
    #[command(alias = "process_auto_scalable_plans")]
    ProcessAutoScalablePlans,
    /// Begins the expiry of plans that have ended, at any time in the past
    #[command(alias = "expire_subscriptions")]
    ExpireSubscriptions(ExpireArguments),
    /// Begins to unlink learners of plans that ended 90 days ago or earlier from their customers
    #[command(alias = "unlink_expired_licenses")]
    UnlinkExpiredLicenses {
        /// The customers, separated by commas; by default those in the environment variable
        /// `CUSTOMERS_WITH_EXPIRED_LICENSES_UNLINKING_ENABLED`
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
    },
    /// Begins to purge personal data that is older than its customer agreement allows
    #[command(alias = "retire_old_licenses")]
    RetireOldLicenses {
        /// The customers, separated by commas, whose learners must be unlinked before their data is purged
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
        /// Has no effect, because the size of chunks is fixed; accepted for scripts that pass it
        #[arg(long, alias = "batch_size", value_name = "NUMBER", hide = true)]
        batch_size: Option<u32>,
    },
    /// Begins to inform customers' admins of the first week with auto-apply
    #[command(alias = "send_license_utilization_emails")]
    SendLicenseUtilizationEmails,
    /// Begins to inform customers' admins of the last week of plans, where the customer's agreement enables that
    #[command(alias = "send_weekly_utilization_emails")]
    SendWeeklyUtilizationEmails,
    /// Begins to remind learners with activated licenses that their plan ends
    #[command(alias = "send_license_expiration_reminders")]
    SendLicenseExpirationReminders {
        /// The customers, separated by commas or blanks
        #[arg(long, alias = "enterprise_customer_uuid", value_name = "UUIDS", value_parser = customers)]
        enterprise_customer_uuid: Customers,
        /// How many days before their plan's end learners are reminded
        #[arg(long, alias = "days_before_expiration", value_name = "DAYS", default_value_t = 30)]
        days_before_expiration: u16,
        /// Of no effect: runs have chunks of a size of their own. Scripts may name it
        #[arg(long, alias = "batch_size", value_name = "NUMBER", hide = true)]
        batch_size: Option<u32>,
    },
    /// Begins to inform learners with activated licenses that their plan has ended
    #[command(alias = "send_subscription_plan_expiration_emails")]
    SendSubscriptionPlanExpirationEmails {
        /// The customers, separated by commas or blanks
        #[arg(long, alias = "enterprise_customer_uuid", value_name = "UUIDS", value_parser = customers)]
        enterprise_customer_uuid: Customers,
        /// Of plans that ended so many days ago at most
        #[arg(long, alias = "days_since_expiration", value_name = "DAYS", default_value_t = 7)]
        days_since_expiration: u16,
        /// Of no effect: runs have chunks of a size of their own. Scripts may name it
        #[arg(long, alias = "batch_size", value_name = "NUMBER", hide = true)]
        batch_size: Option<u32>,
    },
    /// Begins to inform other systems of licenses that were activated 180 days ago
    #[command(alias = "trigger_event_for_licenses")]
    TriggerEventForLicenses {
        /// The customers; without: `CUSTOMERS_WITH_CUSTOM_LICENSE_EVENTS` of the environment
        #[arg(long, value_name = "UUIDS", value_parser = customers)]
        customers: Option<Customers>,
    },
    /// Shows what will happen to a plan, when and why, and what will not happen
    Forecast {
        /// The plan
        plan: PlanId,
        /// Leaves out what is to happen after this time
        #[arg(long, value_name = "RFC3339")]
        until: Option<Timestamp>,
        /// The customers, separated by commas, whose learners are unlinked
        #[arg(long, value_name = "UUIDS")]
        customers: Option<String>,
    },
}

/// Customers, one at least.
#[derive(Clone, Debug)]
pub struct Customers(pub HashSet<EnterpriseId>);

fn customers(list: &str) -> Result<Customers, String> {
    let customers = license_domain::plan_work::customers(list).map_err(|error| error.to_string())?;
    if customers.is_empty() { Err("no customer is named".to_owned()) } else { Ok(Customers(customers)) }
}

/// Which plans expire.
#[derive(Debug, Args)]
pub struct ExpireArguments {
    /// Only plans that ended at this time or later; a time without zone is UTC
    #[arg(long, alias = "expired_after", value_name = "TIME", value_parser = utc)]
    pub expired_after: Option<Timestamp>,
    /// Only plans that ended at this time or earlier; a time without zone is UTC
    #[arg(long, alias = "expired_before", value_name = "TIME", value_parser = utc)]
    pub expired_before: Option<Timestamp>,
    /// Only these plans, separated by commas, whenever they ended
    #[arg(long, alias = "subscription_uuids", value_name = "UUIDS", value_delimiter = ',')]
    pub subscription_uuids: Vec<PlanId>,
    /// Repeats the expiry of plans that have expired already: enrollments are ended and events are published once more
    #[arg(long, requires = "subscription_uuids")]
    pub force: bool,
}

/// Parses a time. A time without zone is UTC.
fn utc(text: &str) -> Result<Timestamp, chrono::ParseError> {
    text.parse().or_else(|_| text.parse::<chrono::NaiveDateTime>().map(|at| at.and_utc()))
}

/// Commands about jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Lists a customer's jobs; without a customer, the jobs of all customers that have not ended
    List {
        /// The customer
        #[arg(long, value_name = "UUID")]
        enterprise_customer_uuid: Option<EnterpriseId>,
        /// The most that are listed
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Shows a job
    Show {
        /// The job
        job: JobId,
    },
    /// Cancels a job; rows that are done stay done
    Cancel {
        /// The job
        job: JobId,
        /// The reason, for the audit trail
        #[arg(long, default_value = "canceled")]
        reason: String,
    },
    /// Resumes a job that was canceled, has failed, or makes no progress
    Resume {
        /// The job
        job: JobId,
        /// The reason, for the audit trail
        #[arg(long, default_value = "resumed")]
        reason: String,
    },
    /// Lists the outcomes of a job's rows
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
    /// Reverts licenses of a plan to what they were at an earlier time
    #[command(alias = "revert_licenses")]
    RevertLicenses {
        /// The plan
        plan: PlanId,
        /// The time; a time without zone is UTC
        #[arg(long, value_name = "TIME", value_parser = utc)]
        to: Timestamp,
        /// Only these licenses, separated by commas
        #[arg(long, value_name = "UUIDS", value_delimiter = ',')]
        licenses: Vec<LicenseId>,
        /// Also licenses that their learners or other users have changed since then: these changes are lost
        #[arg(long)]
        force: bool,
        /// Why, for the audit trail
        #[arg(long)]
        reason: String,
    },
    /// Adds the licenses that a plan lacks of its desired number
    CreateMissing(OperationOnPlan),
    /// Transfers assigned and activated licenses of a plan, with their seats, to another plan of the agreement
    Transfer {
        /// The plan that they leave
        from: PlanId,
        /// The plan that they go to
        to: PlanId,
        /// Only these licenses, separated by commas; the job's results say which are not transferred, and why
        #[arg(long, value_name = "UUIDS", value_delimiter = ',')]
        licenses: Vec<LicenseId>,
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

/// The thing whose audit trail is shown.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true).args(["license", "plan", "agreement", "renewal"]))]
pub struct AuditArguments {
    /// The audit trail of this license
    #[arg(long, value_name = "UUID")]
    pub license: Option<LicenseId>,
    /// The audit trail of this plan
    #[arg(long, value_name = "UUID")]
    pub plan: Option<PlanId>,
    /// The audit trail of this customer agreement
    #[arg(long, value_name = "UUID")]
    pub agreement: Option<AgreementId>,
    /// The audit trail of this renewal
    #[arg(long, value_name = "NUMBER", value_parser = renewal)]
    pub renewal: Option<RenewalId>,
    /// Only changes at this time or later
    #[arg(long, value_name = "RFC3339")]
    pub from: Option<Timestamp>,
    /// Only changes before this time
    #[arg(long, value_name = "RFC3339")]
    pub until: Option<Timestamp>,
    /// The most that are listed
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

fn renewal(text: &str) -> Result<RenewalId, std::num::ParseIntError> {
    text.parse().map(RenewalId)
}

/// Commands about roles.
#[derive(Debug, Subcommand)]
pub enum RolesCommand {
    /// Lists the roles of users with their customers, and the superusers
    List,
    /// Grants a role to a user; functions use it within a minute
    Grant(RoleArguments),
    /// Revokes a role of a user; functions notice it within a minute
    Revoke(RoleArguments),
    /// Lists the changes of a user's roles, the newest first
    History {
        /// The name of the user
        #[arg(long, value_name = "NAME")]
        username: String,
        /// The most changes that are listed
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Which role of which user.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("scope").required(true).args(["enterprise_customer_uuid", "all_customers"]))]
pub struct RoleArguments {
    /// The name of the user
    #[arg(long, value_name = "NAME")]
    pub username: String,
    /// The role, such as `enterprise_subscriptions_admin`
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: RoleName,
    /// The customer for which the role holds
    #[arg(long, value_name = "UUID")]
    pub enterprise_customer_uuid: Option<EnterpriseId>,
    /// The role holds for all customers
    #[arg(long)]
    pub all_customers: bool,
    /// The reason, for the history of the roles
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
    /// Lists these mails, the oldest first
    List {
        /// The most that are listed
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Sends a mail again to the recipients who may lack it
    Send {
        /// The mail
        mail: DeliveryId,
        /// The reason, for the audit trail
        #[arg(long, default_value = "resend mail")]
        reason: String,
    },
}

/// Commands about webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Lists a customer's webhooks with the counts of their failures
    List {
        /// The customer
        #[arg(long, value_name = "UUID")]
        enterprise_customer_uuid: EnterpriseId,
    },
}

/// The two queues.
#[derive(Debug, Args)]
pub struct RedriveArguments {
    /// The dead-letter queue's URL
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The URL of the queue that the messages came from
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// The address of the server with the queues, if it is not AWS
    #[arg(long, value_name = "URL")]
    pub sqs_endpoint: Option<String>,
    /// The most messages that are sent
    #[arg(long, default_value_t = 10_000)]
    pub limit: usize,
}

/// The amount of data.
#[derive(Clone, Copy, Debug, Args)]
pub struct ManufactureArguments {
    /// The number of customers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub customers: u32,
    /// The number of plans of each customer: one for each year, of which the last is current
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub plans: u32,
    /// The number of licenses of each plan
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub licenses: u64,
    /// The seed of the random data: the same number creates the same data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The time that the data is made for; by default now
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<Timestamp>,
}
