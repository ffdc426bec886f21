//! Notices that a plan's admins get once.

use async_trait::async_trait;
use chrono::TimeDelta;
use license_domain::{Consequence, Event, EventKind, PlanId, Portfolio, Stamp};

use crate::{
    Store,
    keys::{self, TTL},
    rows,
    table::{Expression, Write},
};
use license_storage::{Change, Notifications, StoreError};

/// The name of the notice about a plan's utilization.
const UTILIZATION: &str = "utilization";

/// The name of the notice about the first week with auto-apply.
const FIRST_WEEK: &str = "first-week";

/// The prefix of the names of the notices about a plan's weeks, and how long they are kept.
const WEEK: &str = "week-";
const WEEK_KEPT: TimeDelta = TimeDelta::days(30);

/// The attribute with the percentage of the last notice.
const PERCENT: &str = "percent";

#[async_trait]
impl Notifications for Store {
    /// One transaction: the notice (absent, or of a lower percentage), the event that requests the mail. The condition
    /// failed: they were informed before. The transaction conflicted: again after a random wait.
    async fn report_utilization(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        percent: u8,
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        let event = Event {
            plan: Some(plan),
            count: Some(u64::from(percent)),
            consequences: vec![Consequence::MailUtilization { percent }],
            ..self.new_event(EventKind::UtilizationReached, &portfolio.agreement, stamp)
        };
        let mut item = keys::notice(plan, UTILIZATION).attributes();
        item.insert(PERCENT.to_owned(), rows::number(percent));
        item.insert("notified".to_owned(), rows::text(keys::time(stamp.at)));
        let condition = Expression::new("attribute_not_exists(pk) OR #percent < :percent")
            .name(PERCENT)
            .value(PERCENT, rows::number(percent));
        self.write_with_event(
            "utilization notice",
            Write::Put { item, condition: Some(condition) },
            &event,
            &stamp.clone().into(),
        )
        .await
    }

    /// One transaction: the notice (absent), the event that requests the mail, the record of the change.
    async fn report_first_week(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        taken: u64,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let event = Event {
            plan: Some(plan),
            count: Some(taken),
            consequences: vec![Consequence::MailFirstWeek { taken }],
            ..self.new_event(EventKind::FirstWeekReported, &portfolio.agreement, change)
        };
        let mut item = keys::notice(plan, FIRST_WEEK).attributes();
        item.insert("notified".to_owned(), rows::text(keys::time(change.at)));
        self.write_with_event("first week notice", Write::create(item), &event, change).await
    }

    /// One transaction: the notice (absent), the event that requests the mail, the record of the change.
    async fn report_week(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        (week, mail): (i32, Consequence),
        change: &Change,
    ) -> Result<bool, StoreError> {
        let event = Event {
            plan: Some(plan),
            consequences: vec![mail],
            ..self.new_event(EventKind::WeekReported, &portfolio.agreement, change)
        };
        let mut item = keys::notice(plan, &format!("{WEEK}{week}")).attributes();
        item.insert("notified".to_owned(), rows::text(keys::time(change.at)));
        item.insert(TTL.to_owned(), rows::number((change.at + WEEK_KEPT).timestamp()));
        self.write_with_event("weekly notice", Write::create(item), &event, change).await
    }
}
