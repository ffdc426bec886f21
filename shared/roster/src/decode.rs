use std::{borrow::Cow, cmp::Ordering, ops::Range};

use license_domain::{
    ActivationKey, EmailAddress, License, LicenseId, LicenseSource, LicenseStatus, LmsUserId, PlanId, Timestamp,
    email::sort_byte,
};
use memchr::memmem::Finder;
use uuid::Uuid;

use crate::{
    Block, RosterError, RowKey,
    block::{Column, DATES},
    columns::Reader,
    encode::{ABSENT, END, EQUAL, GIVEN},
};

/// The value of a missing date.
pub(crate) const NO_DATE: i64 = i64::MIN;

/// The addresses of a block as keys, in lower case; empty if a row names no learner.
pub(crate) struct Addresses<'a> {
    text: Cow<'a, [u8]>,
    ends: Vec<usize>,
}

impl<'a> Addresses<'a> {
    fn of(block: &'a Block) -> Result<Self, RosterError> {
        let text = block.column(Column::Addresses)?;
        let ends: Vec<usize> = memchr::memchr_iter(END, &text).collect();
        if ends.len() == block.len() { Ok(Self { text, ends }) } else { Err(RosterError::Malformed("addresses")) }
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before] + 1)
    }

    pub(crate) fn get(&self, row: usize) -> &[u8] {
        &self.text[self.start(row)..self.ends[row]]
    }

    fn text(&self, row: usize) -> Result<&str, RosterError> {
        std::str::from_utf8(self.get(row)).map_err(|_| RosterError::Malformed("an address"))
    }

    /// Calls `found` with each of these rows whose address contains all words. There is at least one word.
    pub(crate) fn matching(&self, words: &Words<'_>, rows: Range<usize>, mut found: impl FnMut(usize)) {
        let mut row = rows.start;
        while row < rows.end {
            let from = self.start(row);
            let Some(at) = words.first.find(&self.text[from..self.ends[rows.end - 1]]) else { return };
            row += self.ends[row..rows.end].partition_point(|end| *end < from + at);
            let address = self.get(row);
            if !address.is_empty() && words.others.iter().all(|word| word.find(address).is_some()) {
                found(row);
            }
            row += 1;
        }
    }
}

/// The words of a search.
pub(crate) struct Words<'a> {
    first: Finder<'a>,
    others: Vec<Finder<'a>>,
}

impl<'a> Words<'a> {
    /// The words, the longest one first; `None` if there are none.
    pub(crate) fn of(words: &'a [String]) -> Option<Self> {
        let (longest, _) = words.iter().enumerate().max_by_key(|(_, word)| word.len())?;
        let others = words.iter().enumerate().filter(|(at, _)| *at != longest).map(|(_, word)| Finder::new(word));
        Some(Self { first: Finder::new(&words[longest]), others: others.collect() })
    }
}

/// The keys of a block's rows.
pub(crate) struct Keys<'a> {
    block: &'a Block,
    addresses: Addresses<'a>,
    ids: Vec<u128>,
}

impl Keys<'_> {
    pub(crate) fn address(&self, row: usize) -> &[u8] {
        self.addresses.get(row)
    }

    pub(crate) fn key(&self, row: usize) -> Result<RowKey, RosterError> {
        let sort_key: Vec<u8> = self.address(row).iter().copied().map(sort_byte).collect();
        let sort_key = String::from_utf8(sort_key).map_err(|_| RosterError::Malformed("an address"))?;
        let key = RowKey::of_sort_key(self.block.status(row), &sort_key, LicenseId(Uuid::from_u128(self.ids[row])));
        Ok(key.expect("no row of a block is unassigned"))
    }

    /// Compares a row's key with another one, whose text after the status is `rest`.
    fn compare(&self, row: usize, (status, rest): (LicenseStatus, &str)) -> Ordering {
        self.block.status(row).cmp(&status).then_with(|| {
            let mut id = Uuid::encode_buffer();
            let id = Uuid::from_u128(self.ids[row]).hyphenated().encode_lower(&mut id);
            let address = self.address(row).iter().copied().map(sort_byte);
            address.chain([b' ']).chain(id.bytes()).cmp(rest.bytes())
        })
    }

    /// The first of these rows whose key is not less, and whether it is equal.
    pub(crate) fn find(&self, key: &RowKey, rows: Range<usize>) -> (usize, bool) {
        let key = (key.status(), key.rest());
        let (mut from, mut to) = (rows.start, rows.end);
        while from < to {
            let middle = from.midpoint(to);
            match self.compare(middle, key) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return (middle, true),
                Ordering::Greater => to = middle,
            }
        }
        (from, false)
    }
}

