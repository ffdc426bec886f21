//! Plans that are due to be looked at: found, postponed; and the work that was begun on them.

use async_trait::async_trait;
use chrono::TimeDelta;
use license_domain::{
    AgreementId, DuePlan, Job, PlanId, PlanWork, Timestamp,
    plan_work::{ConcerningPlan, Concerns},
};

use crate::{
    Store,
    attempts::Attempt,
    audit_trails::version_is,
    jobs,
    keys::{self, AgreementKeys, Key, TTL},
    rows::{self, number, text},
    sweep::readable,
    table::{Expression, Range, Write},
    transaction::Commit,
};
use license_storage::{PlanWorks, StoreError};

/// How long it is on record which work was begun last: longer than any run is.
const KEPT: TimeDelta = TimeDelta::days(365);

#[async_trait]
impl PlanWorks for Store {
    async fn due_plans(&self, limit: usize) -> Result<Vec<DuePlan>, StoreError> {
        let now = keys::due_by(self.clock.now());
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::DUE_PLANS.to_owned(),
            between: Some(("0", &now)),
            limit: Some(limit),
            ..Range::default()
        };
        Ok(readable(&self.table.query(range).await?, keys::due_plan_in))
    }

    async fn next_plan(&self) -> Result<Option<DuePlan>, StoreError> {
        let partition = keys::DUE_PLANS.to_owned();
        let range = Range { index: Some(keys::GSI3), partition, limit: Some(1), ..Range::default() };
        Ok(readable(&self.table.query(range).await?, keys::due_plan_in).pop())
    }

    async fn marked_plans(&self) -> Result<Vec<DuePlan>, StoreError> {
        let range = Range { index: Some(keys::GSI3), partition: keys::DUE_PLANS.to_owned(), ..Range::default() };
        Ok(readable(&self.table.query(range).await?, keys::due_plan_in))
    }

    /// One update: the due time, on condition that it is the one that was seen. Writing the plan meanwhile has put
    /// another one there.
    async fn postpone_plan(&self, seen: &DuePlan, at: Timestamp, attempts: u32) -> Result<Option<DuePlan>, StoreError> {
        let next = DuePlan { at, attempts, ..*seen };
        let [_, (_, is)] = keys::due_plan(at, attempts).pairs();
        let terms = due_as(seen).value("next", text(is));
        let key = AgreementKeys(seen.agreement).plan(seen.plan);
        Ok(self.table.update(&key, "SET #due = :next", terms).await?.map(|_| next))
    }

    /// The same, with the plan's place in the list of concerns. What happens no more leaves the index of what is due.
    async fn record_look(
        &self,
        seen: &DuePlan,
        next: Option<(Timestamp, u32)>,
        concerns: Option<&Concerns>,
    ) -> Result<(), StoreError> {
        let mut terms = due_as(seen);
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        if let Some((at, attempts)) = next {
            let [_, (_, is)] = keys::due_plan(at, attempts).pairs();
            terms = terms.value("next", text(is));
            set.push("#due = :next");
        } else {
            let [(partition, _), _] = keys::due_plan(seen.at, seen.attempts).pairs();
            terms.names.insert("#partition".to_owned(), partition);
            remove.extend(["#partition", "#due"]);
        }
        if let Some(concerns) = concerns {
            let [(list, of), (place, is)] = keys::concerns(seen.plan, concerns).pairs();
            terms.names.extend([("#list".to_owned(), list), ("#place".to_owned(), place)]);
            if concerns.list.is_empty() {
                remove.extend(["#list", "#place"]);
            } else {
                terms = terms.value("list", text(of)).value("place", text(is));
                set.extend(["#list = :list", "#place = :place"]);
            }
        }
        let part =
            |verb: &str, of: &[&str]| if of.is_empty() { String::new() } else { format!("{verb} {} ", of.join(", ")) };
        let update = part("SET", &set) + &part("REMOVE", &remove);
        let key = AgreementKeys(seen.agreement).plan(seen.plan);
        self.table.update(&key, update.trim_end(), terms).await.map(|_| ())
    }

    async fn concerning_plans(&self, after: Option<&str>, limit: usize) -> Result<Vec<ConcerningPlan>, StoreError> {
        let from = after.map(keys::behind);
        if from.as_deref().is_some_and(|from| from > keys::CONCERNS_END) {
            return Ok(Vec::new());
        }
        let range = Range {
            index: Some(keys::GSI1),
            partition: keys::CONCERNS.to_owned(),
            between: from.as_deref().map(|from| (from, keys::CONCERNS_END)),
            limit: Some(limit),
            ..Range::default()
        };
        Ok(readable(&self.table.query(range).await?, keys::concerning_plan_in))
    }

    async fn look_at_plan(&self, agreement: AgreementId, plan: PlanId, at: Timestamp) -> Result<(), StoreError> {
        let (key, update, terms) = look(agreement, plan, at);
        self.table.update(&key, update, terms).await.map(|_| ())
    }

    async fn plan_work(&self, agreement: AgreementId, plan: PlanId) -> Result<Option<PlanWork>, StoreError> {
        let item = self.table.get(&AgreementKeys(agreement).plan_work(plan)).await?;
        item.map(rows::from_item).transpose()
    }

    /// One transaction: the record of the work (as it was seen), the run (absent). The condition failed: another sweeper
    /// began something. The transaction met another one: again after a random wait.
    async fn begin_plan_work(&self, seen: Option<&PlanWork>, work: &PlanWork, run: &Job) -> Result<bool, StoreError> {
        let put = &put_work(seen, work)?;
        let job = &jobs::item(run, None)?;
        self.transact("begin plan work", (), |mut transaction, ()| async move {
            transaction.when((), [put.clone()]);
            transaction.write([Write::create(job.clone())]);
            Ok(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(true),
                Commit::Failed(_) => Attempt::Done(false),
                Commit::Conflict => Attempt::Retry(()),
            })
        })
        .await
    }

    async fn note_plan_work(&self, seen: Option<&PlanWork>, work: &PlanWork) -> Result<bool, StoreError> {
        self.write_if("note plan work", put_work(seen, work)?).await
    }
}

