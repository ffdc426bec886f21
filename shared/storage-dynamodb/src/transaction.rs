//! A unit of work: one transaction whose conditions have names.
//!
//! 1. A use case builds a [`Transaction`] of writes. Each write that may be refused has a name of the use case's own
//!    (`Slot`, `Title`), each other one has none.
//! 2. [`Store::commit`] writes all of it or nothing. What was refused comes back by name, with the item that stood
//!    there, never as a position in a list.
//! 3. The SDK sends a call again that got no response. If the second one is refused, the first one may have been written:
//!    the event, which no other transaction writes, tells. Without this a request could have its effect twice.
//! 4. [`Store::transact`] runs attempts: it calls the use case with an empty transaction, again and again, waits with
//!    full jitter between two attempts and gives up as [`StoreError::Contention`]. The use case decides which failed
//!    condition means "build it again" and which one is a result.

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
/// The most bytes that the items of one transaction may have together.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How often an item is looked for that tells whether a transaction was written.
const LOOKS_FOR_A_WITNESS: u32 = 3;

/// Writes that are made together or not at all. `C` names the conditions.
#[derive(Debug)]
pub(crate) struct Transaction<C> {
    operation: &'static str,
    writes: Vec<(Name<C>, Write)>,
    /// An item that only this transaction writes.
    witness: Option<Key>,
    /// The entries of plans' logs of changes: the number of the write, and the partition.
    entries: Vec<(usize, String)>,
}

/// What the condition of a write is called.
#[derive(Clone, Copy, Debug)]
enum Name<C> {
    /// By the use case.
    Of(C),
    /// There is none; or it fails only if a random id was drawn twice.
    Unnamed,
    /// Another attempt at the same request has committed.
    Record,
}

impl<C> Transaction<C> {
    /// An empty one; the operation is what errors and logs name.
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

    /// Adds writes without a condition, and new items under random ids: the condition of those fails only if an id was
    /// drawn twice.
    pub(crate) fn write(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.writes.extend(writes.into_iter().map(|write| (Name::Unnamed, write)));
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), StoreError> {
        self.write([Write::create(rows::event(event)?)]);
        self.witness.get_or_insert_with(|| keys::event(event.id));
        Ok(())
    }

    /// Adds an event about licenses of that plan, which the plan's log of changes will have.
    pub(crate) fn license_event(&mut self, event: &Event, plan: &SubscriptionPlan) -> Result<(), StoreError> {
        self.logged_event(event, plan, Vec::new())
    }

    /// Adds an event about licenses of that plan, which the plan's log of changes will have. `keys_before`: where the
    /// licenses stood in the list, if the event itself does not say it.
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

    /// Adds changes to the log of a plan that the event is not about.
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

    /// Adds the event of a change of licenses of that plan and, where the change has to take effect once, the record with
    /// its outcome.
    pub(crate) fn tell_licenses(
        &mut self,
        event: &Event,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.license_event(event, plan)?;
        self.record(change, Step::Whole)
    }

    /// Adds the event of a change and, where the change has to take effect once, the record with its outcome.
    pub(crate) fn tell(&mut self, event: &Event, change: &Change) -> Result<(), StoreError> {
        self.event(event)?;
        self.record(change, Step::Whole)
    }

    /// Adds the record of a change, where it has to take effect once.
    pub(crate) fn record(&mut self, change: &Change, step: Step) -> Result<(), StoreError> {
        self.writes.extend(idempotency::record(change, step)?.map(|write| (Name::Record, write)));
        Ok(())
    }

