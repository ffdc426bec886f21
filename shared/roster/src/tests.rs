//! Random histories: a roster must give the same results as a sorted list.

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers of a test are small"
)]
mod history;
mod list;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures::{TryStreamExt, executor::block_on};
use license_domain::{License, LicenseFilter, LicenseId, LicenseStatus, OrderBy, OrderField};
use proptest::prelude::*;

use self::{
    history::{Dice, History, at},
    list::List,
};
use crate::{
    Block, BlockSink, BlockSource, Builder, Delta, Manifest, RosterError, RowChange, RowKey, View, Window, compact,
    correct,
};

/// Blocks in memory. Each is serialized and parsed again.
#[derive(Default)]
struct Blocks(Mutex<HashMap<String, Arc<Block>>>);

impl BlockSource for Blocks {
    type Error = RosterError;

    async fn block(&self, name: &str) -> Result<Arc<Block>, RosterError> {
        self.0.lock().expect("no panic under the lock").get(name).cloned().ok_or(RosterError::Malformed("missing"))
    }
}

impl BlockSink for Blocks {
    type Error = RosterError;

    async fn put(&self, name: &str, block: Block) -> Result<(), RosterError> {
        let block = Block::from_bytes(block.as_bytes().to_vec())?;
        let before = self.0.lock().expect("no panic under the lock").insert(name.to_owned(), Arc::new(block));
        assert!(before.is_none(), "{name} was written before");
        Ok(())
    }
}

fn build(blocks: &Blocks, rows: &[License], micros: i64, prefix: &str) -> Manifest {
    let mut builder = Builder::new(blocks, history::PLAN, at(micros), prefix);
    for row in rows {
        block_on(builder.push(row.clone())).expect("sorted rows");
    }
    let manifest = block_on(builder.finish()).expect("written");
    let copy = Manifest::from_bytes(&manifest.to_bytes()).expect("its own bytes");
    assert_eq!(copy, manifest);
    copy
}

/// Licenses with the spelling of their addresses, which `==` ignores.
fn exact(rows: &[License]) -> Vec<(Option<&str>, &License)> {
    rows.iter().map(|row| (row.user_email.as_ref().map(license_domain::EmailAddress::as_given), row)).collect()
}

fn filters(list: &List, dice: &mut Dice) -> Vec<LicenseFilter> {
    use LicenseStatus::{Activated, Assigned, Revoked, Unassigned};
    let mut filters = Vec::new();
    for statuses in [None, Some(vec![Assigned]), Some(vec![Revoked, Activated]), Some(vec![Unassigned, Revoked])] {
        for ignore_null_emails in [false, true] {
            filters.push(LicenseFilter { statuses: statuses.clone(), search: Vec::new(), ignore_null_emails });
        }
    }
    for _ in 0..4 {
        let search = (0..=dice.below(2)).map(|_| list.word(dice)).collect();
        let statuses = filters[dice.below(6)].statuses.clone();
        filters.push(LicenseFilter { statuses, search, ignore_null_emails: dice.below(2) == 0 });
    }
    filters
}

fn orders(dice: &mut Dice) -> Vec<Vec<OrderBy>> {
    const FIELDS: [OrderField; 4] =
        [OrderField::UserEmail, OrderField::Status, OrderField::ActivationDate, OrderField::LastRemindDate];
    let by = |field, descending| OrderBy { field, descending };
    let mut orders: Vec<Vec<OrderBy>> =
        FIELDS.iter().flat_map(|field| [vec![by(*field, false)], vec![by(*field, true)]]).collect();
    for _ in 0..3 {
        let steps = 2 + dice.below(3);
        orders.push((0..steps).map(|_| by(FIELDS[dice.below(4)], dice.below(2) == 0)).collect());
    }
    orders
}

/// Compares the results of the view and of the list for every kind of query.
fn compare(view: &View<&Blocks>, list: &List, dice: &mut Dice) {
    for filter in filters(list, dice) {
        let all = list.admitted(&filter);
        let streamed: Vec<License> = block_on(view.rows(&filter).try_collect::<Vec<_>>()).expect("rows").concat();
        assert_eq!(exact(&streamed), exact(&all), "{filter:?}");
        let mut next = 0;
        while next <= all.len() + 1 {
            let (offset, limit) = (next, 1 + dice.below(40));
            next += 1 + dice.below(5);
            let window = Window { offset: offset as u64, limit };
            let page: Vec<License> = all.iter().skip(offset).take(limit).cloned().collect();
            if filter.search.is_empty() {
                let found = block_on(view.page(&filter, window)).expect("a page");
                assert_eq!(exact(&found), exact(&page), "{filter:?} {window:?}");
            }
            if dice.below(4) == 0 {
                let found = block_on(view.search(&filter, window)).expect("a search");
                assert_eq!(exact(&found.rows), exact(&page), "{filter:?} {window:?}");
                assert_eq!(found.counts, List::counts(&all));
            }
        }
        if filter.search.is_empty() {
            assert_eq!(view.counts(&filter), List::counts(&all));
            cursors(view, list, &filter, dice);
        }
        let mut orders = orders(dice);
        dice.shuffle(&mut orders);
        for order in orders.into_iter().take(5) {
            ordered(view, list, &filter, &order, dice);
        }
    }
}

