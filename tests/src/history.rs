//! Histories of a plan's seats: the requests and responses of clients, each with its beginning and end, checked against
//! what clients could observe one after the other (`docs/correctness.md`).
//!
//! An operation without a known end (the process was killed, the connection was cut, a 5xx) has or has not taken
//! effect: the events in the table show which, by the request id. If it has, it may have done so at any time until the
//! end of the history.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::Client;
use license_domain::{Event, EventKind, PlanId, seats};
use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

/// A learner of the history.
pub type Learner = u16;

/// A step that a client observed, or that an event records. Each takes effect at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The plan grows by so many seats.
    Grow(u64),
    /// These learners get a license, all of them at one moment.
    Assign(BTreeSet<Learner>),
    /// These learners lose theirs, all of them at one moment.
    Revoke(BTreeSet<Learner>),
    /// The learner holds a license, or does not.
    Holds(Learner, bool),
    /// The plan has so many free seats.
    Free(u64),
}

/// The state of the plan's seats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seats {
    total: u64,
    holders: BTreeSet<Learner>,
}

impl Seats {
    fn free(&self) -> u64 {
        self.total - u64::try_from(self.holders.len()).expect("as many learners as there are seats at most")
    }

    /// The seats after that step; `None` if the step is impossible.
    fn after(&self, step: &Step) -> Option<Self> {
        let mut after = self.clone();
        let is_possible = match step {
            Step::Grow(seats) => {
                after.total += seats;
                true
            }
            Step::Assign(learners) => {
                let seats = u64::try_from(learners.len()).expect("a few");
                let is_possible = seats <= self.free() && self.holders.is_disjoint(learners);
                after.holders.extend(learners);
                is_possible
            }
            Step::Revoke(learners) => {
                after.holders.retain(|learner| !learners.contains(learner));
                self.holders.is_superset(learners)
            }
            Step::Holds(learner, holds) => self.holders.contains(learner) == *holds,
            Step::Free(free) => self.free() == *free,
        };
        is_possible.then_some(after)
    }
}

/// A client's request.
#[derive(Clone, Debug)]
enum Request {
    Assign(BTreeSet<Learner>),
    Revoke(BTreeSet<Learner>),
    Grow(u64),
    Free,
}

/// A line of the log, in the order in which clients wrote them.
#[derive(Clone, Debug)]
enum Line {
    /// A request was sent.
    Sent(usize),
    /// Its response shows these steps; `None`: no response, or a 5xx.
    Ended(usize, Option<Vec<Step>>),
}

/// The log of all clients of one plan.
#[derive(Debug)]
pub struct Recorder {
    name: String,
    plan: String,
    total: u64,
    log: Mutex<Vec<Line>>,
}

/// How many more learners than seats there are, so that some get none.
const LEARNERS_TOO_MANY: Learner = 8;

/// The most seats that a plan grows by.
const MAX_GROWTH: u64 = 6;

