//! What the clock does to plans, by hand: the same rules and the same runs as the sweeper's.

use std::{io::Write, sync::Arc};

use chrono::TimeDelta;
use license_domain::{
    AgreementId, PlanId, PlanWorkKind, Portfolio, Prospect, ProspectState, Stamp, SubscriptionPlan, Timestamp,
    plan_work::Rules,
};
use license_storage::{Change, PlanWorks, Portfolios, StoreError, Update};
use license_work::{Asked, Plans, WorkError};
use serde_json::{Value, json};

use super::Context;
use crate::{
    Error, Exit,
    arguments::{Customers, ExpireArguments, PlansCommand},
    output::Listing,
};

const COLUMNS: [&str; 7] = ["plan", "agreement", "work", "state", "at", "why", "run"];

pub(super) async fn run(
    context: &Context<'_>,
    command: PlansCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    match command {
        PlansCommand::ProcessRenewals { processing_window_length_hours } => {
            let window = TimeDelta::hours(processing_window_length_hours.into());
            let plans = Worked::new(context, Rules { renewal_window: window, ..rules(context, None)? });
            plans.all(PlanWorkKind::ProcessRenewal, |_| true, out).await
        }
        PlansCommand::ProcessAutoScalablePlans => {
            Worked::new(context, rules(context, None)?).all(PlanWorkKind::GrowPlan, |_| true, out).await
        }
        PlansCommand::ExpireSubscriptions(arguments) => expire(context, &arguments, out).await,
        PlansCommand::UnlinkExpiredLicenses { customers } => {
            let plans = Worked::new(context, rules(context, customers.as_deref())?);
            plans.all(PlanWorkKind::UnlinkLearners, |_| true, out).await
        }
        PlansCommand::RetireOldLicenses { customers, batch_size: _ } => {
            let plans = Worked::new(context, rules(context, customers.as_deref())?);
            plans.all(PlanWorkKind::RetireLicenses, |_| true, out).await
        }
        PlansCommand::SendLicenseUtilizationEmails => {
            Worked::new(context, rules(context, None)?).all(PlanWorkKind::ReportUtilization, |_| true, out).await
        }
        PlansCommand::SendWeeklyUtilizationEmails => {
            Worked::new(context, rules(context, None)?).all(PlanWorkKind::ReportWeek, |_| true, out).await
        }
        PlansCommand::SendLicenseExpirationReminders {
            enterprise_customer_uuid: Customers(reminders),
            days_before_expiration,
            batch_size: _,
        } => {
            let reminded_before = TimeDelta::days(days_before_expiration.into());
            let plans = Worked::new(context, Rules { reminders, reminded_before, ..rules(context, None)? });
            plans.all(PlanWorkKind::RemindOfExpiration, |_| true, out).await
        }
        PlansCommand::SendSubscriptionPlanExpirationEmails {
            enterprise_customer_uuid: Customers(expiration_mails),
            days_since_expiration,
            batch_size: _,
        } => {
            let notified_within = TimeDelta::days(days_since_expiration.into());
            let plans = Worked::new(context, Rules { expiration_mails, notified_within, ..rules(context, None)? });
            plans.all(PlanWorkKind::SendExpirationMails, |_| true, out).await
        }
        PlansCommand::TriggerEventForLicenses { customers } => {
            let mut rules = rules(context, None)?;
            if let Some(Customers(customers)) = customers {
                rules.license_events = customers;
            }
            Worked::new(context, rules).all(PlanWorkKind::SendLicenseEvents, |_| true, out).await
        }
        PlansCommand::Forecast { plan, until, customers } => {
            Worked::new(context, rules(context, customers.as_deref())?).forecast(plan, until, out).await
        }
    }
}

/// The rules of the environment; `customers`: those whose learners are unlinked.
fn rules(context: &Context<'_>, customers: Option<&str>) -> Result<Rules, Error> {
    let lookup = |name: &str| match customers {
        Some(customers) if name == Rules::UNLINKING => Some(customers.to_owned()),
        _ => (context.settings)(name),
    };
    Rules::from_lookup(lookup).map_err(|error| Error::Usage(error.to_string()))
}

