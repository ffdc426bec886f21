//! A stand-in for EventBridge's schedules: calls the scheduled functions with its events, by the runner's clock.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::TimeDelta;
use lambda_runtime::LambdaEvent;
use license_domain::{Clock, Random, Timestamp};
use license_template::Template;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{StartError, clock::LocalClock};

/// The interval of checks of the clock.
const LOOK: Duration = Duration::from_secs(1);

/// All schedules of the template.
pub struct Schedules {
    clock: Arc<LocalClock>,
    random: Arc<dyn Random>,
    sweeper: function_sweeper::Context,
    timers: Mutex<Vec<Timer>>,
}

impl std::fmt::Debug for Schedules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedules").field("timers", &self.timers).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Timer {
    function: String,
    every: TimeDelta,
    due: Timestamp,
}

impl Schedules {
    /// The template's schedules, each due one interval from now.
    pub fn new(
        template: &Template,
        clock: Arc<LocalClock>,
        random: Arc<dyn Random>,
        sweeper: function_sweeper::Context,
    ) -> Result<Self, StartError> {
        let now = clock.now();
        let mut timers = Vec::new();
        for function in template.functions() {
            for schedule in &function.schedules {
                let every = rate(schedule).ok_or_else(|| StartError::Schedule(schedule.clone()))?;
                timers.push(Timer { function: function.binary.clone(), every, due: now + every });
            }
        }
        Ok(Self { clock, random, sweeper, timers: Mutex::new(timers) })
    }

    /// Calls the functions that are due, until none is.
    pub async fn run_due(&self) {
        // Held while the functions run, so that a caller who waits for due functions waits for all of them.
        let mut timers = self.timers.lock().await;
        for timer in timers.iter_mut() {
            let now = self.clock.now();
            if timer.due <= now {
                timer.due = now + timer.every;
                self.call(&timer.function, now).await;
            }
        }
    }

    /// Checks the clock at intervals; never ends.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.run_due().await;
        }
    }

    async fn call(&self, function: &str, now: Timestamp) {
        if function != "function-sweeper" {
            tracing::error!(function, "the runner does not know this scheduled function");
            return;
        }
        if let Err(error) = function_sweeper::handle(&self.sweeper, self.event(now)).await {
            tracing::error!(function, %error, "a scheduled function failed");
        }
    }

    /// The event that EventBridge sends for a schedule.
    fn event(&self, now: Timestamp) -> LambdaEvent<EventBridgeEvent<Value>> {
        let mut event = EventBridgeEvent::<Value>::default();
        event.version = Some("0".to_owned());
        event.id = Some(self.random.uuid().to_string());
        event.detail_type = String::from("Scheduled Event");
        event.source = String::from("aws.scheduler");
        event.account = Some("000000000000".to_owned());
        event.time = Some(now);
        event.region = Some("local".to_owned());
        event.detail = json!({});
        let mut context = lambda_runtime::Context::default();
        context.request_id = self.random.uuid().to_string();
        LambdaEvent::new(event, context)
    }
}

/// Reads `rate(5 minutes)`.
fn rate(schedule: &str) -> Option<TimeDelta> {
    let (number, unit) = schedule.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit.trim_end_matches('s') {
        "minute" => TimeDelta::try_minutes(number),
        "hour" => TimeDelta::try_hours(number),
        "day" => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(rate("rate(1 minute)"), Some(TimeDelta::minutes(1)));
        assert_eq!(rate("rate(12 hours)"), Some(TimeDelta::hours(12)));
        for text in ["rate(0 minutes)", "rate(1 fortnight)", "cron(0 12 * * ? *)", "1 minute"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn the_templates_schedules_can_be_parsed() {
        let template = Template::embedded().expect("a template");
        for function in template.functions() {
            for schedule in &function.schedules {
                assert!(rate(schedule).is_some(), "{schedule}");
            }
        }
    }
}
