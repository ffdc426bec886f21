//! Changes of a plan after its renewal was processed: they are carried over into the future plan. Learners for whom it had
//! no free seat are carried over when it has grown.

use std::collections::BTreeSet;

use license_domain::{
    EmailAddress, EmailKey, Event, EventKind, Portfolio, Stamp, SubscriptionPlanRenewal, number::to_usize,
};
use license_storage::{LeftOut, MAX_COPIED};
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
    let stamp = Stamp {
        actor: "license-manager".to_owned(),
        actor_lms_user_id: None,
        reason: "carry over".to_owned(),
        request_id: event.stamp.request_id.clone(),
        at: context.clock.now(),
    };
    let carrying = Carrying { context, portfolio: &portfolio, renewal, stamp: &stamp };
    if !has_grown {
        let changed = event.licenses.iter().filter_map(|change| change.person().map(EmailAddress::key));
        let learners: BTreeSet<EmailKey> = changed.collect();
        carrying.carry(&learners.into_iter().collect::<Vec<_>>()).await?;
        return Ok(());
    }
    // Who has a copy is not found again: a message that is interrupted goes on when it is delivered again.
    let mut seats = to_usize(event.count.unwrap_or_default());
    let mut page = None;
    while seats > 0 {
        let LeftOut { mut learners, next } = context.renew.left_out(&portfolio, renewal, page).await?;
        learners.truncate(seats);
        seats -= learners.len();
        let have_seats = carrying.carry(&learners).await?;
        page = next;
        if page.is_none() || !have_seats {
            break;
        }
    }
    Ok(())
}

/// What is carried over into which plan.
struct Carrying<'a> {
    context: &'a Context,
    portfolio: &'a Portfolio,
    renewal: &'a SubscriptionPlanRenewal,
    stamp: &'a Stamp,
}

impl Carrying<'_> {
    /// Carries over what the licenses of these learners have become. Returns whether each of them had a free seat.
    async fn carry(&self, learners: &[EmailKey]) -> Result<bool, BulkError> {
        let mut have_seats = true;
        for learners in learners.chunks(MAX_COPIED) {
            let carried = self.context.renew.carry_over(self.portfolio, self.renewal, learners, self.stamp).await?;
            if carried.without_seat > 0 {
                have_seats = false;
                tracing::warn!(
                    renewal = %self.renewal.id,
                    licenses = carried.without_seat,
                    "licenses were not carried over: no seat is free"
                );
                metrics::count("NotCarriedOver", &[]);
            }
        }
        Ok(have_seats)
    }
}
