//! `lmctl operations`: creates the jobs that the API creates for those who make plans.

use std::io::Write;

use license_domain::{Job, JobKind, JobParams, LicenseId, LicenseStatus, PlanId, Portfolio, Row, job::JobRequester};
use license_storage::{Change, Jobs, Licenses, Portfolios};

use super::{Context, jobs};
use crate::{
    Error, Exit,
    arguments::{OperationOnPlan, OperationsCommand},
};

pub(super) async fn run(
    context: &Context<'_>,
    command: OperationsCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    match command {
        OperationsCommand::FreezeUnused(OperationOnPlan { plan, reason }) => {
            let portfolio = portfolio_of(context, plan).await?;
            if portfolio.plan(plan).is_none_or(|plan| !plan.can_freeze_unused_licenses) {
                return Err(Error::Refused(format!("the unused licenses of plan {plan} may not be frozen")));
            }
            confirm(context, &format!("Delete the unassigned licenses of plan {plan}?"))?;
            let of = (&portfolio, Some(plan));
            create(context, of, (JobKind::Freeze, JobParams::default()), reason, out).await
        }
        OperationsCommand::DeleteRevoked(OperationOnPlan { plan, reason }) => {
            let portfolio = portfolio_of(context, plan).await?;
            confirm(context, &format!("Delete the revoked licenses of plan {plan}?"))?;
            let params = JobParams::all_of(&[LicenseStatus::Revoked]);
            create(context, (&portfolio, Some(plan)), (JobKind::DeleteRevoked, params), reason, out).await
        }
        OperationsCommand::RevertLicenses { plan, to, licenses, force, reason } => {
            let portfolio = portfolio_of(context, plan).await?;
            if to > context.store.clock().now() {
                return Err(Error::Usage(format!("{to} is yet to come")));
            }
            confirm(context, &format!("Revert licenses of plan {plan} to {to}?"))?;
            let params = JobParams { revert_to: Some(to), force, ..JobParams::reverting(licenses.is_empty()) };
            let of = (&portfolio, Some(plan));
            create_for(context, of, (JobKind::Revert, params), Row::of_licenses(licenses), reason, out).await
        }
        OperationsCommand::CreateMissing(OperationOnPlan { plan, reason }) => {
            let portfolio = portfolio_of(context, plan).await?;
            let of = (&portfolio, Some(plan));
            create(context, of, (JobKind::Grow, JobParams::default()), reason, out).await
        }
        OperationsCommand::Transfer { from, to, licenses, reason } => {
            let portfolio = portfolio_of(context, from).await?;
            if from == to || portfolio.plan(to).is_none() {
                return Err(Error::Refused(format!("plan {to} is not another plan of the same agreement")));
            }
            let which = if licenses.is_empty() { "all".to_owned() } else { licenses.len().to_string() };
            confirm(context, &format!("Transfer {which} licenses of plan {from} to plan {to}?"))?;
            let live = JobParams::all_of(&[LicenseStatus::Activated, LicenseStatus::Assigned]);
            let params = if licenses.is_empty() { live } else { JobParams::default() };
            let job = (JobKind::Transfer, JobParams { to_plan: Some(to), ..params });
            let rows = rows_of(context, &portfolio, from, licenses).await?;
            create_for(context, (&portfolio, Some(from)), job, rows, reason, out).await
        }
        OperationsCommand::SyncAgreement { enterprise_customer_uuid: customer, reason } => {
            let portfolio = context.store.portfolio_of_enterprise(customer).await?;
            let portfolio = portfolio.ok_or_else(|| Error::Refused(format!("customer {customer} has no agreement")))?;
            create(context, (&portfolio, None), (JobKind::Sync, JobParams::default()), reason, out).await
        }
    }
}

async fn portfolio_of(context: &Context<'_>, plan: PlanId) -> Result<Portfolio, Error> {
    let found = context.store.portfolio_of_plan(plan).await?;
    found.ok_or_else(|| Error::Refused(format!("there is no plan {plan}")))
}

/// A row for the learner of each license; of a license that cannot be transferred a row that says why.
async fn rows_of(
    context: &Context<'_>,
    portfolio: &Portfolio,
    plan: PlanId,
    licenses: Vec<LicenseId>,
) -> Result<Vec<Row>, Error> {
    let plan = portfolio.plan(plan).expect("the portfolio is that of the plan");
    let mut rows = Row::of_licenses(licenses);
    for row in &mut rows {
        let id = row.license.expect("the rows are of licenses");
        match context.store.license(plan, id).await? {
            Some(license) if license.status.is_live() => row.user_email = license.user_email,
            Some(license) => row.problem = Some(format!("License {id} is {}.", license.status)),
            None => row.problem = Some(format!("License {id} is not of the plan.")),
        }
    }
    Ok(rows)
}

fn confirm(context: &Context<'_>, question: &str) -> Result<(), Error> {
    if context.global.dry_run { Ok(()) } else { context.confirm(question) }
}

/// Creates a job with one row, unless its rows are read later.
async fn create(
    context: &Context<'_>,
    of: (&Portfolio, Option<PlanId>),
    job: (JobKind, JobParams),
    reason: String,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    create_for(context, of, job, vec![Row::default()], reason, out).await
}

/// Creates the job. Jobs on all licenses of a status read their rows later.
async fn create_for(
    context: &Context<'_>,
    (portfolio, plan): (&Portfolio, Option<PlanId>),
    (kind, params): (JobKind, JobParams),
    rows: Vec<Row>,
    reason: String,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let stamp = context.stamp(reason.clone());
    let requester = JobRequester {
        username: stamp.actor.clone(),
        email: None,
        lms_user_id: None,
        request_id: stamp.request_id.clone(),
    };
    let job = Job::new(context.store.random().job_id(), kind, &portfolio.agreement, requester, stamp.at);
    let is_filtered = params.filter.is_some();
    let job = Job { subscription_plan: plan, params, dry_run: context.global.dry_run, reason: Some(reason), ..job };
    let (job, chunks) = if is_filtered { (job, Vec::new()) } else { job.with_rows(&rows) };
    context.store.create_job(portfolio, &job, &chunks, &Change::from(stamp)).await?;
    jobs::show(context, &[job], out).await
}
