//! Time and randomness as arguments. So tests control both, and the runner can set the clock.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

use crate::ids::{ActivationKey, AgreementId, EventId, JobId, PlanId, WebhookId};

/// A time in UTC, in whole microseconds (the precision of the wire).
pub type Timestamp = DateTime<Utc>;

/// The source of the current time.
pub trait Clock: Send + Sync {
    /// The current time, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The source of random bits. Every random value in the product derives from these two traits.
pub trait Random: Send + Sync {
    /// 128 random bits.
    fn bits(&self) -> u128;

    /// A number below `bound` (0 if `bound` is 0). Its bias is small enough for spreading load.
    fn below(&self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        u64::try_from(self.bits() % u128::from(bound)).expect("a number below one of 64 bits")
    }

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bits().to_be_bytes()).into_uuid()
    }

    fn agreement_id(&self) -> AgreementId {
        AgreementId(self.uuid())
    }

    fn plan_id(&self) -> PlanId {
        PlanId(self.uuid())
    }

    fn job_id(&self) -> JobId {
        JobId(self.uuid())
    }

    fn webhook_id(&self) -> WebhookId {
        WebhookId(self.uuid())
    }

    /// A new activation key. It is the learner's secret, so all of its bits are random.
    fn activation_key(&self) -> ActivationKey {
        ActivationKey(self.uuid())
    }

    /// An event's id: sorts by `now`, random within a millisecond.
    fn event_id(&self, now: Timestamp) -> EventId {
        let millis = u64::try_from(now.timestamp_millis()).expect("no clock shows a time before 1970");
        let random = self.bits().to_be_bytes();
        let mut tail = [0_u8; 10];
        tail.copy_from_slice(&random[..10]);
        EventId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }
}

/// Truncates a time to microseconds, the precision of storage and wire.
#[must_use]
pub fn to_micros(moment: DateTime<Utc>) -> Timestamp {
    moment.trunc_subsecs(6)
}

/// Reads a duration as Django's JSON has it: days, hours, minutes and seconds (`90 00:00:00`, `12:30:00`), or as ISO
/// 8601 in weeks, days, hours, minutes and seconds (`P1DT12H`). Fractions of a second are dropped. Months and years
/// have no fixed length and are refused.
pub fn duration(text: &str) -> Option<TimeDelta> {
    if !text.starts_with('P') {
        return clock_duration(text);
    }
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text.strip_prefix('P')?, ""),
    };
    let date = sum(date, &[('W', 604_800), ('D', 86_400)])?;
    let time = sum(&without_fraction(time)?, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    let seconds = date.checked_add(time)?;
    (text.len() > 1).then(|| TimeDelta::try_seconds(seconds)).flatten()
}

/// `[days ]hours:minutes:seconds[.fraction]`.
fn clock_duration(text: &str) -> Option<TimeDelta> {
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (days, time) = text.split_once(' ').unwrap_or(("0", text));
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && digits(fraction).is_some();
    let (minutes, seconds) = (digits(minutes).filter(|n| *n < 60)?, digits(seconds).filter(|n| *n < 60)?);
    let seconds =
        i64::from(digits(days)?) * 86_400 + i64::from(digits(hours)?) * 3_600 + i64::from(minutes * 60 + seconds);
    is_whole.then(|| TimeDelta::try_seconds(seconds)).flatten()
}

/// A duration in the format of Django's JSON: `90 00:00:00`.
pub fn duration_text(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let time = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days == 0 { time } else { format!("{days} {time}") }
}

/// ISO 8601's time without the fraction of its seconds.
fn without_fraction(time: &str) -> Option<String> {
    let Some((whole, fraction)) = time.split_once('.') else { return Some(time.to_owned()) };
    let digits = fraction.strip_suffix('S')?;
    let is_fraction = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_fraction.then(|| format!("{whole}S"))
}

fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut seconds: i64 = 0;
    for (unit, length) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            let number: u32 = number.parse().ok()?;
            seconds = seconds.checked_add(i64::from(number).checked_mul(*length)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_it_was_written() {
        for seconds in [0, 1, 59, 3_600, 86_399, 86_400, 131_425, 7_776_000] {
            assert_eq!(duration(&duration_text(seconds)), Some(TimeDelta::seconds(seconds)), "{seconds}");
        }
        assert_eq!([7_776_000, 1_800, -86_400].map(duration_text), ["90 00:00:00", "00:30:00", "-1 00:00:00"]);
    }

    #[test]
    fn durations_have_a_fixed_length_or_are_refused() {
        for (text, seconds) in [
            ("90 00:00:00", 7_776_000),
            ("1 12:30:00.5", 131_400),
            ("00:30:00", 1_800),
            ("P90DT00H00M00S", 7_776_000),
            ("P1DT12H30M00.5S", 131_400),
        ] {
            assert_eq!(duration(text), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in
            ["-1 00:00:00", "1 00:00", "1 00:60:00", "1 0:0:0:0", " 00:00:01", "+1 00:00:00", "1 00:00:00.", "PT1.5H"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        for (text, seconds) in [("P1D", 86_400), ("P1DT1H", 90_000), ("PT90M", 5_400), ("P2W", 1_209_600), ("PT0S", 0)]
        {
            assert_eq!(duration(text), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in ["", "P", "PT", "1D", "P1", "P1Y", "P1M", "-P1D", "P-1D", "PT1H1D", "P1.5D", "soon"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