impl Block {
    pub(crate) fn addresses(&self) -> Result<Addresses<'_>, RosterError> {
        Addresses::of(self)
    }

    pub(crate) fn keys(&self) -> Result<Keys<'_>, RosterError> {
        Ok(Keys { block: self, addresses: self.addresses()?, ids: self.ids()? })
    }

    pub(crate) fn ids(&self) -> Result<Vec<u128>, RosterError> {
        Reader(&self.column(Column::Ids)?).wide(self.len())
    }

    /// That date of each row, in microseconds since 1970, or [`NO_DATE`].
    pub(crate) fn dates(&self, date: Column) -> Result<Vec<i64>, RosterError> {
        let n = DATES.iter().position(|column| *column == date).ok_or(RosterError::Malformed("no date"))?;
        let mut earlier = Vec::new();
        for column in &DATES[..n] {
            earlier.push(self.date_column(*column, &earlier)?);
        }
        self.date_column(date, &earlier)
    }

    fn date_column(&self, date: Column, earlier: &[Vec<i64>]) -> Result<Vec<i64>, RosterError> {
        const MALFORMED: RosterError = RosterError::Malformed("a date");
        let column = self.column(date)?;
        let mut reader = Reader(&column);
        let codes = reader.take(self.len())?;
        let mut given = reader.integers(memchr::memchr_iter(GIVEN, codes).count())?.into_iter();
        let date = |(row, code): (usize, &u8)| match *code {
            ABSENT => Ok(NO_DATE),
            GIVEN => given.next().ok_or(MALFORMED),
            code => earlier.get(usize::from(code - EQUAL)).map(|dates| dates[row]).ok_or(MALFORMED),
        };
        codes.iter().enumerate().map(date).collect()
    }

    fn optional_wide(&self, column: Column) -> Result<Vec<Option<u128>>, RosterError> {
        let column = self.column(column)?;
        let mut reader = Reader(&column);
        let given = reader.take(self.len())?;
        let mut values = reader.wide(memchr::memchr_iter(1, given).count())?.into_iter();
        Ok(given.iter().map(|given| if *given == 1 { values.next() } else { None }).collect())
    }

    fn optional_integers(&self, column: Column) -> Result<Vec<Option<i64>>, RosterError> {
        let column = self.column(column)?;
        let mut reader = Reader(&column);
        let given = reader.take(self.len())?;
        let mut values = reader.integers(memchr::memchr_iter(1, given).count())?.into_iter();
        Ok(given.iter().map(|given| if *given == 1 { values.next() } else { None }).collect())
    }
}

