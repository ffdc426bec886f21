//! The order of addresses across statuses. Within a status rows are sorted by address already, so three sequences are
//! merged.

use futures::{Stream, TryStreamExt};
use license_domain::{EmailAddress, LicenseFilter, LicenseStatus, email::sort_byte};

use crate::{Block, BlockSource, View, counts::STATUSES, decode::Words, segment::Step, view::Loaded};

/// The next addresses of a status, as sort keys.
struct Head<L> {
    filter: LicenseFilter,
    loads: L,
    text: Vec<u8>,
    ends: Vec<usize>,
    next: usize,
}

impl<L> Head<L> {
    fn get(&self) -> Option<&[u8]> {
        let end = *self.ends.get(self.next)?;
        let start = self.next.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }
}

impl<S: BlockSource> View<S> {
    /// The rank of the address of each row that the filter admits, for each status in the order of the list. Rows that
    /// name no learner have rank 0; equal addresses have the same rank.
    pub(crate) async fn ranks(
        &self,
        filter: &LicenseFilter,
        words: Option<&Words<'_>>,
    ) -> Result<[Vec<u32>; 3], S::Error> {
        let mut heads = STATUSES.map(|status| {
            let statuses = if filter.admits(status) { vec![status] } else { Vec::new() };
            let filter = LicenseFilter { statuses: Some(statuses), ..filter.clone() };
            Head { loads: self.loaded(&filter, 2), filter, text: Vec::new(), ends: Vec::new(), next: 0 }
        });
        for head in &mut heads {
            self.fill(head, words).await?;
        }
        let mut ranks: [Vec<u32>; 3] = Default::default();
        let mut rank = 0;
        let mut last: Vec<u8> = Vec::new();
        loop {
            let waiting = (0..heads.len()).filter_map(|n| Some((heads[n].get()?, n)));
            let Some((address, first)) = waiting.min() else { return Ok(ranks) };
            if address != last {
                rank += 1;
                last.clear();
                last.extend_from_slice(address);
            }
            ranks[first].push(rank);
            heads[first].next += 1;
            if heads[first].get().is_none() {
                self.fill(&mut heads[first], words).await?;
            }
        }
    }

    /// Reads until there are addresses or no blocks are left.
    async fn fill<'a, L>(&'a self, head: &mut Head<L>, words: Option<&Words<'_>>) -> Result<(), S::Error>
    where
        L: Stream<Item = Result<Loaded<'a>, S::Error>> + Unpin,
    {
        while head.get().is_none() {
            let Some(loaded) = head.loads.try_next().await? else { break };
            head.text.clear();
            head.ends.clear();
            head.next = 0;
            let addresses = loaded.block().map(Block::addresses).transpose()?;
            let (text, ends) = (&mut head.text, &mut head.ends);
            self.matching(&loaded, &head.filter, words, |_, step| match (step, &addresses) {
                (Step::Block(rows), Some(addresses)) => {
                    for row in rows {
                        text.extend(addresses.get(row).iter().copied().map(sort_byte));
                        ends.push(text.len());
                    }
                }
                (Step::Block(_), None) => {}
                (Step::Changed(n), _) => {
                    let email = self.changed(n).and_then(|row| row.user_email.as_ref()).map(EmailAddress::key);
                    text.extend(email.iter().flat_map(|email| email.as_str().bytes()).map(sort_byte));
                    ends.push(text.len());
                }
            })?;
        }
        Ok(())
    }
}

/// The index of that status's sequence.
pub(crate) const fn place_of(status: LicenseStatus) -> usize {
    match status {
        LicenseStatus::Activated => 0,
        LicenseStatus::Assigned => 1,
        LicenseStatus::Revoked | LicenseStatus::Unassigned => 2,
    }
}
