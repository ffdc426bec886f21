//! Measures rosters of realistic licenses: `cargo run --release -p license-roster --example measure [rows …]`.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "numbers to look at"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use futures::{StreamExt, executor::block_on};
use license_domain::{
    ActivationKey, EmailAddress, EventId, License, LicenseFilter, LicenseStatus, LmsUserId, OrderBy, OrderField,
    Ordinal, PlanId, SeatPrefix, Timestamp,
};
use license_roster::{
    Block, BlockSink, BlockSource, Builder, Delta, Manifest, RosterError, RowChange, RowKey, View, Window, compact,
};
use uuid::Uuid;

const PLAN: PlanId = PlanId(Uuid::from_u128(42));
const CHANGES: usize = 1_000;

#[derive(Default)]
struct Blocks {
    blocks: Mutex<HashMap<String, Arc<Block>>>,
    read: Mutex<(u64, u64)>,
}

impl BlockSource for Blocks {
    type Error = RosterError;

    async fn block(&self, name: &str) -> Result<Arc<Block>, RosterError> {
        let block =
            self.blocks.lock().expect("one thread").get(name).cloned().ok_or(RosterError::Malformed("missing"))?;
        let mut read = self.read.lock().expect("one thread");
        *read = (read.0 + 1, read.1 + block.as_bytes().len() as u64);
        Ok(block)
    }
}

impl BlockSink for Blocks {
    type Error = RosterError;

    async fn put(&self, name: &str, block: Block) -> Result<(), RosterError> {
        self.blocks.lock().expect("one thread").insert(name.to_owned(), Arc::new(block));
        Ok(())
    }
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(((u128::from(self.next()) << 64) | u128::from(self.next())).to_be_bytes())
            .into_uuid()
    }
}

const FIRST: [&str; 24] = [
    "james", "Mary", "wei", "fatima", "olga", "Juan", "amélie", "priya", "kwame", "sven", "yuki", "noah", "emma",
    "liam", "Sofia", "mateo", "aisha", "ivan", "chloe", "ravi", "lena", "tomas", "grace", "omar",
];
const LAST: [&str; 24] = [
    "smith",
    "Nguyen",
    "garcia",
    "okafor",
    "ivanova",
    "muller",
    "rossi",
    "kim",
    "patel",
    "silva",
    "johansson",
    "cohen",
    "dubois",
    "tanaka",
    "khan",
    "lopez",
    "brown",
    "kowalski",
    "haddad",
    "jones",
    "mensah",
    "novak",
    "chen",
    "murphy",
];
const DOMAINS: [&str; 5] = ["example.com", "emea.example.com", "example.co.uk", "contractors.example.org", "gmail.com"];

/// Licenses as they are after a year: assigned by hundreds, most activated one by one, some reminded, some revoked.
fn licenses(count: usize) -> Vec<License> {
    let dice = &mut Dice(1);
    let start = 1_764_000_000_000_000_i64;
    let year = 365 * 86_400 * 1_000_000_u64;
    let at = |micros: i64| Timestamp::from_timestamp_micros(micros).expect("a date");
    let created = at(start);
    let prefix = SeatPrefix::from_bits(77);
    let mut assigned = at(start);
    (0..count)
        .map(|n| {
            if n % 100 == 0 {
                assigned = at(start + dice.below(year / 2) as i64);
            }
            let id = prefix.license(Ordinal { bucket: (n % 16) as u16, sequence: (n / 16) as u64 });
            let first = FIRST[dice.below(24) as usize];
            let last = LAST[dice.below(24) as usize];
            let domain = DOMAINS[(dice.below(12) as usize).saturating_sub(7)];
            let email = EmailAddress::on_record(format!("{first}.{last}{}@{domain}", dice.below(count as u64 * 2)));
            let seat = License::unassigned(id, PLAN, created);
            let license = seat.assign(email, ActivationKey(dice.uuid()), assigned).expect("a free seat");
            let later = at(assigned.timestamp_micros() + dice.below(year / 2) as i64);
            let user = LmsUserId(1_000_000 + dice.below(40_000_000) as i64);
            match dice.below(10) {
                0..6 => license.activate(Some(user), later).expect("assigned").expect("not active yet"),
                6 => license.revoke(later).expect("assigned"),
                7 => license
                    .remind(at(start + (later.timestamp_micros() - start) / 86_400_000_000 * 86_400_000_000))
                    .expect("assigned"),
                _ => license,
            }
        })
        .collect()
}

fn timed<T>(blocks: &Blocks, name: &str, times: u32, mut f: impl FnMut() -> T) -> T {
    let mut best = f64::MAX;
    let mut last = None;
    let mut read = (0, 0);
    for _ in 0..times {
        *blocks.read.lock().expect("one thread") = (0, 0);
        let began = Instant::now();
        last = Some(f());
        best = best.min(began.elapsed().as_secs_f64() * 1e3);
        read = *blocks.read.lock().expect("one thread");
    }
    println!("| {name:44} | {best:9.3} ms | {:6} | {:9.1} kB |", read.0, read.1 as f64 / 1e3);
    last.expect("at least once")
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    for size in if sizes.is_empty() { vec![1_000, 100_000, 1_000_000] } else { sizes } {
        measure(size);
    }
}

