//! Changes of a plan after its renewal was processed: they are carried over into the future plan. Learners for whom it had
//! no free seat are carried over when it has grown.

use std::collections::BTreeSet;

use license_domain::{EmailAddress, EmailKey, Event, EventKind, Stamp, number::to_usize};
use license_storage::MAX_COPIED;
use license_telemetry::metrics;

use crate::{BulkError, Context};

/// Carries over what the event's licenses have become. It may be done twice.
pub(crate) async fn carry_over(context: &Context, event: &Event) -> Result<(), BulkError> {
    let Some(portfolio) = context.portfolios.portfolio(event.agreement).await? else { return Ok(()) };
    let Some(plan) = event.plan else { return Ok(()) };
    // A plan that has grown is the future plan; what changes licenses happens in the prior plan.
    let has_grown = event.kind == EventKind::PlanUpdated;
    let renewal = if has_grown {
        portfolio.prior_renewals_of(plan).find(|renewal| renewal.processed)
    } else {
        portfolio.renewal_of(plan).filter(|renewal| renewal.processed)
    };
    let Some(renewal) = renewal else { return Ok(()) };
    let learners: Vec<EmailKey> = if has_grown {
        let seats = to_usize(event.count.unwrap_or_default());
        context.renew.left_out(&portfolio, renewal, seats).await?
    } else {
        let changed = event.licenses.iter().filter_map(|change| change.person().map(EmailAddress::key));
        changed.collect::<BTreeSet<EmailKey>>().into_iter().collect()
    };
    let stamp = Stamp {
        actor: "license-manager".to_owned(),
        actor_lms_user_id: None,
        reason: "carry over".to_owned(),
        request_id: event.stamp.request_id.clone(),
        at: context.clock.now(),
    };
    for learners in learners.chunks(MAX_COPIED) {
        let carried = context.renew.carry_over(&portfolio, renewal, learners, &stamp).await?;
        if carried.without_seat > 0 {
            tracing::warn!(renewal = %renewal.id, licenses = carried.without_seat, "licenses were not carried over: no seat is free");
            metrics::count("NotCarriedOver", &[]);
        }
    }
    Ok(())
}
