//! Reads everything that an export writes. Each item is read once: a plan's list shards one after the other, then its
//! buckets with their free seats.

use std::collections::BTreeMap;

use async_trait::async_trait;
use license_domain::{License, LicenseId, Ordinal, PlanId, ProductCatalog, SubscriptionPlan, number::to_u64};
use license_storage::{BulkRead, LicenseEvent, ReadPosition, StoreError, StoredUser};

use crate::{
    Store,
    keys::{self, BucketKeys, FREE_PREFIX, Key, USER_PREFIX, UserKeys},
    rows,
    table::{Part, Range},
    users,
};

/// The most licenses of one part.
const PART: usize = 1_000;

#[async_trait]
impl BulkRead for Store {
    async fn catalog(&self) -> Result<ProductCatalog, StoreError> {
        self.stored_catalog().await
    }

    /// A Scan, because no index leads to users.
    async fn users(&self) -> Result<BTreeMap<String, StoredUser>, StoreError> {
        let part = Part { prefix: Some(USER_PREFIX), ..Part::default() };
        let (mut users, mut after) = (BTreeMap::<String, StoredUser>::new(), None);
        loop {
            let (items, last) = self.table.scan_part(&part, after.as_ref()).await?;
            for item in items {
                let name = Key::of(&item).and_then(|key| UserKeys::name_of(&key.pk).map(str::to_owned));
                if let Some(name) = name {
                    users::add(users.entry(name).or_default(), item)?;
                }
            }
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        for user in users.values_mut() {
            user.grants.sort_unstable();
        }
        Ok(users)
    }

    async fn next_licenses(
        &self,
        plan: &SubscriptionPlan,
        after: Option<&ReadPosition>,
    ) -> Result<(Vec<License>, Option<ReadPosition>), StoreError> {
        let mut place = match after {
            None => Some(Place::Listed(0, None)),
            Some(position) => {
                let unknown = || StoreError::Refused { operation: "export", cause: "no position".to_owned() };
                Some(Place::parse(position.text()).ok_or_else(unknown)?)
            }
        };
        while let Some(at) = place {
            let (licenses, next) = self.read_at(plan, at).await?;
            if !licenses.is_empty() {
                return Ok((licenses, next.map(|next| ReadPosition::new(next.text()))));
            }
            place = next;
        }
        Ok((Vec::new(), None))
    }

    async fn next_license_events(
        &self,
        plan: PlanId,
        after: Option<&ReadPosition>,
    ) -> Result<(Vec<(LicenseId, LicenseEvent)>, Option<ReadPosition>), StoreError> {
        let (events, last) = self.license_events_part(plan, after.map(ReadPosition::text), PART).await?;
        Ok((events, last.map(ReadPosition::new)))
    }
}

impl Store {
    /// Reads the next part from that position on; returns the position after it.
    async fn read_at(
        &self,
        plan: &SubscriptionPlan,
        place: Place,
    ) -> Result<(Vec<License>, Option<Place>), StoreError> {
        match place {
            Place::Listed(shard, after) => self.listed_part(plan, shard, after).await,
            Place::Free(bucket, after) => self.free_part(plan, bucket, after).await,
            Place::Untouched(bucket, from) => self.untouched_part(plan, bucket, from).await,
        }
    }

    async fn listed_part(
        &self,
        plan: &SubscriptionPlan,
        shard: u16,
        after: Option<String>,
    ) -> Result<(Vec<License>, Option<Place>), StoreError> {
        // A key ends with the license's id: no key is between it and the same key with a space appended. All keys begin
        // with the name of a status.
        let from = after.map_or_else(|| "a".to_owned(), |key| format!("{key} "));
        let range = Range {
            index: Some(keys::GSI1),
            partition: keys::list_partition(plan.uuid, shard),
            between: Some((&from, "~")),
            limit: Some(PART),
            ..Range::default()
        };
        let items = self.table.query(range).await?;
        let last = items.last().and_then(|item| keys::sort_key_in(item, keys::GSI1)).map(str::to_owned);
        let next = if items.len() == PART {
            Place::Listed(shard, last)
        } else if shard + 1 < plan.seats.list_shards {
            Place::Listed(shard + 1, None)
        } else {
            Place::Free(0, None)
        };
        let licenses: Result<Vec<License>, StoreError> = items.into_iter().map(rows::from_item).collect();
        Ok((licenses?, Some(next)))
    }

