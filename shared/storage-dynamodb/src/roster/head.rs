//! The head of a roster: its current manifest, and when it is due.

use async_trait::async_trait;
use license_domain::{AgreementId, PlanId, SubscriptionPlan, Timestamp};
use license_storage::{DueRoster, RosterMarks, RosterUpdate, StoreError};

use crate::{
    Store,
    buckets::Buckets,
    changes,
    keys::{self, Item, Key},
    roster::MARGIN,
    rows::{self, attributes, number, text},
    sweep::readable,
    table::{Expression, Range, Write},
};

const AGREEMENT: &str = "customer_agreement";
const MANIFEST: &str = "manifest";
const COMPLETE_TO: &str = "complete_to";
const MADE: &str = "made";
/// The time up to which the next roster has to be complete.
const WANTED: &str = "wanted";
/// Whether the objects of the last roster must be deleted, because they contain a retired learner.
const FORGETTING: &str = "forgetting";

/// A roster's head.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(super) agreement: AgreementId,
    /// The manifest's object, and the time up to which it is complete.
    pub(super) current: Option<Current>,
    /// A change at this time requires a new roster.
    pub(super) wanted: Option<Timestamp>,
    /// A learner was retired.
    pub(super) is_forgetting: bool,
    /// The number of rosters so far.
    pub(super) version: u64,
}

/// The current roster.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) manifest: String,
    pub(super) complete_to: Timestamp,
    pub(super) made: Timestamp,
}

fn time_in(item: &Item, name: &str) -> Option<Timestamp> {
    item.get(name)?.as_s().ok()?.parse().ok()
}

impl Head {
    pub(super) fn of(item: &Item) -> Result<Self, StoreError> {
        let is_marked_only = !item.contains_key(attributes::VERSION);
        let current = || {
            Some(Current {
                manifest: item.get(MANIFEST)?.as_s().ok()?.clone(),
                complete_to: time_in(item, COMPLETE_TO)?,
                made: time_in(item, MADE)?,
            })
        };
        Ok(Self {
            agreement: rows::agreement_of_license(item)?,
            // What cannot be read is built again.
            current: current(),
            wanted: time_in(item, WANTED),
            is_forgetting: item.contains_key(FORGETTING),
            version: if is_marked_only { 0 } else { rows::version_of(item)? },
        })
    }
}

/// The head of an imported plan: its roster is due when the index certainly shows its licenses.
pub(crate) fn of_import(plan: PlanId, agreement: AgreementId, now: Timestamp) -> Item {
    let mut item = keys::roster(plan).attributes();
    item.insert(AGREEMENT.to_owned(), text(agreement));
    item.insert(WANTED.to_owned(), text(keys::time(now)));
    keys::due_roster(plan, now + MARGIN).put(&mut item);
    item
}

#[async_trait]
impl RosterMarks for Store {
    /// One update: the head is due at that time, if it was not due already. Only a retirement updates a head that is
    /// due already.
    async fn mark(&self, plan: &SubscriptionPlan, update: RosterUpdate) -> Result<(), StoreError> {
        if !changes::is_logged(plan) {
            return Ok(());
        }
        let (plan, agreement) = (plan.uuid, plan.customer_agreement);
        let now = self.clock.now();
        let at = match update {
            RosterUpdate::Soon => now,
            RosterUpdate::Forgetting => now + MARGIN,
        };
        let [(pk_name, pk), (sk_name, sk)] = keys::due_roster(plan, at).pairs();
        let mut terms = Expression::new("attribute_not_exists(#due) OR #due > :due")
            .name(AGREEMENT)
            .name(WANTED)
            .value("agreement", text(agreement))
            .value("wanted", text(keys::time(now)))
            .value("pk", text(pk))
            .value("due", text(sk));
        terms.names.insert("#pk".to_owned(), pk_name);
        terms.names.insert("#due".to_owned(), sk_name);
        let mut update_text = format!("SET #{AGREEMENT} = :agreement, #{WANTED} = :wanted, #pk = :pk, #due = :due");
        if update == RosterUpdate::Forgetting {
            // If it is due earlier, it is examined again then.
            update_text.push_str(", #forgetting = :yes");
            terms = terms.name(FORGETTING).value("yes", rows::flag(true));
        }
        let is_written = self.table.update(&keys::roster(plan), &update_text, terms).await?.is_some();
        if !is_written && update == RosterUpdate::Forgetting {
            let terms = Expression::new("attribute_exists(pk)")
                .name(WANTED)
                .name(FORGETTING)
                .value("wanted", text(keys::time(now)))
                .value("yes", rows::flag(true));
            let update_text = format!("SET #{WANTED} = :wanted, #{FORGETTING} = :yes");
            self.table.update(&keys::roster(plan), &update_text, terms).await?;
        }
        Ok(())
    }
}

