//! What is on record of the sweeper's last run, for operators.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, plan_work::PlanWorkKind};

/// How often the schedule invokes the sweeper, as the template says.
pub const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The sweeper's last run that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSweep {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The runs that it resumed.
    pub resumed: usize,
    /// The plans on which it began work.
    pub begun: usize,
    /// The runs, plans and rosters that it could not examine; they are postponed.
    pub failed: usize,
    /// When each kind of work on plans was begun last, by this run or an earlier one.
    pub works: Vec<LastWork>,
}

/// When a kind of work on plans was begun last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWork {
    pub work: PlanWorkKind,
    pub at: Timestamp,
}

impl LastSweep {
    /// Adds what earlier runs began, as the record of the run before has it.
    #[must_use]
    pub fn after(mut self, before: Option<&Self>) -> Self {
        let earlier = before.map(|before| before.works.as_slice()).unwrap_or_default();
        let is_newer = |earlier: &&LastWork| !self.works.iter().any(|work| work.work == earlier.work);
        let kept: Vec<LastWork> = earlier.iter().filter(is_newer).copied().collect();
        self.works.extend(kept);
        self.works.sort_by_key(|work| work.work);
        self
    }

    /// When the next run begins.
    pub fn next(&self) -> Timestamp {
        self.began + SWEEP_EVERY
    }

    /// Whether the schedule has missed several runs.
    pub fn is_late(&self, now: Timestamp) -> bool {
        now - self.began > SWEEP_EVERY * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(at: i64, works: &[PlanWorkKind]) -> LastSweep {
        let at = Timestamp::UNIX_EPOCH + TimeDelta::minutes(at);
        let works = works.iter().map(|work| LastWork { work: *work, at }).collect();
        LastSweep { began: at, ended: at, resumed: 0, begun: 0, failed: 0, works }
    }

    #[test]
    fn what_earlier_runs_began_stays_on_record() {
        let first = sweep(1, &[PlanWorkKind::ExpireSubscription, PlanWorkKind::ProcessRenewal]).after(None);
        let second = sweep(2, &[PlanWorkKind::ProcessRenewal]).after(Some(&first));
        let at = |minute| Timestamp::UNIX_EPOCH + TimeDelta::minutes(minute);
        let wanted = [(PlanWorkKind::ProcessRenewal, at(2)), (PlanWorkKind::ExpireSubscription, at(1))];
        assert_eq!(second.works, wanted.map(|(work, at)| LastWork { work, at }));
        assert_eq!(second.next(), at(3));
        assert!(second.is_late(at(8)) && !second.is_late(at(7)));
    }
}