impl Recorder {
    /// A log of the plan of that id, which has so many seats and is not used yet. `name` makes the names of learners
    /// and requests unique to this log.
    pub fn new(name: &str, plan: &str, total: u64) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), plan: plan.to_owned(), total, log: Mutex::default() })
    }

    /// How many lines the log has.
    pub fn len(&self) -> usize {
        self.log().len()
    }

    /// Whether nothing was sent yet.
    pub fn is_empty(&self) -> bool {
        self.log().is_empty()
    }

    fn log(&self) -> MutexGuard<'_, Vec<Line>> {
        self.log.lock().expect("no writer panics")
    }

    fn request_id(&self, number: usize) -> String {
        format!("history-{}-{number}", self.name)
    }

    fn email(&self, learner: Learner) -> String {
        format!("h{}-{learner:03}@example.com", self.name)
    }

    fn learner(&self, email: &str) -> Option<Learner> {
        email.strip_prefix(&format!("h{}-", self.name))?.strip_suffix("@example.com")?.parse().ok()
    }

    fn emails(&self, learners: &BTreeSet<Learner>) -> Vec<String> {
        learners.iter().map(|learner| self.email(*learner)).collect()
    }

    /// Sends one random request and logs it; returns whether there was a response.
    pub async fn step(&self, admin: &Client, provisioner: &Client, random: &mut StdRng) -> bool {
        let all = Learner::try_from(self.total).expect("a small plan") + LEARNERS_TOO_MANY;
        let learners = (0..random.random_range(1..=self.total / 4)).map(|_| random.random_range(0..all)).collect();
        let request = match random.random_range(0..100) {
            0..45 => Request::Assign(learners),
            45..75 => Request::Revoke(learners),
            75..78 => Request::Grow(self.total + random.random_range(1..=MAX_GROWTH)),
            _ => Request::Free,
        };
        let path = |rest: &str| format!("/api/v1/subscriptions/{}/{rest}", self.plan);
        let (client, method, path, body) = match &request {
            Request::Assign(learners) => {
                let body = json!({ "user_emails": self.emails(learners), "notify_users": false });
                (admin, Method::POST, path("licenses/assign/"), Some(body))
            }
            Request::Revoke(learners) => {
                let body = json!({ "user_emails": self.emails(learners) });
                (admin, Method::POST, path("licenses/bulk-revoke/"), Some(body))
            }
            Request::Grow(wanted) => {
                let body = json!({ "kind": "grow", "subscription_plan": self.plan, "params": { "desired_num_licenses": wanted } });
                (provisioner, Method::POST, "/api/v1/jobs/".to_owned(), Some(body))
            }
            Request::Free => (admin, Method::GET, path("licenses/overview/"), None),
        };
        let number = {
            let mut log = self.log();
            let number = log.len();
            log.push(Line::Sent(number));
            number
        };
        let response = client.try_send(method, &path, body.as_ref(), &self.request_id(number)).await;
        let steps = response.filter(|response| response.status.as_u16() < 500).map(|response| {
            let status = response.status.as_u16();
            self.steps(&request, status, &response.json())
                .unwrap_or_else(|| panic!("{request:?}: {status} {}", response.text))
        });
        let is_alive = steps.is_some();
        // A job that grows a plan takes effect later, at an unknown time.
        let steps = steps.filter(|_| !matches!(request, Request::Grow(_)));
        // Seats of several buckets are not counted at one moment.
        let is_counted_at_once = seats::buckets_for(self.total + MAX_GROWTH) == 1;
        let steps = steps.map(|mut steps| {
            steps.retain(|step| is_counted_at_once || !matches!(step, Step::Free(_)));
            steps
        });
        self.log().push(Line::Ended(number, steps));
        is_alive
    }

    /// The steps that the response shows.
    fn steps(&self, request: &Request, status: u16, body: &Value) -> Option<Vec<Step>> {
        let named = |list: &Value, learners: &BTreeSet<Learner>| -> Option<BTreeSet<Learner>> {
            let emails = list.as_array()?.iter().map(|line| line["user_email"].as_str());
            let found: BTreeSet<Learner> = emails.map(|email| self.learner(email?)).collect::<Option<_>>()?;
            found.is_subset(learners).then_some(found)
        };
        let steps = match (request, status) {
            (Request::Assign(learners), 200) => {
                let assigned = named(&body["license_assignments"], learners)?;
                let held = learners.difference(&assigned).map(|learner| Step::Holds(*learner, true));
                held.chain((!assigned.is_empty()).then(|| Step::Assign(assigned.clone()))).collect()
            }
            (Request::Assign(_), 400) => {
                let text = body.as_str()?;
                let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u64>().ok());
                let (wanted, available) = (numbers.next()?, numbers.next()?);
                assert!(wanted > available, "refused without need: {text}");
                vec![Step::Free(available)]
            }
            (Request::Revoke(learners), 200 | 207 | 404) => {
                let none = json!([]);
                let list = body.get("successful_revocations").unwrap_or(&none);
                let revoked = named(list, learners)?;
                let free = learners.difference(&revoked).map(|learner| Step::Holds(*learner, false));
                free.chain((!revoked.is_empty()).then(|| Step::Revoke(revoked.clone()))).collect()
            }
            (Request::Grow(_), 202) => Vec::new(),
            (Request::Free, 200) => {
                let of = |line: &&Value| line["status"] == "unassigned";
                let line = body.as_array()?.iter().find(of);
                vec![Step::Free(line.map_or(Some(0), |line| line["count"].as_u64())?)]
            }
            _ => return None,
        };
        Some(steps)
    }

    /// How many seats the plan had at first.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The plan's steps that the events record, in their order, each with its request's id.
    fn steps_of<'a>(&self, events: &'a [Event]) -> Vec<(&'a str, Step)> {
        let plan: PlanId = self.plan.parse().expect("the plan's id");
        let mut events: Vec<&Event> = events.iter().filter(|event| event.plan == Some(plan)).collect();
        events.sort_by_key(|event| event.id);
        let step = |event: &'a Event| {
            let emails = event.licenses.iter().filter_map(|change| change.email.as_ref());
            let learners = emails.filter_map(|email| self.learner(email.as_given())).collect();
            let step = match event.kind {
                EventKind::LicensesAssigned => Step::Assign(learners),
                EventKind::LicensesRevoked => Step::Revoke(learners),
                EventKind::PlanUpdated => Step::Grow(event.count.unwrap_or_default()),
                _ => return None,
            };
            Some((event.stamp.request_id.as_str(), step))
        };
        events.into_iter().filter_map(step).collect()
    }

    /// The same as text, for debugging.
    pub fn text(&self, events: &[Event]) -> String {
        self.steps_of(events)
            .into_iter()
            .map(|(request, step)| format!("{request}: {step:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The complete history: the events in the table show what the responses do not.
    pub fn history(&self, events: &[Event]) -> History {
        let mut by_request: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for (request, step) in self.steps_of(events) {
            by_request.entry(request).or_default().push(step);
        }
        let log = self.log();
        let mut seen: BTreeMap<usize, Vec<Step>> = BTreeMap::new();
        for line in log.iter() {
            if let Line::Ended(request, Some(steps)) = line {
                seen.insert(*request, steps.clone());
            }
        }
        let mut history = History::default();
        for (time, line) in log.iter().enumerate() {
            match line {
                Line::Sent(request) => {
                    let by_events = || by_request.get(self.request_id(*request).as_str()).cloned();
                    let steps = seen.get(request).cloned().or_else(by_events).unwrap_or_default();
                    // A step without a response may take effect at any later time.
                    history.0.extend(steps.into_iter().map(|step| Span {
                        step,
                        from: time,
                        to: usize::MAX,
                        request: *request,
                    }));
                }
                Line::Ended(request, Some(_)) => history.end(*request, time),
                Line::Ended(_, None) => {}
            }
        }
        history
    }
}

/// A step between the times at which its request was sent and its response came.
#[derive(Clone, Debug)]
struct Span {
    step: Step,
    from: usize,
    to: usize,
    request: usize,
}

/// A complete history.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<Span>);

/// The most orders that are tried: a history of a few clients needs some thousands.
const MAX_ORDERS: usize = 2_000_000;

impl History {
    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no steps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn end(&mut self, request: usize, time: usize) {
        for span in self.0.iter_mut().filter(|span| span.request == request) {
            span.to = time;
        }
    }

    /// Checks that clients could have observed the same one after the other, of a plan with so many seats: each step
    /// can be given a moment between its beginning and its end, so that every step is possible at its moment.
    ///
    /// # Errors
    ///
    /// Checks the history; the error is the longest possible order, and the step that is impossible after it.
    pub fn check(&self, total: u64) -> Result<(), String> {
        let seats = Seats { total, holders: BTreeSet::new() };
        let done = vec![false; self.0.len()];
        let mut search = Search { spans: &self.0, done, tried: HashSet::new(), best: (0, String::new()) };
        if search.goes_on(&seats) { Ok(()) } else { Err(search.best.1) }
    }
}

/// The search for moments, as Wing and Gong describe it, with Lowe's cache of tried states. A step that only reads is
/// done as soon as it is possible: it changes nothing, so doing it later could not help.
struct Search<'a> {
    spans: &'a [Span],
    done: Vec<bool>,
    tried: HashSet<(Vec<bool>, Seats)>,
    /// The number of steps of the longest order, and where it ends.
    best: (usize, String),
}

impl Search<'_> {
    /// Whether the remaining steps can be done.
    fn goes_on(&mut self, seats: &Seats) -> bool {
        let mut looked = Vec::new();
        let changes = loop {
            let open = || (0..self.spans.len()).filter(|at| !self.done[*at]);
            let Some(first_end) = open().map(|at| self.spans[at].to).min() else { return true };
            let possible = open().filter(|at| self.spans[*at].from < first_end);
            let possible: Vec<_> = possible.filter_map(|at| Some((at, seats.after(&self.spans[at].step)?))).collect();
            let (looks, changes): (Vec<_>, Vec<_>) = possible.into_iter().partition(|(_, after)| after == seats);
            if looks.is_empty() {
                break changes;
            }
            for (at, _) in looks {
                self.done[at] = true;
                looked.push(at);
            }
        };
        self.remember(seats);
        for (at, after) in changes {
            self.done[at] = true;
            assert!(self.tried.len() < MAX_ORDERS, "too many orders to decide");
            if self.tried.insert((self.done.clone(), after.clone())) && self.goes_on(&after) {
                return true;
            }
            self.done[at] = false;
        }
        for at in looked {
            self.done[at] = false;
        }
        false
    }

    fn remember(&mut self, seats: &Seats) {
        let done = self.done.iter().filter(|done| **done).count();
        if done <= self.best.0 && !self.best.1.is_empty() {
            return;
        }
        let open = self.spans.iter().zip(&self.done).filter(|(_, done)| !**done).map(|(span, _)| span);
        let stuck = open.min_by_key(|span| span.to).expect("it is not over yet");
        self.best = (done, format!("no moment for {stuck:?} after {done} steps, with {seats:?}"));
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Span { step, from, to, .. } in &self.0 {
            let to = if *to == usize::MAX { "?".to_owned() } else { to.to_string() };
            writeln!(f, "{from:4} to {to:>4}: {step:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks whether such steps are possible one after the other; those marked so begin together with the one before.
    fn is_possible(total: u64, steps: &[(bool, Step)]) -> bool {
        let mut spans: Vec<Span> = Vec::new();
        for (time, (is_beside_the_last, step)) in steps.iter().enumerate() {
            let from = if *is_beside_the_last { spans.last().expect("a step before").from } else { 2 * time };
            spans.push(Span { step: step.clone(), from, to: 2 * time + 1, request: time });
        }
        History(spans).check(total).is_ok()
    }

    fn assign(learners: &[Learner]) -> Step {
        Step::Assign(learners.iter().copied().collect())
    }

    #[test]
    fn a_history_that_is_possible_one_after_the_other_is_accepted() {
        let revoke = Step::Revoke([1].into());
        let good = [
            (false, assign(&[1, 2])),
            (true, Step::Free(0)),
            (true, Step::Free(2)),
            (false, revoke),
            (true, assign(&[3])),
            (true, Step::Holds(1, false)),
            (false, Step::Free(0)),
        ];
        assert!(is_possible(2, &good));
    }

    #[test]
    fn a_seat_given_twice_a_lost_update_and_a_stale_count_are_refused() {
        let twice = [(false, assign(&[1])), (true, assign(&[2]))];
        let again = [(false, assign(&[1])), (false, assign(&[1]))];
        let lost = [(false, assign(&[1])), (false, Step::Holds(1, false))];
        let stale = [(false, assign(&[1])), (false, Step::Free(1))];
        let nothing = [(false, Step::Revoke([7].into()))];
        for bad in [&twice[..], &again, &lost, &stale, &nothing] {
            assert!(!is_possible(1, bad), "{bad:?}");
        }
    }

    #[test]
    fn a_step_without_a_response_may_take_effect_late_but_not_early() {
        let unknown = Span { step: assign(&[1]), from: 2, to: usize::MAX, request: 1 };
        let free = |free, from| Span { step: Step::Free(free), from, to: from + 1, request: from };
        assert!(History(vec![free(1, 0), unknown.clone(), free(1, 4), free(0, 6)]).check(1).is_ok());
        assert!(History(vec![free(0, 0), unknown, free(1, 4)]).check(1).is_err());
    }
}
