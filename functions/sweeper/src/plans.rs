//! Plans that are due to be looked at.

use license_domain::{DuePlan, PlanWorkKind, Timestamp, Waits};
use license_telemetry::metrics;
use license_work::{Begun, WorkError};

use crate::{Context, Report};

/// How many plans one invocation looks at, at most; the next one, a minute later, looks at the rest.
const MAX_PLANS: usize = 1_000;

/// Looks at the plans that are due. One that cannot be looked at is postponed, and does not stop the others. Returns what
/// was begun.
pub(crate) async fn look(
    context: &Context,
    request_id: &str,
    until: Timestamp,
    report: &mut Report,
) -> Vec<PlanWorkKind> {
    let mut works = Vec::new();
    let due = match context.plan_works.due_plans(MAX_PLANS).await {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(request_id, %error, "plans that are due could not be read");
            metrics::failure("PlanLookFailed", error.metric());
            report.plans_failed += 1;
            return works;
        }
    };
    for due in due {
        if context.clock.now() >= until {
            break;
        }
        let looked = look_at(context, due, request_id, report).await;
        if let Err(error) = looked.map(|begun| works.extend(begun)) {
            let DuePlan { plan, attempts, .. } = due;
            tracing::error!(request_id, %plan, attempts, %error, "plan {plan} could not be looked at, it is postponed");
            metrics::failure("PlanLookFailed", error.metric());
            report.plans_failed += 1;
        }
    }
    works
}

/// 1. Postpone the plan, by a time that grows with each attempt. Another sweeper did: it looks at the plan.
/// 2. Look at it; what is due is begun. A message that is not sent is sent by the sweeper that finds the run.
/// 3. A renewal that would be refused is reported: operators are to hear of it before it is due.
/// 4. It is due when something more is to happen to it; its concerns are noted beside that.
async fn look_at(
    context: &Context,
    due: DuePlan,
    request_id: &str,
    report: &mut Report,
) -> Result<Option<PlanWorkKind>, WorkError> {
    let again = context.clock.now() + Waits::INTERNAL.after(due.attempts);
    let taken = context.plan_works.postpone_plan(&due, again, due.attempts.saturating_add(1)).await?;
    let Some(taken) = taken else { return Ok(None) };
    let plan = due.plan;
    let looked = context.plans.look(&due, request_id).await?;
    let begun = looked.begun.as_ref().map(|begun| begun.work);
    if let Some(Begun { work, messages, .. }) = looked.begun {
        metrics::count("PlanWorkBegun", &[("Work", work.as_str())]);
        report.begun += 1;
        context.queues.send(messages).await?;
    }
    if let Some(why) = looked.refused {
        tracing::error!(request_id, %plan, attempts = looked.attempts, why, "the renewal of plan {plan} is refused");
        metrics::count("RenewalRefused", &[]);
        report.refused += 1;
    }
    let next = looked.next.map(|next| (next, looked.attempts));
    context.plan_works.record_look(&taken, next, looked.concerns.as_ref()).await?;
    Ok(begun)
}
