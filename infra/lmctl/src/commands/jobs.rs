//! `lmctl jobs`: over the same records and rules as the API's routes for jobs.

use std::io::Write;

use license_domain::{Consequence, EmailAddress, EventKind, Job, JobId};
use license_storage::{Change, Jobs, Portfolios};
use serde_json::json;

use super::Context;
use crate::{Error, Exit, arguments::JobsCommand, output::Listing};

/// How many chunks' results are read at once.
const CHUNKS: u64 = 20;

pub(super) async fn run(
    context: &Context<'_>,
    command: JobsCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    match command {
        JobsCommand::List { enterprise_customer_uuid, limit } => {
            let jobs = match enterprise_customer_uuid {
                Some(customer) => {
                    let portfolio = context.store.portfolio_of_enterprise(customer).await?;
                    let portfolio =
                        portfolio.ok_or_else(|| Error::Refused(format!("customer {customer} has no agreement")))?;
                    context.store.jobs_of(portfolio.agreement.uuid, None, limit).await?
                }
                None => open(context, limit).await?,
            };
            show(context, &jobs, out).await
        }
        JobsCommand::Show { job } => show(context, &[find(context, job).await?], out).await,
        JobsCommand::Results { job } => results(context, job, out).await,
        JobsCommand::Cancel { job, reason } => {
            let seen = find(context, job).await?;
            let after = seen.canceled(context.store.clock().now());
            let after = after
                .ok_or_else(|| Error::Refused(format!("a job that is {} cannot be stopped", seen.state.as_str())))?;
            context.confirm(&format!("Stop job {job}?"))?;
            change(context, (&seen, after), Vec::new(), reason, out).await
        }
        JobsCommand::Resume { job, reason } => {
            let seen = find(context, job).await?;
            let after = seen.resumed(context.store.clock().now());
            let after = after.map_err(|why| Error::Refused(why.to_string()))?;
            let again = vec![Consequence::RunJob { job, after_seconds: 0 }];
            change(context, (&seen, after), again, reason, out).await
        }
    }
}

async fn find(context: &Context<'_>, job: JobId) -> Result<Job, Error> {
    let found = context.store.job(job).await?;
    found.filter(|job| !job.is_internal).ok_or_else(|| Error::Refused(format!("there is no job {job}")))
}

/// The open jobs of all customers.
async fn open(context: &Context<'_>, limit: usize) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    for id in context.store.open_jobs(limit).await? {
        jobs.extend(context.store.job(id).await?);
    }
    Ok(jobs)
}

pub(super) async fn show(context: &Context<'_>, jobs: &[Job], out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let columns = [
        "id",
        "kind",
        "state",
        "dry_run",
        "enterprise_customer_uuid",
        "subscription_plan",
        "rows",
        "processed",
        "failed",
        "requested_by",
        "problem",
        "created",
        "modified",
    ];
    let mut listing = Listing::new(context.global, columns, out)?;
    for job in jobs {
        let counts = match job.counts {
            Some(counts) => counts,
            None => job.counts_of(&context.store.lanes(job.uuid).await?),
        };
        listing.row([
            json!(job.uuid),
            json!(job.kind),
            json!(job.state),
            json!(job.dry_run),
            json!(job.enterprise_customer_uuid),
            json!(job.subscription_plan),
            json!(job.rows),
            json!(counts.processed),
            json!(counts.failed),
            json!(job.requested_by),
            json!(job.problem),
            json!(job.created),
            json!(job.modified),
        ])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}

async fn results(context: &Context<'_>, job: JobId, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let job = find(context, job).await?;
    let columns = ["row", "user_email", "course_run_key", "license", "outcome", "detail"];
    let mut listing = Listing::new(context.global, columns, out)?;
    let mut from = 0;
    while from < job.chunks {
        let to = from.saturating_add(CHUNKS).min(job.chunks);
        for row in license_work::results(context.store.as_ref(), &job, from, to).await? {
            listing.row([
                json!(row.row),
                json!(row.user_email.as_ref().map(EmailAddress::as_given)),
                json!(row.course_run_key),
                json!(row.license),
                json!(row.outcome),
                json!(row.detail),
            ])?;
        }
        from = to;
    }
    listing.finish()?;
    Ok(Exit::Done)
}

async fn change(
    context: &Context<'_>,
    (seen, after): (&Job, Job),
    consequences: Vec<Consequence>,
    reason: String,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    if !context.global.dry_run {
        let portfolio = context.store.portfolio(seen.customer_agreement).await?;
        let portfolio = portfolio.ok_or_else(|| Error::Refused("its customer agreement is gone".to_owned()))?;
        let stamp = context.stamp(reason);
        let event = (EventKind::JobChanged, consequences);
        if !context.store.change_job(&portfolio, (seen, &after), event, &Change::from(stamp)).await? {
            return Err(Error::Refused("the job was changed at the same time; look again".to_owned()));
        }
    }
    show(context, &[after], out).await
}
