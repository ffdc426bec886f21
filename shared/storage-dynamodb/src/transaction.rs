//! A unit of work: one transaction whose conditions have names.
//!
//! 1. A use case builds a [`Transaction`] of writes. Each write whose refusal is expected has a name that the use case
//!    chooses (`Slot`, `Title`); the others have none.
//! 2. [`Store::commit`] writes all of it or nothing. Refused conditions are returned by name, with the item that was
//!    there, and not as positions in a list.
//! 3. The SDK repeats a call that got no response. If the repeated one is refused, the first one may have been written.
//!    The event, which no other transaction writes, shows whether it was. Without this check a request could have its
//!    effect twice.
//! 4. [`Store::transact`] runs attempts: it calls the use case with an empty transaction for each attempt, waits with
//!    full jitter between two attempts, and fails with [`StoreError::Contention`] when they run out. The use case
//!    decides which failed condition means "repeat" and which one is a result.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::BoxFuture;
use license_domain::{Event, EventId, LicenseChange, Stamp, SubscriptionPlan};

use crate::{
    Store,
    attempts::Attempt,
    changes,
    idempotency::{self, Step},
    keys::{self, Item, Key},
    rows,
    table::{Canceled, Write},
};
use license_storage::{Change, StoreError};

/// The most items that one transaction may hold.
pub(crate) const MAX_ITEMS: usize = 100;
/// The most bytes of all items of one transaction.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How often an item is read that shows whether a transaction was written.
const WITNESS_READS: u32 = 3;

/// Writes that commit together or not at all. `C` names the conditions.
#[derive(Debug)]
pub(crate) struct Transaction<C> {
    operation: &'static str,
    writes: Vec<(Name<C>, Write)>,
    /// An item that only this transaction writes.
    witness: Option<Key>,
    /// The entries for plans' logs of changes: the index of the write, and the partition.
    entries: Vec<(usize, String)>,
}

/// The name of a write's condition.
#[derive(Clone, Copy, Debug)]
enum Name<C> {
    /// The use case's name.
    Of(C),
    /// No condition, or one that fails only if a random id occurs twice.
    Unnamed,
    /// The condition that no other attempt at the same request has committed.
    Record,
}

impl<C> Transaction<C> {
    /// An empty transaction; the operation appears in errors and logs.
    pub(crate) const fn new(operation: &'static str) -> Self {
        Self { operation, writes: Vec::new(), witness: None, entries: Vec::new() }
    }

    /// Adds writes whose condition has this name.
    pub(crate) fn when(&mut self, name: C, writes: impl IntoIterator<Item = Write>)
    where
        C: Copy,
    {
        self.writes.extend(writes.into_iter().map(|write| (Name::Of(name), write)));
    }

    /// Adds writes without a condition, and new items with random ids, whose condition fails only if an id occurs
    /// twice.
    pub(crate) fn write(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.writes.extend(writes.into_iter().map(|write| (Name::Unnamed, write)));
    }

    pub(crate) fn event(&mut self, event: &Event) -> Result<(), StoreError> {
        self.write([Write::create(rows::event(event)?)]);
        self.witness.get_or_insert_with(|| keys::event(event.id));
        Ok(())
    }

    /// Adds an event about licenses of that plan, and its entry in the plan's log of changes.
    pub(crate) fn license_event(&mut self, event: &Event, plan: &SubscriptionPlan) -> Result<(), StoreError> {
        self.logged_event(event, plan, Vec::new())
    }

    /// Adds an event about licenses of that plan, and its entry in the plan's log of changes. `keys_before`: the keys
    /// in the list that the licenses had, if the event does not contain them.
    pub(crate) fn logged_event(
        &mut self,
        event: &Event,
        plan: &SubscriptionPlan,
        keys_before: Vec<String>,
    ) -> Result<(), StoreError> {
        let number = self.writes.len();
        self.event(event)?;
        if let (Some(partition), Some((_, Write::Put { item, .. }))) =
            (changes::partition(plan, event.id), self.writes.get_mut(number))
        {
            changes::put_keys_before(item, keys_before);
            self.entries.push((number, partition));
        }
        Ok(())
    }