/// The record of the work, on condition that the last one is as it was seen.
fn put_work(seen: Option<&PlanWork>, work: &PlanWork) -> Result<Write, StoreError> {
    let version = seen.map_or(0, |seen| seen.version) + 1;
    let mut item = rows::to_item(&PlanWork { version, ..work.clone() })?;
    item.extend(AgreementKeys(work.agreement).plan_work(work.plan).attributes());
    item.insert(TTL.to_owned(), number((work.begun + KEPT).timestamp()));
    let condition = seen.map_or_else(Expression::absent, |seen| version_is(seen.version));
    Ok(Write::Put { item, condition: Some(condition) })
}

/// Lets a plan be looked at soon, on condition that it is there: what is written beside it may change its prospects.
pub(crate) fn look_soon(agreement: AgreementId, plan: PlanId, at: Timestamp) -> Write {
    let (key, update, mut terms) = look(agreement, plan, at);
    let condition = Some(std::mem::take(&mut terms.text));
    Write::Update { key, update: update.to_owned(), condition, terms }
}

fn look(agreement: AgreementId, plan: PlanId, at: Timestamp) -> (Key, &'static str, Expression) {
    let [(partition, of), (due, is)] = keys::due_plan(at, 0).pairs();
    let mut terms = Expression::present().value("of", text(of)).value("is", text(is));
    terms.names.extend([("#partition".to_owned(), partition), ("#due".to_owned(), due)]);
    (AgreementKeys(agreement).plan(plan), "SET #partition = :of, #due = :is", terms)
}

/// The condition that a plan is due as it was seen.
fn due_as(seen: &DuePlan) -> Expression {
    let [_, (name, was)] = keys::due_plan(seen.at, seen.attempts).pairs();
    let mut terms = Expression::new("#due = :seen").value("seen", text(was));
    terms.names.insert("#due".to_owned(), name);
    terms
}