impl Store {
    /// The head of the plan's roster, if there is one.
    pub(super) async fn roster_head(&self, plan: PlanId) -> Result<Option<Head>, StoreError> {
        self.table.get(&keys::roster(plan)).await?.as_ref().map(Head::of).transpose()
    }

    /// The plan's buckets, and the item of its roster's head, in one call.
    pub(super) async fn buckets_and_head(
        &self,
        plan: &SubscriptionPlan,
    ) -> Result<(Buckets, Option<Item>), StoreError> {
        let key = keys::roster(plan.uuid);
        let (mut buckets, head) = self.stored_buckets_and(&[plan], Some(&key)).await?;
        let buckets = self.completed(plan, buckets.pop().expect("as many as plans")).await?;
        Ok((buckets, head))
    }

    pub(super) async fn due_heads(&self, limit: usize) -> Result<Vec<DueRoster>, StoreError> {
        let now = keys::due_by(self.clock.now());
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::DUE_ROSTERS.to_owned(),
            between: Some(("0", &now)),
            limit: Some(limit),
            ..Range::default()
        };
        let due = readable(&self.table.query(range).await?, keys::due_roster_in);
        Ok(due.into_iter().map(|(plan, place)| DueRoster { plan, place }).collect())
    }

    /// Postpones a head to that time if it is still due as it was seen. Of several simultaneous callers one succeeds.
    pub(super) async fn postpone_head(
        &self,
        plan: PlanId,
        seen: &str,
        at: Timestamp,
    ) -> Result<Option<(Head, String)>, StoreError> {
        let [_, (name, due)] = keys::due_roster(plan, at).pairs();
        let mut terms = Expression::new("#due = :seen").value("seen", text(seen)).value("due", text(&due));
        terms.names.insert("#due".to_owned(), name);
        let item = self.table.update(&keys::roster(plan), "SET #due = :due", terms).await?;
        Ok(item.as_ref().map(Head::of).transpose()?.map(|head| (head, due)))
    }

    /// Makes that manifest the current one, if the current one is still the one that was seen.
    pub(super) async fn swing_head(
        &self,
        plan: PlanId,
        seen: &Head,
        (manifest, complete_to): (&str, Timestamp),
    ) -> Result<bool, StoreError> {
        let condition = match seen.version {
            0 => "attribute_exists(pk) AND attribute_not_exists(#version)".to_owned(),
            _ => "#version = :seen".to_owned(),
        };
        let mut terms = Expression::new(condition)
            .name(attributes::VERSION)
            .name(MANIFEST)
            .name(COMPLETE_TO)
            .name(MADE)
            .value("version", number(seen.version + 1))
            .value("manifest", text(manifest))
            .value("complete", text(keys::time(complete_to)))
            .value("made", text(keys::time(self.clock.now())));
        if seen.version > 0 {
            terms = terms.value("seen", number(seen.version));
        }
        let update = format!(
            "SET #{} = :version, #{MANIFEST} = :manifest, #{COMPLETE_TO} = :complete, #{MADE} = :made",
            attributes::VERSION
        );
        Ok(self.table.update(&keys::roster(plan), &update, terms).await?.is_some())
    }

    /// Records that the roster has the required changes, unless a later change requires more by now.
    pub(super) async fn satisfy_head(&self, plan: PlanId, wanted: Timestamp) -> Result<(), StoreError> {
        let terms =
            Expression::new("#wanted = :seen").name(WANTED).name(FORGETTING).value("seen", text(keys::time(wanted)));
        self.table.update(&keys::roster(plan), &format!("REMOVE #{WANTED}, #{FORGETTING}"), terms).await?;
        Ok(())
    }

    /// Removes the current roster: the next one is built from the index.
    pub(super) async fn discard_current(&self, plan: PlanId, seen: &Head) -> Result<(), StoreError> {
        let terms = Expression::new("#version = :seen")
            .name(attributes::VERSION)
            .name(MANIFEST)
            .name(COMPLETE_TO)
            .name(MADE)
            .value("seen", number(seen.version))
            .value("version", number(seen.version + 1));
        let update = format!("SET #{} = :version REMOVE #{MANIFEST}, #{COMPLETE_TO}, #{MADE}", attributes::VERSION);
        self.table.update(&keys::roster(plan), &update, terms).await?;
        Ok(())
    }

    /// Deletes a head that is still due as it was seen.
    pub(super) async fn remove_head(&self, plan: PlanId, place: &str) -> Result<(), StoreError> {
        let [_, (name, _)] = keys::due_roster(plan, self.clock.now()).pairs();
        let mut condition = Expression::new("#due = :seen").value("seen", text(place));
        condition.names.insert("#due".to_owned(), name);
        let key: Key = keys::roster(plan);
        self.write_if("remove roster", Write::Delete { key, condition: Some(condition) }).await?;
        Ok(())
    }
}