    /// Adds changes to the log of a plan that is not the event's plan.
    pub(crate) fn log_beside(
        &mut self,
        event: EventId,
        stamp: &Stamp,
        plan: &SubscriptionPlan,
        licenses: &[LicenseChange],
    ) -> Result<(), StoreError> {
        if let Some(partition) = changes::partition(plan, event) {
            self.entries.push((self.writes.len(), partition));
            self.write([Write::put(changes::beside(event, stamp, licenses)?)]);
        }
        Ok(())
    }

    /// Adds the event of a change of licenses of that plan and, if the change has a key, the record with its outcome.
    pub(crate) fn add_license_events(
        &mut self,
        event: &Event,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.license_event(event, plan)?;
        self.record(change, Step::Whole)
    }

    /// Adds the event of a change and, if the change has a key, the record with its outcome.
    pub(crate) fn add_event(&mut self, event: &Event, change: &Change) -> Result<(), StoreError> {
        self.event(event)?;
        self.record(change, Step::Whole)
    }

    /// Adds the record of a change, if the change has a key.
    pub(crate) fn record(&mut self, change: &Change, step: Step) -> Result<(), StoreError> {
        self.writes.extend(idempotency::record(change, step)?.map(|write| (Name::Record, write)));
        Ok(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there is nothing to write.
    pub(crate) const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn check_size(&self) -> Result<(), StoreError> {
        let bytes = self.writes.iter().map(|(_, write)| write.size()).sum();
        if self.len() > MAX_ITEMS || bytes > MAX_BYTES {
            return Err(StoreError::TooLarge { operation: self.operation, items: self.len(), bytes });
        }
        Ok(())
    }
}

/// The result of a transaction.
#[derive(Debug)]
#[must_use]
pub(crate) enum Commit<C> {
    /// Everything was written.
    Done,
    /// Nothing was written: another transaction was writing one of the items.
    Conflict,
    /// Nothing was written: these conditions did not hold.
    Failed(Failures<C>),
}

impl<C> Commit<C> {
    /// The result, if everything was written; else the attempt is repeated, whatever the reason.
    pub(crate) fn or_retry<T, S: Default>(self, result: T) -> Attempt<T, S> {
        match self {
            Self::Done => Attempt::Done(result),
            Self::Conflict | Self::Failed(_) => Attempt::Retry(S::default()),
        }
    }
}

/// The conditions that did not hold, in the order of the writes, each with the item that was there.
#[derive(Debug)]
pub(crate) struct Failures<C>(Vec<(C, Option<Item>)>);

impl<C: Copy + PartialEq> Failures<C> {
    /// Whether a condition of this name failed.
    pub(crate) fn has(&self, name: C) -> bool {
        self.names().any(|failed| failed == name)
    }

    /// The names of all conditions that failed.
    pub(crate) fn names(&self) -> impl Iterator<Item = C> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// The item that was there when the condition of this name failed.
    pub(crate) fn item(self, name: C) -> Option<Item> {
        self.0.into_iter().find(|(failed, _)| *failed == name)?.1
    }
}

impl Store {
    /// Runs attempts at a use case's transaction. Each call of `attempt` gets an empty transaction and the state that
    /// the attempt before left (the first one `state`): it reads, decides, builds, commits, and returns whether it has
    /// the result.
    pub(crate) async fn transact<C, S, T, E, F, Fut>(
        &self,
        operation: &'static str,
        state: S,
        mut attempt: F,
    ) -> Result<T, E>
    where
        F: FnMut(Transaction<C>, S) -> Fut,
        Fut: Future<Output = Result<Attempt<T, S>, E>>,
        E: From<StoreError>,
    {
        self.table.attempts(operation, state, |state| attempt(Transaction::new(operation), state)).await
    }

    /// Commits all writes of the transaction, or none.
    pub(crate) async fn commit<C>(&self, transaction: Transaction<C>) -> Result<Commit<C>, StoreError> {
        transaction.check_size()?;
        let Transaction { operation, mut writes, witness, entries } = transaction;
        // The log is in the order of attempts to commit, whenever the use case began.
        let now = self.clock.now();
        for (number, partition) in entries {
            if let Some((_, Write::Put { item, .. })) = writes.get_mut(number) {
                keys::change(partition, now).put(item);
            }
        }
        let (names, writes): (Vec<Name<C>>, Vec<Write>) = writes.into_iter().unzip();
        let written = match self.table.transact(writes, self.token()).await {
            // The SDK sent the call twice and got only the second response, which does not show what the first call
            // did.
            Err(Canceled::Unsure(refused)) => match witness {
                Some(witness) if self.is_there(&witness).await? => Ok(()),
                _ => Err(*refused),
            },
            written => written,
        };
        let stood = match written {
            Ok(()) => return Ok(Commit::Done),
            Err(Canceled::Conflict | Canceled::Unsure(_)) => return Ok(Commit::Conflict),
            Err(Canceled::Store(error)) => return Err(error),
            Err(Canceled::Conditions(stood)) => stood,
        };
        let failed = names.into_iter().zip(stood).filter_map(|(name, stood)| Some((name, stood?)));
        let mut failures = Vec::new();
        for (name, stood) in failed {
            match name {
                Name::Of(name) => failures.push((name, stood)),
                Name::Record => return Err(StoreError::AlreadyApplied),
                // Another attempt has another random id.
                Name::Unnamed => return Err(StoreError::Contention { operation, attempts: 1 }),
            }
        }
        Ok(Commit::Failed(Failures(failures)))
    }

    /// Whether the item exists, or appears within a moment: a transaction takes no longer.
    fn is_there<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<bool, StoreError>> {
        // On the heap, because it is rare and would enlarge every use case's future.
        Box::pin(async move {
            let look = || async move {
                Ok(if self.table.get(key).await?.is_some() { Attempt::Done(()) } else { Attempt::Retry(()) })
            };
            Ok(self.table.until_shown(WITNESS_READS, 4, look).await?.is_some())
        })
    }

    /// One write with its event; returns whether its condition held.
    pub(crate) async fn write_with_event(
        &self,
        operation: &'static str,
        write: Write,
        event: &Event,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.write_one(operation, write, Some((event, change))).await
    }

    /// One write; returns whether its condition held.
    pub(crate) async fn write_if(&self, operation: &'static str, write: Write) -> Result<bool, StoreError> {
        self.write_one(operation, write, None).await
    }

    async fn write_one(
        &self,
        operation: &'static str,
        write: Write,
        event: Option<(&Event, &Change)>,
    ) -> Result<bool, StoreError> {
        let write = &write;
        self.transact(operation, (), |mut transaction, ()| async move {
            transaction.when((), [write.clone()]);
            if let Some((event, change)) = event {
                transaction.add_event(event, change)?;
            }
            Ok(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(true),
                Commit::Failed(_) => Attempt::Done(false),
                Commit::Conflict => Attempt::Retry(()),
            })
        })
        .await
    }
}

/// The size of an item as the table counts it, approximately: names and values of all attributes.
pub(crate) fn size_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size_of_value(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + size_of_value(value)).sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Item {
        Item::from([("pk".to_owned(), AttributeValue::S("x".repeat(bytes)))])
    }