async fn expire(
    context: &Context<'_>,
    arguments: &ExpireArguments,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let now = context.store.clock().now();
    let ExpireArguments { expired_after, expired_before, subscription_uuids, force } = arguments;
    if [expired_after, expired_before].into_iter().flatten().any(|at| *at > now) {
        return Err(Error::Usage("--expired-after and --expired-before must not be in the future".to_owned()));
    }
    let plans = Worked::new(context, rules(context, None)?);
    let kind = PlanWorkKind::ExpireSubscription;
    if !subscription_uuids.is_empty() {
        return plans.named(kind, (subscription_uuids, *force), out).await;
    }
    let is_within = |plan: &SubscriptionPlan| {
        expired_after.is_none_or(|after| plan.expiration_date >= after)
            && expired_before.is_none_or(|before| plan.expiration_date <= before)
    };
    plans.all(kind, is_within, out).await
}

/// Plans that are worked on by these rules.
struct Worked<'a> {
    context: &'a Context<'a>,
    plans: Plans,
    request_id: String,
}

impl<'a> Worked<'a> {
    fn new(context: &'a Context<'a>, rules: Rules) -> Self {
        let Context { store, .. } = context;
        let plans = Plans::new(store, Arc::clone(store.clock()), Arc::clone(store.random()), rules).by("lmctl");
        Self { context, plans, request_id: format!("lmctl-{}", store.random().uuid()) }
    }

    /// All plans that anything may happen to, of these.
    async fn all(
        &self,
        work: PlanWorkKind,
        is_wanted: impl Fn(&SubscriptionPlan) -> bool,
        out: &mut (dyn Write + Send),
    ) -> Result<Exit, Error> {
        let mut listing = Listing::new(self.context.global, COLUMNS, out)?;
        let mut exit = Exit::Done;
        for marked in self.context.store.marked_plans().await? {
            let found = self.context.store.portfolio(marked.agreement).await?;
            let plan = found.as_ref().and_then(|portfolio| portfolio.plan(marked.plan));
            if plan.is_some_and(&is_wanted) {
                self.one(work, (marked.agreement, marked.plan), false, &mut listing, &mut exit).await?;
            }
        }
        listing.finish()?;
        Ok(exit)
    }

    /// These plans. What is not done to one of them is said, too.
    async fn named(
        &self,
        work: PlanWorkKind,
        (plans, force): (&[PlanId], bool),
        out: &mut (dyn Write + Send),
    ) -> Result<Exit, Error> {
        let mut found = Vec::with_capacity(plans.len());
        for plan in plans {
            let portfolio = self.context.store.portfolio_of_plan(*plan).await?;
            let portfolio = portfolio.ok_or_else(|| Error::Refused(format!("there is no plan {plan}")))?;
            found.push((portfolio.agreement.uuid, *plan));
            if let Some(plan) = portfolio.plan(*plan).filter(|plan| force && plan.expiration_processed) {
                self.forget_expiry(&portfolio, plan).await?;
            }
        }
        let mut listing = Listing::new(self.context.global, COLUMNS, out)?;
        let mut exit = Exit::Done;
        for plan in found {
            self.one(work, plan, true, &mut listing, &mut exit).await?;
        }
        listing.finish()?;
        Ok(exit)
    }