    async fn free_part(
        &self,
        plan: &SubscriptionPlan,
        bucket: u16,
        after: Option<LicenseId>,
    ) -> Result<(Vec<License>, Option<Place>), StoreError> {
        let from = format!("{FREE_PREFIX}{}", after.map(|license| format!("{license} ")).unwrap_or_default());
        let to = format!("{FREE_PREFIX}~");
        let range = Range {
            partition: BucketKeys { plan: plan.uuid, bucket }.partition(),
            between: Some((&from, &to)),
            limit: Some(PART),
            consistent: true,
            ..Range::default()
        };
        let items = self.table.query(range).await?;
        let licenses: Result<Vec<License>, StoreError> = items.into_iter().map(rows::from_item).collect();
        let licenses = licenses?;
        let last = licenses.last().map(|license| license.uuid);
        let next = if licenses.len() == PART { Place::Free(bucket, last) } else { Place::Untouched(bucket, 0) };
        Ok((licenses, Some(next)))
    }

    /// Untouched seats, which have no items: the bucket's numbers show which ones there are.
    async fn untouched_part(
        &self,
        plan: &SubscriptionPlan,
        number: u16,
        from: u64,
    ) -> Result<(Vec<License>, Option<Place>), StoreError> {
        let following = (number + 1 < plan.seats.buckets).then(|| Place::Free(number + 1, None));
        let at = BucketKeys { plan: plan.uuid, bucket: number };
        let Some(bucket) = self.bucket(at).await? else { return Ok((Vec::new(), following)) };
        let from = from.max(bucket.next);
        let end = bucket.end.min(from + to_u64(PART));
        let seat = |sequence| {
            let license = plan.seats.prefix.license(Ordinal { bucket: number, sequence });
            License::unassigned(license, plan.uuid, plan.created)
        };
        let next = if end < bucket.end { Some(Place::Untouched(number, end)) } else { following };
        Ok(((from..end).map(seat).collect(), next))
    }
}

/// The position where the next part of a plan's licenses begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In that list shard, after that key.
    Listed(u16, Option<String>),
    /// Among the returned seats of that bucket, after that one.
    Free(u16, Option<LicenseId>),
    /// Among the untouched seats of that bucket, at that number.
    Untouched(u16, u64),
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Listed(shard, after) => format!("listed {shard} {}", after.as_deref().unwrap_or_default()),
            Self::Free(bucket, after) => {
                format!("free {bucket} {}", after.map(|license| license.to_string()).unwrap_or_default())
            }
            Self::Untouched(bucket, from) => format!("untouched {bucket} {from}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let (number, rest) = rest.split_once(' ')?;
        let number = number.parse().ok()?;
        Some(match (kind, rest) {
            ("listed", "") => Self::Listed(number, None),
            ("listed", key) => Self::Listed(number, Some(key.to_owned())),
            ("free", "") => Self::Free(number, None),
            ("free", license) => Self::Free(number, Some(license.parse().ok()?)),
            ("untouched", from) => Self::Untouched(number, from.parse().ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_parsed_from_its_text() {
        let license = LicenseId(uuid::Uuid::from_u128(7));
        for place in [
            Place::Listed(0, None),
            Place::Listed(3, Some("assigned \"x y\" 7".to_owned())),
            Place::Free(15, None),
            Place::Free(0, Some(license)),
            Place::Untouched(2, 99),
        ] {
            assert_eq!(Place::parse(&place.text()), Some(place.clone()), "{place:?}");
        }
        for text in ["", "listed", "listed x ", "free 0 x", "untouched 0 ", "elsewhere 0 0"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