fn measure(size: usize) {
    let blocks = Blocks::default();
    let mut rows = licenses(size);
    rows.sort_by_cached_key(RowKey::of);
    println!(
        "\n{size} licenses, a log of {CHANGES} changes\n\n| what | best of some | blocks | read |\n|---|---|---|---|"
    );
    let began = Timestamp::from_timestamp(1_800_000_000, 0).expect("a date");
    let mut attempt = 0;
    let manifest = timed(&blocks, "build", 1, || {
        attempt += 1;
        let mut builder = Builder::new(&blocks, PLAN, began, &format!("build{attempt}"));
        for row in &rows {
            block_on(builder.push(row.clone())).expect("in order");
        }
        block_on(builder.finish()).expect("in memory")
    });

    let dice = &mut Dice(2);
    let mut delta = Delta::default();
    let mut changed = std::collections::HashSet::new();
    for n in 0..CHANGES.min(size / 10) {
        let before = &rows[dice.below(size as u64) as usize];
        if !changed.insert(before.uuid) {
            continue;
        }
        let now = began + chrono::TimeDelta::seconds(n as i64);
        let after = match before.status {
            LicenseStatus::Assigned => {
                before.activate(Some(LmsUserId(9)), now).expect("assigned").expect("not active yet")
            }
            LicenseStatus::Activated => before.revoke(now).expect("active"),
            _ => continue,
        };
        delta.add(
            now,
            EventId(dice.uuid()),
            [RowChange { before: RowKey::of(before), after: Some(after), was_free: false }],
        );
    }

    let manifest = Arc::new(manifest);
    let view =
        timed(&blocks, "view of the log", 5, || View::new(Arc::clone(&manifest), &delta, &blocks).expect("consistent"));
    let everything = LicenseFilter::default();
    let page = |filter: &LicenseFilter, offset: usize, limit: usize| {
        let window = Window { offset: offset as u64, limit };
        block_on(view.page(filter, window)).expect("a page").len()
    };
    timed(&blocks, "first page of 100", 9, || page(&everything, 0, 100));
    timed(&blocks, "page of 100 in the middle", 9, || page(&everything, size / 2, 100));
    timed(&blocks, "last page of 100", 9, || page(&everything, size - 150, 100));
    timed(&blocks, "page of 500", 9, || page(&everything, size / 3, 500));
    let revoked = LicenseFilter { statuses: Some(vec![LicenseStatus::Revoked]), ..LicenseFilter::default() };
    timed(&blocks, "page of 100 revoked", 9, || page(&revoked, size / 20, 100));
    let key = RowKey::of(&rows[size / 2]).expect("it has a person");
    timed(&blocks, "100 behind a cursor", 9, || block_on(view.after(&everything, &key, 100)).expect("a page").len());

    let first = Window { offset: 0, limit: 100 };
    for word in ["murphy77", "okafor", "example.com", "nowhere"] {
        let filter = LicenseFilter { search: vec![word.to_owned()], ..LicenseFilter::default() };
        let found = timed(&blocks, &format!("search '{word}', page of 100"), 5, || {
            block_on(view.search(&filter, first)).expect("a search")
        });
        println!("|   … found {:34} |              |        |              |", found.counts.total());
    }
    let by = |field, descending| OrderBy { field, descending };
    let orders = [
        ("user_email", vec![by(OrderField::UserEmail, false)]),
        ("-user_email", vec![by(OrderField::UserEmail, true)]),
        ("status", vec![by(OrderField::Status, false)]),
        ("activation_date", vec![by(OrderField::ActivationDate, false)]),
        ("-activation_date", vec![by(OrderField::ActivationDate, true)]),
        ("-last_remind_date,user_email", vec![by(OrderField::LastRemindDate, true), by(OrderField::UserEmail, false)]),
    ];
    for (name, order) in orders {
        for offset in [0, size / 2] {
            let window = Window { offset: offset as u64, limit: 100 };
            timed(&blocks, &format!("order {name}, 100 at {offset}"), 3, || {
                block_on(view.ordered(&everything, &order, 0, window)).expect("an order").before.len()
            });
        }
    }
    timed(&blocks, "order activation_date with 50,000 free seats", 3, || {
        block_on(view.ordered(&everything, &[by(OrderField::ActivationDate, false)], 50_000, first)).expect("an order")
    });
    timed(&blocks, "all rows, streamed", 2, || {
        block_on(view.rows(&everything).fold(0, |sum, rows| async move { sum + rows.expect("rows").len() }))
    });
    timed(&blocks, "compaction", 2, || {
        attempt += 1;
        let upto = began + chrono::TimeDelta::days(1);
        let compacted = block_on(compact(&manifest, &delta, upto, &blocks, &blocks, &format!("compact{attempt}")));
        compacted.expect("consistent").replaced.len()
    });
    sizes(&blocks, &manifest);
}

fn sizes(blocks: &Blocks, manifest: &Manifest) {
    let bytes: u64 = manifest.blocks.iter().map(|block| block.bytes).sum();
    let rows = manifest.counts().total();
    println!(
        "\n{} blocks, {bytes} bytes, {:.1} bytes a license; manifest {} bytes",
        manifest.blocks.len(),
        bytes as f64 / rows as f64,
        manifest.to_bytes().len()
    );
    let middle = block_on(blocks.block(&manifest.blocks[manifest.blocks.len() / 2].name)).expect("in memory");
    println!("a block by columns: {:?}", middle.column_sizes());
    timed(blocks, "decode one block", 20, || middle.rows().expect("well formed").len());
    timed(blocks, "encode and decode one block", 20, || {
        let rows = middle.rows().expect("well formed");
        let rows: Vec<License> = (0..rows.len()).map(|row| rows.get(row).expect("well formed")).collect();
        Block::encode(&rows).as_bytes().len()
    });
}
