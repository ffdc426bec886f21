//! Keys of plans in lists, and of what is kept beside a plan.

use license_domain::{
    DuePlan, PlanId, SeatPrefix, Timestamp,
    plan_work::{Concern, ConcerningPlan, Concerns},
};

use super::{AgreementKeys, GSI1, GSI2, GSI3, IndexKey, Item, Key, sort_key_in, time};

/// Partition of the list of plans.
pub const ALL_PLANS: &str = "ALL#PLAN";
/// Partition of plans by the time at which they are looked at next.
pub const DUE_PLANS: &str = "DUE#PLAN";

/// When a plan is looked at next, and how often that has failed.
pub fn due_plan(at: Timestamp, attempts: u32) -> IndexKey {
    IndexKey { index: GSI3, pk: DUE_PLANS.to_owned(), sk: format!("{}#{attempts}", time(at)) }
}

/// The plan that an item of that partition stands for.
pub fn due_plan_in(item: &Item) -> Option<DuePlan> {
    let key = Key::of(item)?;
    let plan = key.sk.strip_prefix("PLAN#")?.parse().ok()?;
    let (at, attempts) = sort_key_in(item, GSI3)?.split_once('#')?;
    let agreement = AgreementKeys::of_partition(&key.pk)?;
    Some(DuePlan { plan, agreement, at: at.parse().ok()?, attempts: attempts.parse().ok()? })
}

/// Partition of plans with concerns.
pub const CONCERNS: &str = "CONCERNS";
/// It is behind every sort key of that partition.
pub const CONCERNS_END: &str = "~";

/// The letter that stands for a concern, so that the most urgent ones come first.
const fn letter(concern: Concern) -> char {
    match concern {
        Concern::RenewalRefused => 'a',
        Concern::Ends => 'b',
        Concern::FewSeats => 'c',
    }
}

/// A plan's key in the list of plans with concerns.
pub fn concerns(plan: PlanId, concerns: &Concerns) -> IndexKey {
    let letters: String = concerns.list.iter().copied().map(letter).collect();
    IndexKey { index: GSI1, pk: CONCERNS.to_owned(), sk: format!("{letters}#{}#{plan}", time(concerns.ends)) }
}

/// The plan that an item of that partition stands for.
pub fn concerning_plan_in(item: &Item) -> Option<ConcerningPlan> {
    let key = Key::of(item)?;
    let place = sort_key_in(item, GSI1)?;
    let mut parts = place.split('#');
    let (letters, ends, plan) = (parts.next()?, parts.next()?, parts.next()?);
    let list = Concern::ALL.into_iter().filter(|concern| letters.contains(letter(*concern))).collect();
    Some(ConcerningPlan {
        plan: plan.parse().ok()?,
        agreement: AgreementKeys::of_partition(&key.pk)?,
        concerns: Concerns { list, ends: ends.parse().ok()? },
        place: place.to_owned(),
    })
}

/// A plan's key in the operator's list.
pub fn plan_listing(plan: PlanId, start: Timestamp) -> IndexKey {
    IndexKey { index: GSI2, pk: ALL_PLANS.to_owned(), sk: format!("{}#{plan}", time(start)) }
}

/// The plan and its start, parsed from a sort key of the operator's list.
pub fn plan_of_listing(sk: &str) -> Option<(&str, PlanId)> {
    let (start, plan) = sk.rsplit_once('#')?;
    Some((start, plan.parse().ok()?))
}

/// From plan to agreement.
pub fn plan(plan: PlanId) -> Key {
    Key::head(format!("PLAN#{plan}"))
}

/// From seat prefix to plan.
pub fn seats(prefix: SeatPrefix) -> Key {
    Key::head(format!("SEATS#{prefix}"))
}

/// A notice that a plan's admins get once.
pub fn notice(plan: PlanId, kind: &str) -> Key {
    Key::new(self::plan(plan).pk, format!("NOTICE#{kind}"))
}

/// That a learner was informed of the plan's end.
pub fn informed(plan: PlanId, kind: &str, learner: uuid::Uuid) -> Key {
    Key::new(self::plan(plan).pk, format!("NOTIFIED#{kind}#{learner}"))
}

/// The prefix of the sort keys of a plan's days.
pub const DAY_PREFIX: &str = "DAY#";

/// A plan's counts on a day.
pub fn plan_day(of: PlanId, day: chrono::NaiveDate) -> Key {
    Key::new(plan(of).pk, format!("{DAY_PREFIX}{}", day.format("%Y-%m-%d")))
}
