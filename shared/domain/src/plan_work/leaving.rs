//! What happens to the learners of a plan that ended long ago: they are unlinked, and their personal data is purged.

use chrono::TimeDelta;

use super::{Facts, LONGEST_WAIT, PlanWorkKind, Prospect, ProspectState};
use crate::{clock::Timestamp, purge};

/// So long after its end the learners of a plan are unlinked, whatever the agreement says of personal data.
pub const UNLINKED_AFTER: TimeDelta = TimeDelta::days(90);

/// Learners of an expired plan are unlinked from the customer, 90 days after its end, where the installation has chosen
/// that. Who holds another license is asked of again each day, as long as the license names them.
pub(super) fn unlinking(facts: Facts<'_>, now: Timestamp) -> Prospect {
    let say = |state, at, why: &str| Prospect { work: PlanWorkKind::UnlinkLearners, state, at, why: why.to_owned() };
    let at = facts.plan.expiration_date + UNLINKED_AFTER;
    if now > at && facts.own_counts().allocated() == 0 {
        return say(ProspectState::Done, None, "No license of the plan has a learner.");
    }
    if !facts.rules.unlinking.contains(&facts.portfolio.agreement.enterprise_customer_uuid) {
        return say(ProspectState::Never, None, "Unlinking is not enabled for the customer.");
    }
    let at = facts.last.and_then(|last| last.unlinked).map_or(at, |last| at.max(last + LONGEST_WAIT));
    let state = if now > at { ProspectState::Due } else { ProspectState::Ahead };
    say(state, Some(at), "The plan has ended 90 days before, and its learners may hold no other license.")
}

/// Personal data is purged: all of a plan once it has ended long enough ago; before that, of licenses that were revoked,
/// or assigned and never activated, long enough ago.
pub(super) fn purging(facts: Facts<'_>, now: Timestamp) -> Prospect {
    let Facts { portfolio, plan, last, .. } = facts;
    let counts = facts.own_counts();
    let agreement = &portfolio.agreement;
    let say = |state, at, why: &str| Prospect { work: PlanWorkKind::RetireLicenses, state, at, why: why.to_owned() };
    let (Some(end), Some(kept)) = (purge::plan_is_purged_from(agreement, plan), purge::kept_for(agreement)) else {
        return say(ProspectState::Never, None, "The agreement says no time for which personal data is kept.");
    };
    let revoked = counts.revoked.saturating_sub(counts.revoked_without_person);
    if counts.allocated() + revoked == 0 && (now > end || plan.for_internal_use_only) {
        return say(ProspectState::Done, None, "No license of the plan names anyone.");
    }
    if now > end {
        return say(ProspectState::Due, Some(end), "The plan ended longer ago than personal data is kept.");
    }
    let is_looked_through = !plan.for_internal_use_only && counts.assigned + revoked > 0;
    if !is_looked_through {
        return say(ProspectState::Ahead, Some(end), "Personal data is kept for a while after the plan has ended.");
    }
    // No license was revoked or assigned before the plan was made. They are looked through once a day.
    let first = plan.created + kept;
    let at = last.and_then(|last| last.purged).map_or(first, |last| first.max(last + LONGEST_WAIT)).min(end);
    let state = if now > at { ProspectState::Due } else { ProspectState::Ahead };
    say(state, Some(at), "Licenses that were revoked, or assigned and not activated, long ago are looked for each day.")
}
