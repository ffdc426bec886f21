//! Why an operator is to look at a plan. The sweeper notes it at each look, so that the console finds such plans by an index.

use chrono::TimeDelta;

use super::{Facts, PlanWorkKind, Prospect, ProspectState, refused};
use crate::{
    clock::Timestamp,
    ids::{AgreementId, PlanId},
};

/// A plan that nothing renews is a concern from so long before its end.
pub const ENDS_WITHIN: TimeDelta = TimeDelta::days(30);

/// A plan is near its seats once at most one in so many of its licenses is unassigned.
const ONE_IN: u64 = 10;

/// Why an operator is to look at a plan; the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Its renewal is refused, or would be.
    RenewalRefused,
    /// It ends soon, and nothing renews it.
    Ends,
    /// Few of its licenses are unassigned, and it does not grow by itself.
    FewSeats,
}

impl Concern {
    /// Every concern, the most urgent first.
    pub const ALL: [Self; 3] = [Self::RenewalRefused, Self::Ends, Self::FewSeats];
}

/// The concerns of a plan that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concerns {
    /// What they are, the most urgent first; there may be none.
    pub list: Vec<Concern>,
    /// When the plan ends.
    pub ends: Timestamp,
}

/// A plan that an operator is to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcerningPlan {
    /// The plan.
    pub plan: PlanId,
    /// Its agreement.
    pub agreement: AgreementId,
    /// Its concerns, as they were at its last look.
    pub concerns: Concerns,
    /// Its place in the list.
    pub place: String,
}

/// The concerns of a plan.
pub fn concerns(facts: Facts<'_>, prospects: &[Prospect], now: Timestamp) -> Concerns {
    let plan = facts.plan;
    let ends = plan.expiration_date;
    let counts = facts.own_counts();
    let is_left = facts.portfolio.renewal_of(plan.uuid).is_some();
    let is_running = plan.is_active && now <= ends;
    let grows = prospects.iter().any(|prospect| {
        prospect.work == PlanWorkKind::GrowPlan && matches!(prospect.state, ProspectState::Due | ProspectState::Waits)
    });
    // Freezing takes the unassigned licenses away on purpose.
    let may_be_short = plan.is_active && plan.is_current(now) && plan.last_freeze_timestamp.is_none() && !grows;
    let holds = |concern: &Concern| match concern {
        Concern::RenewalRefused => refused(prospects, now).is_some(),
        Concern::Ends => is_running && ends - now <= ENDS_WITHIN && !is_left,
        Concern::FewSeats => may_be_short && counts.total > 0 && counts.unassigned() <= counts.total / ONE_IN,
    };
    Concerns { list: Concern::ALL.into_iter().filter(holds).collect(), ends }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{
        super::{
            Rules, prospects,
            tests::{day, plan, portfolio, renewal},
        },
        *,
    };
    use crate::{agreement::Portfolio, capacity::SeatCounts};

    /// The concerns of the portfolio's first plan, of whose ten or more licenses so many are assigned.
    fn of(at: &Portfolio, (total, assigned): (u64, u64), now: Timestamp) -> Vec<Concern> {
        let plan = &at.plans[0];
        let counts = HashMap::from([(plan.uuid, SeatCounts { total, assigned, ..SeatCounts::default() })]);
        let facts = Facts { portfolio: at, plan, counts: &counts, last: None, rules: &Rules::default() };
        let found = concerns(facts, &prospects(facts, now), now);
        assert_eq!(found.ends, plan.expiration_date);
        found.list
    }

    #[test]
    fn a_plan_that_nothing_renews_is_a_concern_before_its_end() {
        let at = portfolio(vec![plan(1, 0, 100)], Vec::new());
        assert_eq!(of(&at, (10, 0), day(69)), []);
        assert_eq!(of(&at, (10, 0), day(70)), [Concern::Ends]);
        assert_eq!(of(&at, (10, 0), day(100)), [Concern::Ends]);
        assert_eq!(of(&at, (10, 0), day(101)), []);
        let renewed = portfolio(vec![plan(1, 0, 100)], vec![renewal(1, 1, None, 100, false)]);
        assert_eq!(of(&renewed, (10, 0), day(90)), []);
        let mut inactive = at;
        inactive.plans[0].is_active = false;
        assert_eq!(of(&inactive, (10, 10), day(90)), []);
    }

    #[test]
    fn a_renewal_that_would_be_refused_comes_first() {
        let at = portfolio(vec![plan(1, 0, 100)], vec![renewal(1, 1, None, 100, false)]);
        // The renewal has ten licenses, too few for the eleven that are assigned.
        assert_eq!(of(&at, (11, 11), day(50)), [Concern::FewSeats]);
        assert_eq!(of(&at, (11, 11), day(90)), [Concern::RenewalRefused, Concern::FewSeats]);
    }

    #[test]
    fn few_seats_are_a_concern_unless_the_plan_grows_or_is_frozen() {
        let mut at = portfolio(vec![plan(1, 0, 100)], Vec::new());
        assert_eq!(of(&at, (20, 17), day(5)), []);
        assert_eq!(of(&at, (20, 18), day(5)), [Concern::FewSeats]);
        assert_eq!(of(&at, (0, 0), day(5)), []);
        at.plans[0].last_freeze_timestamp = Some(day(4));
        assert_eq!(of(&at, (20, 20), day(5)), []);
        at.plans[0].last_freeze_timestamp = None;
        at.agreement.enable_auto_scaling_of_current_plan = true;
        // Without its numbers a plan does not grow.
        assert_eq!(of(&at, (20, 18), day(5)), [Concern::FewSeats]);
        at.agreement.auto_scaling_max_licenses = Some(40);
        at.agreement.auto_scaling_threshold_percentage = Some(95);
        at.agreement.auto_scaling_increment_percentage = Some(10);
        assert_eq!(of(&at, (20, 18), day(5)), []);
        assert_eq!(of(&at, (40, 40), day(5)), [Concern::FewSeats]);
    }
}
