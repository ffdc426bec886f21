//! Pictures, made on the server as SVG: seats by status and over time, how many reach their learners, and a customer's plans and
//! renewals on a timeline. Each says in words what
//! it shows; the numbers stand beside it as a table.

mod over_time;

use license_domain::{LicenseStatus, PlanId, Portfolio, SeatCounts, Timestamp};

use crate::{customer::state_of, show};

pub use self::over_time::OverTime;

/// The width of every picture's drawing, in its own units.
pub const WIDTH: u64 = 720;

/// The height of a row of a timeline.
const ROW: u64 = 26;

/// Where a timeline's bars begin: left of them are the titles.
const LEFT: u64 = 200;

/// The most characters of a title beside its bar.
const MAX_TITLE: usize = 26;

/// The most plans of a timeline.
const MAX_PLANS: usize = 60;

/// A part of the bar of a plan's seats.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment {
    pub status: &'static str,
    pub count: u64,
    pub x: u64,
    pub width: u64,
}

/// The bar of a plan's seats, with what it shows in words.
#[derive(Debug)]
pub struct Seats {
    pub segments: Vec<Segment>,
    pub text: String,
}

impl Seats {
    /// The seats as parts of the whole bar. A status that a plan has is never too thin to be seen.
    pub fn of(counts: &SeatCounts) -> Self {
        let present: Vec<(&'static str, u64)> = LicenseStatus::ALL
            .iter()
            .map(|status| (status.as_str(), counts.of(*status)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let all: u64 = present.iter().map(|(_, count)| count).sum();
        let thin = 2;
        let room = WIDTH - thin * u64::try_from(present.len()).expect("there are four statuses");
        let mut x = 0;
        let segments = present.iter().map(|&(status, count)| {
            let width = thin + scaled(count, all, room);
            let segment = Segment { status, count, x, width };
            x += width;
            segment
        });
        let segments: Vec<Segment> = segments.collect();
        let parts: Vec<String> = present.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let text = if parts.is_empty() { "The plan has no licenses.".to_owned() } else { parts.join(", ") };
        Self { segments, text }
    }
}

/// A step of the way from a license to a learner who studies.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    pub class: &'static str,
    pub text: String,
    pub y: u64,
    pub width: u64,
    /// Where the text begins: in the bar's free room, or over it.
    pub text_x: u64,
}

/// How many of a plan's licenses have a learner, and how many of these activated theirs; none where there is no license.
pub fn funnel(counts: &SeatCounts) -> Vec<Step> {
    let (all, taken, activated) = (counts.total, counts.allocated(), counts.activated);
    let percent = |part: u64, whole: u64| (u128::from(part) * 100).checked_div(whole.into()).unwrap_or_default();
    if all == 0 {
        return Vec::new();
    }
    let step = |n: u64, class, licenses, text| {
        let width = scaled(licenses, all, WIDTH / 2);
        Step { class, text, y: 2 + 28 * n, width, text_x: width + 8 }
    };
    vec![
        step(0, "s-unassigned", all, format!("{all} licenses")),
        step(1, "s-assigned", taken, format!("{taken} have a learner, {} %", percent(taken, all))),
        step(
            2,
            "s-activated",
            activated,
            format!("{activated} are activated, {} % of these", percent(activated, taken)),
        ),
    ]
}

/// `part` of `all`, as so much of the room.
fn scaled(part: u64, all: u64, room: u64) -> u64 {
    let scaled = u128::from(part) * u128::from(room) / u128::from(all.max(1));
    u64::try_from(scaled).unwrap_or(room).min(room)
}

/// A plan on the timeline.
#[derive(Debug)]
pub struct Bar {
    pub title: String,
    pub text: String,
    pub state: &'static str,
    pub x: u64,
    pub y: u64,
    pub width: u64,
}

/// A renewal on the timeline: from the end of a plan to the start of the next.
#[derive(Debug)]
pub struct Arrow {
    pub text: String,
    pub points: String,
    pub is_processed: bool,
}

/// The timeline of a customer's plans.
#[derive(Debug)]
pub struct Timeline {
    pub bars: Vec<Bar>,
    pub arrows: Vec<Arrow>,
    pub height: u64,
    pub begin: String,
    pub end: String,
    /// Where the present moment is, if it is on the picture.
    pub now: Option<u64>,
    pub is_cut: bool,
}

impl Timeline {
    /// The plans by their start, with the renewals between them; none where there is no plan.
    pub fn of(portfolio: &Portfolio, now: Timestamp) -> Option<Self> {
        let mut plans: Vec<_> = portfolio.plans.iter().collect();
        plans.sort_by_key(|plan| (std::cmp::Reverse(plan.start_date), plan.uuid));
        let is_cut = plans.len() > MAX_PLANS;
        plans.truncate(MAX_PLANS);
        plans.reverse();
        let begin = plans.iter().map(|plan| plan.start_date.min(plan.expiration_date)).min()?;
        let end = plans.iter().map(|plan| plan.expiration_date.max(plan.start_date)).max()?;
        let seconds = |from: Timestamp, to: Timestamp| u64::try_from((to - from).num_seconds()).unwrap_or_default();
        let x = |at: Timestamp| LEFT + scaled(seconds(begin, at), seconds(begin, end).max(1), WIDTH - LEFT - 10);
        let row = |n: usize| ROW * u64::try_from(n).expect("there are few plans") + 4;
        let bars = plans.iter().enumerate().map(|(n, plan)| {
            let (from, to) = (x(plan.start_date), x(plan.expiration_date));
            let state = state_of(plan, now);
            let (starts, ends) = (show::day(plan.start_date), show::day(plan.expiration_date));
            Bar {
                title: shortened(&plan.title),
                text: format!("{}: {starts} to {ends}, {state}", plan.title),
                state,
                x: from.min(to),
                y: row(n),
                width: to.saturating_sub(from).max(3),
            }
        });
        let place = |id: PlanId| plans.iter().position(|plan| plan.uuid == id);
        let arrows = portfolio.renewals.iter().filter_map(|renewal| {
            let prior = place(renewal.prior_subscription_plan)?;
            let from = (x(plans[prior].expiration_date), row(prior) + 9);
            let next = renewal.renewed_subscription_plan.and_then(place);
            // A plan that is not there yet begins right of the prior one's end.
            let to = next.map_or((from.0 + 8, from.1 + 8), |next| (x(plans[next].start_date), row(next) + 9));
            let word = if renewal.processed { "processed" } else { "to come" };
            Some(Arrow {
                text: format!(
                    "Renewal {} of {} on {}, {word}",
                    renewal.id,
                    plans[prior].title,
                    show::day(renewal.effective_date)
                ),
                points: format!("{},{} {},{}", from.0, from.1, to.0, to.1),
                is_processed: renewal.processed,
            })
        });
        Some(Self {
            bars: bars.collect(),
            arrows: arrows.collect(),
            height: row(plans.len()) + 4,
            begin: show::day(begin),
            end: show::day(end),
            now: (begin <= now && now <= end).then(|| x(now)),
            is_cut,
        })
    }
}

fn shortened(title: &str) -> String {
    match title.char_indices().nth(MAX_TITLE) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_whole_and_nothing_is_too_thin() {
        let counts = SeatCounts { total: 1_000_000, assigned: 1, activated: 500_000, ..SeatCounts::default() };
        let seats = Seats::of(&counts);
        let widths: Vec<u64> = seats.segments.iter().map(|segment| segment.width).collect();
        assert!(widths.iter().all(|width| *width >= 2), "{seats:?}");
        let all: u64 = widths.iter().sum();
        assert!((WIDTH - 4..=WIDTH).contains(&all), "{seats:?}");
        assert!(seats.segments.windows(2).all(|pair| pair[0].x + pair[0].width == pair[1].x), "{seats:?}");
        assert!(Seats::of(&SeatCounts::default()).segments.is_empty());
        let steps = funnel(&counts);
        assert!(steps[0].width > steps[1].width && steps[1].width >= steps[2].width, "{steps:?}");
        assert!(steps[2].text.starts_with("500000 are activated, 99 %"), "{steps:?}");
        assert!(funnel(&SeatCounts::default()).is_empty());
        assert_eq!(scaled(u64::MAX, u64::MAX, 720), 720);
    }

    #[test]
    fn titles_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ü".repeat(40)), format!("{}…", "ü".repeat(MAX_TITLE)));
    }
}