    #[test]
    fn a_transaction_that_is_too_large_is_an_error_that_names_the_operation() {
        let built = |items: usize, bytes: usize| {
            let mut transaction = Transaction::<()>::new("assign");
            transaction.write((0..items).map(|_| Write::put(item(bytes))));
            transaction.check_size()
        };
        assert!(built(100, 40_000).is_ok());
        let refused = |result| match result {
            Err(StoreError::TooLarge { operation, items, .. }) => (operation, items),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(built(101, 1)), ("assign", 101));
        assert_eq!(refused(built(100, 42_000)), ("assign", 100));
    }

    #[test]
    fn the_size_of_an_item_is_that_of_its_names_and_values() {
        let list = AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::S("abc".to_owned())]);
        let map = AttributeValue::M([("n".to_owned(), AttributeValue::N("1234".to_owned()))].into());
        let item = Item::from([("list".to_owned(), list), ("map".to_owned(), map)]);
        assert_eq!(size_of(&item), (4 + 3 + 2 + 4) + (3 + 3 + 2 + 4));
    }

    #[test]
    fn failures_are_returned_by_name_with_the_item_that_was_there() {
        let failures = Failures(vec![("slot", None), ("bucket", Some(item(3)))]);
        assert!(failures.has("slot") && failures.has("bucket") && !failures.has("title"));
        assert_eq!(failures.item("bucket"), Some(item(3)));
    }
}