    /// Begins the work on one plan, if it is due. A failure does not stop the others.
    async fn one(
        &self,
        work: PlanWorkKind,
        (agreement, plan): (AgreementId, PlanId),
        says_all: bool,
        listing: &mut Listing<'_, 7>,
        exit: &mut Exit,
    ) -> Result<(), Error> {
        let prospects = self.plans.prospects(agreement, plan).await.map_err(failed)?.unwrap_or_default();
        let Some(prospect) = prospects.iter().find(|prospect| prospect.work == work) else { return Ok(()) };
        let is_refused = prospect.state == ProspectState::Refused
            && prospect.at.is_some_and(|at| at <= self.context.store.clock().now());
        if is_refused {
            *exit = Exit::Failed;
        }
        if prospect.state != ProspectState::Due {
            return if is_refused || says_all {
                row(listing, (agreement, plan), prospect, json!(prospect.state), Value::Null)
            } else {
                Ok(())
            };
        }
        if self.context.global.dry_run {
            return row(listing, (agreement, plan), prospect, json!(prospect.state), Value::Null);
        }
        match self.plans.ask(agreement, plan, work, &self.request_id).await {
            Ok(Asked::Begun(run)) => row(listing, (agreement, plan), prospect, json!("begun"), json!(run)),
            Ok(Asked::UnderWay(run)) => row(listing, (agreement, plan), prospect, json!("under_way"), json!(run)),
            Ok(Asked::Waits(why)) => {
                let prospect = Prospect { why, ..prospect.clone() };
                row(listing, (agreement, plan), &prospect, json!(ProspectState::Waits), Value::Null)
            }
            Ok(Asked::Refused(why)) => {
                *exit = Exit::Failed;
                let prospect = Prospect { why, ..prospect.clone() };
                row(listing, (agreement, plan), &prospect, json!(ProspectState::Refused), Value::Null)
            }
            Err(error) => {
                *exit = Exit::Failed;
                let prospect = Prospect { why: error.to_string(), ..prospect.clone() };
                row(listing, (agreement, plan), &prospect, json!("failed"), Value::Null)
            }
        }
    }

    /// Takes the mark from a plan that has expired, so that it expires again. In a dry run it stays.
    async fn forget_expiry(&self, portfolio: &Portfolio, plan: &SubscriptionPlan) -> Result<(), Error> {
        if self.context.global.dry_run {
            return Ok(());
        }
        let at = self.context.store.clock().now();
        let reason = format!("{} --force", PlanWorkKind::ExpireSubscription.as_str());
        let request_id = self.request_id.clone();
        let stamp = Stamp { actor: "lmctl".to_owned(), actor_lms_user_id: None, reason, request_id, at };
        let after = SubscriptionPlan { expiration_processed: false, modified: at, ..plan.clone() };
        let updated = self.context.store.update_plan(portfolio, plan, &after, &Change::from(stamp)).await;
        updated.map_err(|error| Error::Refused(format!("plan {}: {error}", plan.uuid)))?;
        Ok(())
    }

    async fn forecast(
        &self,
        plan: PlanId,
        until: Option<Timestamp>,
        out: &mut (dyn Write + Send),
    ) -> Result<Exit, Error> {
        let portfolio = self.context.store.portfolio_of_plan(plan).await?;
        let portfolio = portfolio.ok_or_else(|| Error::Refused(format!("there is no plan {plan}")))?;
        let agreement = portfolio.agreement.uuid;
        let prospects = self.plans.prospects(agreement, plan).await.map_err(failed)?.unwrap_or_default();
        let mut listing = Listing::new(self.context.global, COLUMNS, out)?;
        for prospect in license_domain::plan_work::forecast(prospects, until) {
            row(&mut listing, (agreement, plan), &prospect, json!(prospect.state), Value::Null)?;
        }
        listing.finish()?;
        Ok(Exit::Done)
    }
}

fn row(
    listing: &mut Listing<'_, 7>,
    (agreement, plan): (AgreementId, PlanId),
    prospect: &Prospect,
    state: Value,
    run: Value,
) -> Result<(), Error> {
    let Prospect { work, at, why, .. } = prospect;
    Ok(listing.row([json!(plan), json!(agreement), json!(work.as_str()), state, json!(at), json!(why), run])?)
}

fn failed(error: WorkError) -> Error {
    match error {
        WorkError::Store(error) => Error::Store(error),
        other => Error::Store(StoreError::Unavailable { operation: "plan work", cause: other.to_string() }),
    }
}
