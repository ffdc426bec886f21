//! Changes of a plan after its renewal was processed: they are carried over into the future plan.

use std::collections::BTreeSet;

use license_domain::{EmailAddress, EmailKey, Event, Stamp};
use license_storage::MAX_COPIED;
use license_telemetry::metrics;

use crate::{BulkError, Context};

/// Carries over what the event's licenses have become. It may be done twice.
pub(crate) async fn carry_over(context: &Context, event: &Event) -> Result<(), BulkError> {
    let Some(portfolio) = context.portfolios.portfolio(event.agreement).await? else { return Ok(()) };
    let renewal = event.plan.and_then(|plan| portfolio.renewal_of(plan)).filter(|renewal| renewal.processed);
    let Some(renewal) = renewal else { return Ok(()) };
    let learners: BTreeSet<EmailKey> =
        event.licenses.iter().filter_map(|change| change.person().map(EmailAddress::key)).collect();
    let learners: Vec<EmailKey> = learners.into_iter().collect();
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
