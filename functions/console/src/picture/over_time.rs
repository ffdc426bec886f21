//! A plan's licenses over time, computed backwards from the counts of now by the plan's audit trail.

use license_domain::{
    AuditEntry, LicenseStatus, SeatCounts, SubscriptionPlan, Timestamp,
    audit_trail::{undo_counts, undo_plan},
};

use super::{WIDTH, scaled};
use crate::show;

/// The height of the drawing.
const HEIGHT: u64 = 160;

/// The statuses that are drawn, from below.
const DRAWN: [LicenseStatus; 3] = [LicenseStatus::Activated, LicenseStatus::Assigned, LicenseStatus::Unassigned];

/// The area of a status.
#[derive(Debug, PartialEq, Eq)]
pub struct Area {
    pub status: &'static str,
    pub points: String,
}

/// The picture, with what it shows in words.
#[derive(Debug)]
pub struct OverTime {
    pub areas: Vec<Area>,
    pub text: String,
    pub begin: String,
    pub end: String,
    pub most: u64,
    pub height: u64,
    /// Whether there are changes before those that are drawn.
    pub is_cut: bool,
}

impl OverTime {
    /// The counts since the oldest of these changes, which are the plan's newest, the newest first. None where the counts never
    /// differed.
    pub fn of(
        plan: &SubscriptionPlan,
        now: SeatCounts,
        trail: &[AuditEntry],
        at: Timestamp,
        is_cut: bool,
    ) -> Option<Self> {
        let states = states(plan, now, trail);
        let (begin, first) = states.last().copied()?;
        if states.len() < 2 || begin >= at {
            return None;
        }
        let most = states.iter().map(|(_, counts)| counts.total).max().filter(|most| *most > 0)?;
        let seconds = |to: Timestamp| u64::try_from((to - begin).num_seconds()).unwrap_or_default();
        let x = |to: Timestamp| scaled(seconds(to), seconds(at), WIDTH);
        let y = |licenses: u64| HEIGHT - scaled(licenses, most, HEIGHT);
        // Steps, from the oldest: a count holds until the next change.
        let ends = states.iter().rev().skip(1).map(|(at, _)| *at).chain([at]);
        let steps: Vec<(u64, u64, SeatCounts)> =
            states.iter().rev().zip(ends).map(|((from, counts), to)| (x(*from), x(to), *counts)).collect();
        let below = |counts: &SeatCounts, n: usize| DRAWN[..n].iter().map(|status| counts.of(*status)).sum::<u64>();
        let edge = |n: usize| {
            steps.iter().flat_map(move |(from, to, counts)| {
                let y = y(below(counts, n));
                [format!("{from},{y}"), format!("{to},{y}")]
            })
        };
        let areas = DRAWN.iter().enumerate().map(|(n, status)| {
            let mut lower: Vec<String> = edge(n).collect();
            lower.reverse();
            let points: Vec<String> = edge(n + 1).chain(lower).collect();
            Area { status: status.as_str(), points: points.join(" ") }
        });
        let words = |counts: &SeatCounts| {
            let parts = DRAWN.iter().map(|status| format!("{} {}", counts.of(*status), status.as_str()));
            parts.collect::<Vec<_>>().join(", ")
        };
        Some(Self {
            areas: areas.collect(),
            text: format!("On {}: {}. Now: {}.", show::day(begin), words(&first), words(&now)),
            begin: show::day(begin),
            end: show::day(at),
            most,
            height: HEIGHT,
            is_cut,
        })
    }
}

/// The counts after each change, the newest first.
fn states(plan: &SubscriptionPlan, now: SeatCounts, trail: &[AuditEntry]) -> Vec<(Timestamp, SeatCounts)> {
    let mut states: Vec<(Timestamp, SeatCounts)> = Vec::new();
    let (mut was, mut counts) = (plan.clone(), now);
    for entry in trail {
        // Of several changes at a moment the last one is drawn, and of changes of other things none.
        let is_new = states.last().is_none_or(|(at, known)| *at != entry.at && *known != counts);
        if is_new {
            states.push((entry.at, counts));
        } else if let Some(last) = states.last_mut().filter(|(_, known)| *known == counts) {
            last.0 = entry.at;
        }
        let one = std::slice::from_ref(entry);
        let Some(before) = undo_plan(&was, one) else { break };
        counts = undo_counts(&before, counts, one);
        was = before;
    }
    states
}