    /// How many items it holds.
    pub(crate) const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing is to be written.
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

/// What became of a transaction.
#[derive(Debug)]
#[must_use]
pub(crate) enum Commit<C> {
    /// Everything is written.
    Done,
    /// Nothing is: another transaction was writing one of the items.
    Conflict,
    /// Nothing is: these conditions did not hold.
    Failed(Failures<C>),
}

impl<C> Commit<C> {
    /// The result, if everything is written; else the attempt is repeated, whatever failed.
    pub(crate) fn or_retry<T, S: Default>(self, result: T) -> Attempt<T, S> {
        match self {
            Self::Done => Attempt::Done(result),
            Self::Conflict | Self::Failed(_) => Attempt::Retry(S::default()),
        }
    }
}

/// The conditions that did not hold, in the order of the writes, each with the item that stood there.
#[derive(Debug)]
pub(crate) struct Failures<C>(Vec<(C, Option<Item>)>);

impl<C: Copy + PartialEq> Failures<C> {
    /// Whether a condition of this name failed.
    pub(crate) fn has(&self, name: C) -> bool {
        self.names().any(|failed| failed == name)
    }

    /// The names of all that failed.
    pub(crate) fn names(&self) -> impl Iterator<Item = C> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// The item that stood where the condition of this name failed.
    pub(crate) fn item(self, name: C) -> Option<Item> {
        self.0.into_iter().find(|(failed, _)| *failed == name)?.1
    }
}

impl Store {
    /// Runs attempts at a use case's transaction. `attempt` is called with an empty one each time, and with what the
    /// attempt before has left (the first one with `state`): it reads, decides, builds, commits, and says whether that
    /// is the result.
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

    /// Makes all writes of the transaction, or none.
    pub(crate) async fn commit<C>(&self, transaction: Transaction<C>) -> Result<Commit<C>, StoreError> {
        transaction.check_size()?;
        let Transaction { operation, mut writes, witness, entries } = transaction;
        // The log is in the order of attempts at committing, whenever the use case began.
        let now = self.clock.now();
        for (number, partition) in entries {
            if let Some((_, Write::Put { item, .. })) = writes.get_mut(number) {
                keys::change(partition, now).put(item);
            }
        }
        let (names, writes): (Vec<Name<C>>, Vec<Write>) = writes.into_iter().unzip();
        let written = match self.table.transact(writes, self.token()).await {
            // The SDK sent the call twice, and only the second response came: it does not tell what the first call did.
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
                // Another request draws another id.
                Name::Unnamed => return Err(StoreError::Contention { operation, attempts: 1 }),
            }
        }
        Ok(Commit::Failed(Failures(failures)))
    }

    /// Whether the item is there, or comes within a moment: a transaction takes no longer.
    fn is_there<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<bool, StoreError>> {
        // On the heap, because it is rare: every use case's future would have room for it.
        Box::pin(async move {
            let look = || async move {
                Ok(if self.table.get(key).await?.is_some() { Attempt::Done(()) } else { Attempt::Retry(()) })
            };
            Ok(self.table.looks(LOOKS_FOR_A_WITNESS, 4, look).await?.is_some())
        })
    }

    /// One write and the event that tells of it; whether its condition held.
    pub(crate) async fn write_telling(
        &self,
        operation: &'static str,
        write: Write,
        event: &Event,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.write_one(operation, write, Some((event, change))).await
    }

    /// One write; whether its condition held.
    pub(crate) async fn write_if(&self, operation: &'static str, write: Write) -> Result<bool, StoreError> {
        self.write_one(operation, write, None).await
    }

    async fn write_one(
        &self,
        operation: &'static str,
        write: Write,
        told: Option<(&Event, &Change)>,
    ) -> Result<bool, StoreError> {
        let write = &write;
        self.transact(operation, (), |mut transaction, ()| async move {
            transaction.when((), [write.clone()]);
            if let Some((event, change)) = told {
                transaction.tell(event, change)?;
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

/// The size of an item as the table counts it, near enough for a limit: names and values of all attributes.
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
    fn what_one_transaction_does_not_hold_is_an_error_that_names_the_operation() {
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
    fn failures_are_told_by_name_with_what_stood_there() {
        let failures = Failures(vec![("slot", None), ("bucket", Some(item(3)))]);
        assert!(failures.has("slot") && failures.has("bucket") && !failures.has("title"));
        assert_eq!(failures.item("bucket"), Some(item(3)));
    }
}