fn cursors(view: &View<&Blocks>, list: &List, filter: &LicenseFilter, dice: &mut Dice) {
    // A cursor may name a row that the filter leaves out, or one that was deleted.
    let strange =
        ["activated  00000000-0000-0000-0000-000000000000", "assigned x 00000000-0000-0000-0000-000000000000"];
    let keys = list.rows.iter().map(|row| RowKey::of(row).expect("no free seat"));
    for key in keys.chain(strange.map(|text| RowKey::parse(text).expect("a key"))) {
        if dice.below(4) > 0 {
            continue;
        }
        let limit = 1 + dice.below(30);
        let behind = list.admitted(filter).into_iter().filter(|row| RowKey::of(row).expect("no free seat") > key);
        let found = block_on(view.after(filter, &key, limit)).expect("a page");
        assert_eq!(exact(&found), exact(&behind.take(limit).collect::<Vec<_>>()), "{filter:?} {key:?}");
    }
}

fn ordered(view: &View<&Blocks>, list: &List, filter: &LicenseFilter, order: &[OrderBy], dice: &mut Dice) {
    let seats: Vec<LicenseId> = if filter.admits(LicenseStatus::Unassigned) {
        (0..dice.below(30)).map(|_| LicenseId(dice.uuid())).collect()
    } else {
        Vec::new()
    };
    let all = list.ordered(filter, order, &seats);
    for _ in 0..3 {
        let offset = dice.below(all.len() + 2);
        let window = Window { offset: offset as u64, limit: 1 + dice.below(30) };
        let found = block_on(view.ordered(filter, order, seats.len() as u64, window)).expect("an order");
        assert_eq!(found.counts, List::counts(&list.admitted(filter)));
        let mut rows = found.before;
        if let Some(among) = found.among {
            assert!(among.rows.is_sorted());
            // As the adapter does it: merges the ids of the free seats and of the rows.
            let mut ids: Vec<LicenseId> = seats.iter().chain(&among.rows).copied().collect();
            ids.sort_unstable();
            let mut ids: Vec<LicenseId> =
                ids.into_iter().skip(license_domain::number::to_usize(among.skip)).take(among.limit).collect();
            assert_eq!(ids.len(), among.limit);
            if among.reversed {
                ids.reverse();
            }
            let mut taken = block_on(view.rows_among(&among, &ids)).expect("rows").into_iter().peekable();
            for id in ids {
                rows.push(taken.next_if(|row| row.uuid == id).unwrap_or_else(|| history::seat(id)));
            }
            assert!(taken.next().is_none());
        }
        rows.extend(found.behind);
        let page: Vec<License> = all.iter().skip(offset).take(window.limit).cloned().collect();
        assert_eq!(exact(&rows), exact(&page), "{filter:?} {order:?} {window:?} {}", seats.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn a_view_gives_the_results_of_a_sorted_list(seed in any::<u64>(), size in 0_usize..180) {
        let mut dice = Dice(seed);
        let mut history = History::default();
        history.go_on(&mut dice, size);
        let blocks = Blocks::default();
        let mut manifest = build(&blocks, &history.list().rows, history.micros, "0");
        for round in 1..4 {
            let steps = dice.below(60);
            history.go_on(&mut dice, steps);
            let since = manifest.complete_to;
            let delta = history.delta(&mut dice, |time| time >= since);
            let view = View::new(Arc::new(manifest.clone()), &delta, &blocks).expect("consistent");
            let list = history.list();
            if round == 2 {
                compare(&view, &list, &mut dice);
            }

            // Compacted up to some time, and with the changes since, it must give the same results.
            let upto = history.some_moment(&mut dice, since);
            let before = history.delta(&mut dice, |time| since <= time && time < upto);
            let compacted = block_on(compact(&manifest, &before, upto, &&blocks, &&blocks, &round.to_string())).expect("compacted");
            let kept = compacted.manifest.blocks.len() - compacted.manifest.not_in(&manifest).len();
            prop_assert_eq!(kept + compacted.replaced.len(), manifest.blocks.len());
            manifest = Manifest::from_bytes(&compacted.manifest.to_bytes()).expect("its own bytes");
            let delta = history.delta(&mut dice, |time| time >= upto);
            let view = View::new(Arc::new(manifest.clone()), &delta, &blocks).expect("consistent");
            let filter = LicenseFilter::default();
            let rows = block_on(view.rows(&filter).try_collect::<Vec<_>>()).expect("rows").concat();
            prop_assert_eq!(exact(&rows), exact(&list.rows));
            if round == 3 {
                compare(&view, &list, &mut dice);
            }
        }
    }

    #[test]
    fn a_copy_of_an_index_that_moves_is_corrected(seed in any::<u64>(), size in 0_usize..120) {
        let mut dice = Dice(seed);
        let mut history = History::default();
        history.go_on(&mut dice, size);
        let (since, began) = (history.micros, history.list());
        let steps = dice.below(80);
        history.go_on(&mut dice, steps);
        let blocks = Blocks::default();
        let walked = history.walk(&mut dice, at(since));
        let copied = build(&blocks, &walked, since, "0");
        let delta = history.delta(&mut dice, |time| time >= at(since));
        let corrected = block_on(correct(&copied, &delta, &&blocks, &&blocks, "1")).expect("corrected").manifest;
        prop_assert_eq!(corrected.counts(), List::counts(&began.rows));
        let view = View::new(Arc::new(corrected), &delta, &blocks).expect("consistent");
        let filter = LicenseFilter::default();
        let rows = block_on(view.rows(&filter).try_collect::<Vec<_>>()).expect("rows").concat();
        let list = history.list();
        prop_assert_eq!(exact(&rows), exact(&list.rows));
    }

    #[test]
    fn damaged_bytes_are_refused(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut history = History::default();
        history.go_on(&mut Dice(seed), 40);
        let rows = history.list().rows;
        let mut bytes = Block::encode(&rows).as_bytes().to_vec();
        let cut = at.index(bytes.len());
        prop_assert!(Block::from_bytes(bytes[..cut].to_vec()).is_err());
        bytes[cut] ^= 1 << bit;
        prop_assert!(Block::from_bytes(bytes).is_err());
    }
}

#[test]
fn changes_that_do_not_fit_are_noticed() {
    let mut dice = Dice(7);
    let mut history = History::default();
    history.go_on(&mut dice, 120);
    let rows = history.list().rows;
    let blocks = Blocks::default();
    let manifest = build(&blocks, &rows, history.micros, "0");
    let gone = rows.iter().find(|row| row.status == LicenseStatus::Assigned).expect("an assigned license").clone();
    let other = License { uuid: LicenseId(dice.uuid()), ..gone.clone() };
    let wrong = [
        // Removes a missing row; adds a row that exists; adds the same row twice.
        vec![RowChange { before: RowKey::of(&other), after: None, was_free: false }],
        vec![RowChange { before: None, after: Some(gone.clone()), was_free: true }],
        vec![
            RowChange { before: None, after: Some(other.clone()), was_free: true },
            RowChange { before: None, after: Some(other), was_free: true },
        ],
    ];
    for changes in wrong {
        let mut delta = Delta::default();
        delta.add(at(history.micros + 1), history::event(1), changes);
        let filter = LicenseFilter::default();
        let rows = View::new(Arc::new(manifest.clone()), &delta, &blocks)
            .and_then(|view| block_on(view.rows(&filter).try_collect::<Vec<_>>()));
        assert_eq!(rows, Err(RosterError::Inconsistent));
    }
}

#[test]
fn keys_are_checked_and_hide_addresses() {
    let id = "7ac1f8e2-2f1c-4f0e-9d62-0a7c3c1d5b11";
    for text in [format!("assigned abc {id}"), format!("revoked  {id}"), format!("activated a b {id}")] {
        let key = RowKey::parse(&text).expect("a key");
        assert_eq!(key.as_str(), text);
        assert!(!format!("{key:?}").contains("abc"), "{key:?}");
    }
    let wrong = [
        String::new(),
        format!("unassigned  {id}"),
        format!("assigned abc {}", id.to_uppercase()),
        "assigned a b".to_owned(),
    ];
    for text in wrong {
        assert_eq!(RowKey::parse(&text), None, "{text}");
    }
}