/// All columns of a block, decompressed.
pub struct Rows<'a> {
    block: &'a Block,
    keys: Keys<'a>,
    spellings: Vec<(usize, String)>,
    activation_keys: Vec<Option<u128>>,
    lms_users: Vec<Option<i64>>,
    renewed_to: Vec<Option<u128>>,
    auto_applied: Vec<u8>,
    sources: Vec<(usize, LicenseSource)>,
    dates: Vec<Vec<i64>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(block: &'a Block) -> Result<Self, RosterError> {
        let keys = block.keys()?;
        let spellings = spellings(block, &keys.addresses)?;
        let mut dates = Vec::with_capacity(DATES.len());
        for column in DATES {
            dates.push(block.date_column(column, &dates)?);
        }
        let auto_applied = block.column(Column::AutoApplied)?.into_owned();
        if auto_applied.len() != block.len() {
            return Err(RosterError::Malformed("auto_applied"));
        }
        Ok(Self {
            block,
            keys,
            spellings,
            activation_keys: block.optional_wide(Column::ActivationKeys)?,
            lms_users: block.optional_integers(Column::LmsUsers)?,
            renewed_to: block.optional_wide(Column::RenewedTo)?,
            auto_applied,
            sources: sources(block)?,
            dates,
        })
    }

    pub fn len(&self) -> usize {
        self.block.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The license at that index.
    pub fn get(&self, row: usize) -> Result<License, RosterError> {
        let plan: PlanId = self.block.plan();
        let [assigned_date, activation_date, last_remind_date, revoked_date, created, modified] =
            std::array::from_fn(|n| self.dates[n][row]).map(timestamp);
        let required = |date: Result<Option<Timestamp>, RosterError>| date?.ok_or(RosterError::Malformed("a date"));
        Ok(License {
            uuid: LicenseId(Uuid::from_u128(self.keys.ids[row])),
            subscription_plan: plan,
            status: self.block.status(row),
            user_email: self.email(row)?,
            lms_user_id: self.lms_users[row].map(LmsUserId),
            activation_key: self.activation_keys[row].map(|key| ActivationKey(Uuid::from_u128(key))),
            assigned_date: assigned_date?,
            activation_date: activation_date?,
            last_remind_date: last_remind_date?,
            revoked_date: revoked_date?,
            renewed_to: self.renewed_to[row].map(|license| LicenseId(Uuid::from_u128(license))),
            auto_applied: self.auto_applied[row].checked_sub(1).map(|applied| applied == 1),
            source: place_of(&self.sources, row).cloned(),
            created: required(created)?,
            modified: required(modified)?,
        })
    }

    fn email(&self, row: usize) -> Result<Option<EmailAddress>, RosterError> {
        if let Some(given) = place_of(&self.spellings, row) {
            return Ok(Some(EmailAddress::on_record(given.as_str())));
        }
        let address = self.keys.addresses.text(row)?;
        Ok(Some(address).filter(|address| !address.is_empty()).map(EmailAddress::on_record))
    }
}

fn place_of<T>(exceptions: &[(usize, T)], row: usize) -> Option<&T> {
    exceptions.binary_search_by_key(&row, |(at, _)| *at).ok().map(|at| &exceptions[at].1)
}

fn timestamp(micros: i64) -> Result<Option<Timestamp>, RosterError> {
    match micros {
        NO_DATE => Ok(None),
        _ => Timestamp::from_timestamp_micros(micros).map(Some).ok_or(RosterError::Malformed("a date")),
    }
}

fn spellings(block: &Block, addresses: &Addresses<'_>) -> Result<Vec<(usize, String)>, RosterError> {
    const MALFORMED: RosterError = RosterError::Malformed("a spelling");
    let column = block.column(Column::Spellings)?;
    let mut reader = Reader(&column);
    let mut found = Vec::new();
    let mut row = 0_usize;
    while !reader.0.is_empty() {
        row = row.checked_add(reader.length()?).filter(|row| *row < block.len()).ok_or(MALFORMED)?;
        let capitals = reader.length()?;
        if capitals == 0 {
            found.push((row, reader.text()?.to_owned()));
            continue;
        }
        let mut given = addresses.get(row).to_vec();
        let mut at = 0_usize;
        for _ in 0..capitals {
            at = at.checked_add(reader.length()?).ok_or(MALFORMED)?;
            given.get_mut(at).ok_or(MALFORMED)?.make_ascii_uppercase();
        }
        found.push((row, String::from_utf8(given).map_err(|_| MALFORMED)?));
    }
    Ok(found)
}

fn sources(block: &Block) -> Result<Vec<(usize, LicenseSource)>, RosterError> {
    let column = block.column(Column::Sources)?;
    let mut reader = Reader(&column);
    let mut found = Vec::new();
    let mut row = 0_usize;
    while !reader.0.is_empty() {
        row = row.checked_add(reader.length()?).ok_or(RosterError::Malformed("a source"))?;
        let source = LicenseSource { source_id: reader.text()?.to_owned(), source_type: reader.text()?.to_owned() };
        found.push((row, source));
    }
    Ok(found)
}
