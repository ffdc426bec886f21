//! The growth of a plan: where the agreement says so, its current plan gets more licenses once most of them are allocated.

use super::{PlanWorkKind, Prospect, ProspectState};
use crate::{
    agreement::{AutoScaling, Portfolio},
    capacity::SeatCounts,
    clock::Timestamp,
    plan::{MAX_LICENSES, SubscriptionPlan},
};

/// The plan of the agreement that grows: active and current, the latest start first.
pub fn growing_plan(portfolio: &Portfolio, now: Timestamp) -> Option<&SubscriptionPlan> {
    let grows = |plan: &&SubscriptionPlan| plan.is_active && plan.is_current(now);
    portfolio.plans.iter().filter(grows).max_by_key(|plan| (plan.start_date, plan.uuid))
}

/// The plan's growth, and by how many licenses it grows if that is due. `None`: the agreement's plans do not grow, or the
/// plan has ended.
///
/// - It is due while the allocated share of its licenses is above the threshold.
/// - One step is the increment, rounded up, and at least one license; the maximum cuts it.
/// - A frozen plan does not grow.
pub fn growth(
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    counts: &SeatCounts,
    now: Timestamp,
) -> Option<(Prospect, u64)> {
    if !portfolio.agreement.enable_auto_scaling_of_current_plan || now > plan.expiration_date {
        return None;
    }
    let (state, at, why, step) = match decide(portfolio, plan, counts, now) {
        Decision::Grows { step, why } => (ProspectState::Due, None, why, step),
        Decision::Waits { at, why } => (ProspectState::Waits, at, why, 0),
        Decision::Never(why) => (ProspectState::Never, None, why, 0),
    };
    Some((Prospect { work: PlanWorkKind::GrowPlan, state, at, why }, step))
}

enum Decision {
    Grows { step: u64, why: String },
    Waits { at: Option<Timestamp>, why: String },
    Never(String),
}

fn decide(portfolio: &Portfolio, plan: &SubscriptionPlan, counts: &SeatCounts, now: Timestamp) -> Decision {
    let AutoScaling { maximum, threshold, increment } = match portfolio.agreement.auto_scaling() {
        Ok(scaling) => scaling,
        Err(missing) => return Decision::Never(format!("The agreement enables auto-scaling, but {missing}.")),
    };
    if !plan.is_active {
        return Decision::Never("The plan is not active.".to_owned());
    }
    if plan.last_freeze_timestamp.is_some() {
        return Decision::Never("The plan's unused licenses were frozen.".to_owned());
    }
    if now < plan.start_date {
        return Decision::Waits { at: Some(plan.start_date), why: "The plan grows from its start on.".to_owned() };
    }
    if let Some(other) = growing_plan(portfolio, now).filter(|other| other.uuid != plan.uuid) {
        let why = format!("Plan {} of the agreement, which started later, grows in its place.", other.uuid);
        return Decision::Waits { at: None, why };
    }
    let (total, allocated) = (counts.total, counts.allocated());
    if total == 0 {
        return Decision::Never("The plan has no licenses.".to_owned());
    }
    let maximum = if plan.for_internal_use_only { maximum } else { maximum.min(MAX_LICENSES) };
    if total >= maximum {
        return Decision::Never(format!("The plan has {total} licenses, and its maximum is {maximum}."));
    }
    let is_above = u128::from(allocated) * 100 > u128::from(total) * u128::from(threshold);
    if !is_above {
        let why = format!("{allocated} of {total} licenses are allocated; it grows above {threshold} %.");
        return Decision::Waits { at: None, why };
    }
    // The total is below the maximum here, and no plan comes near the largest number.
    let step = total.saturating_mul(increment.into()).div_ceil(100).max(1).min(maximum - total);
    let why =
        format!("{allocated} of {total} licenses are allocated, which is above {threshold} %: it grows by {step}.");
    Decision::Grows { step, why }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{day, plan, portfolio},
        *,
    };

    /// An agreement whose only plan grows above 75 %, by 10 %, to 20 licenses.
    fn growing() -> Portfolio {
        let mut at = portfolio(vec![plan(1, 0, 10)], Vec::new());
        at.agreement.enable_auto_scaling_of_current_plan = true;
        at.agreement.auto_scaling_max_licenses = Some(20);
        at.agreement.auto_scaling_threshold_percentage = Some(75);
        at.agreement.auto_scaling_increment_percentage = Some(10);
        at
    }

    fn stands(at: &Portfolio, (total, assigned, activated): (u64, u64, u64), now: Timestamp) -> (ProspectState, u64) {
        let counts = SeatCounts { total, assigned, activated, ..SeatCounts::default() };
        let (prospect, step) = growth(at, &at.plans[0], &counts, now).expect("the agreement enables it");
        assert!(!prospect.why.is_empty() && prospect.work == PlanWorkKind::GrowPlan);
        (prospect.state, step)
    }

    #[test]
    fn a_plan_grows_above_its_threshold_by_one_license_at_least_up_to_its_maximum() {
        let at = growing();
        for (counts, wanted) in [
            ((4, 1, 2), (ProspectState::Waits, 0)),
            ((4, 1, 3), (ProspectState::Due, 1)),
            ((8, 6, 0), (ProspectState::Waits, 0)),
            ((8, 7, 0), (ProspectState::Due, 1)),
            ((15, 0, 12), (ProspectState::Due, 2)),
            ((19, 0, 19), (ProspectState::Due, 1)),
            ((20, 0, 20), (ProspectState::Never, 0)),
            // The maximum was lowered: no license is taken away.
            ((30, 0, 30), (ProspectState::Never, 0)),
            ((0, 0, 0), (ProspectState::Never, 0)),
        ] {
            assert_eq!(stands(&at, counts, day(5)), wanted, "{counts:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_or_is_not_in_use_does_not_grow() {
        let full = (4, 0, 4);
        let never = |change: &dyn Fn(&mut Portfolio)| {
            let mut at = growing();
            change(&mut at);
            assert_eq!(stands(&at, full, day(5)), (ProspectState::Never, 0));
        };
        never(&|at| at.plans[0].last_freeze_timestamp = Some(day(1)));
        never(&|at| at.plans[0].is_active = false);
        never(&|at| at.agreement.auto_scaling_max_licenses = None);
        never(&|at| at.agreement.auto_scaling_threshold_percentage = Some(0));
        never(&|at| at.agreement.auto_scaling_increment_percentage = Some(101));
        // A threshold of 100 % is never exceeded.
        let mut at = growing();
        at.agreement.auto_scaling_threshold_percentage = Some(100);
        assert_eq!(stands(&at, full, day(5)).0, ProspectState::Waits);
        at.agreement.enable_auto_scaling_of_current_plan = false;
        assert_eq!(growth(&at, &at.plans[0], &SeatCounts::default(), day(5)), None);
    }

    #[test]
    fn the_current_plan_that_started_last_grows() {
        let mut at = growing();
        let full = (4, 0, 4);
        assert_eq!(stands(&at, full, day(-1)), (ProspectState::Waits, 0));
        assert_eq!(stands(&at, full, day(10)), (ProspectState::Due, 1));
        assert_eq!(growth(&at, &at.plans[0], &SeatCounts::default(), day(11)), None);
        at.plans.push(plan(2, 6, 20));
        assert_eq!(stands(&at, full, day(5)), (ProspectState::Due, 1));
        assert_eq!(stands(&at, full, day(6)), (ProspectState::Waits, 0));
        at.plans[1].is_active = false;
        assert_eq!(stands(&at, full, day(6)), (ProspectState::Due, 1));
    }
}
