//! Caches of a process that outlive a request. Both are bounded; the clock is an argument.

use std::{fmt, hash::Hash};

use license_domain::Timestamp;
use quick_cache::{Equivalent, sync};

/// The most entries of a cache. When it is full, entries that were not used lately are dropped. Memory is allocated as
/// entries are added.
pub const MAX_ENTRIES: usize = 10_000;

/// A cache of values that are valid until they are removed.
pub struct Cache<K, V>(sync::Cache<K, V>);

impl<K: Eq + Hash, V: Clone> Default for Cache<K, V> {
    fn default() -> Self {
        Self(sync::Cache::new(MAX_ENTRIES))
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.0.get(key)
    }

    /// Adds a value, or replaces the one with that key.
    pub fn put(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    pub fn forget<Q>(&self, key: &Q)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.0.remove(key);
    }
}

// `Debug` shows no entries, because keys and values can be personal data.
impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

/// A cache of values that expire.
#[derive(Debug)]
pub struct ExpiringCache<K, V>(Cache<K, Entry<V>>);

#[derive(Clone)]
struct Entry<V> {
    value: V,
    since: Timestamp,
    until: Timestamp,
}

impl<K: Eq + Hash, V: Clone> Default for ExpiringCache<K, V> {
    fn default() -> Self {
        Self(Cache::default())
    }
}

impl<K: Eq + Hash, V: Clone> ExpiringCache<K, V> {
    /// The value of that key, if it is valid at that time. If the clock was set back, a value that was added later than
    /// `now` is not valid.
    pub fn get<Q>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.0.get(key).filter(|entry| entry.since <= now && now < entry.until).map(|entry| entry.value)
    }

    /// Adds a value that is valid from `now` until `until`.
    pub fn put(&self, key: K, value: V, now: Timestamp, until: Timestamp) {
        self.0.put(key, Entry { value, since: now, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_430_760 + second, 0).expect("a moment")
    }

    #[test]
    fn a_value_is_right_from_when_it_was_read_until_its_time_is_over() {
        let cache = ExpiringCache::default();
        cache.put("ann".to_owned(), 1, second(10), second(70));
        let at = |time| cache.get("ann", second(time));
        assert_eq!([at(9), at(10), at(69), at(70)], [None, Some(1), Some(1), None]);
        cache.put("ann".to_owned(), 2, second(70), second(130));
        assert_eq!(cache.get("ann", second(70)), Some(2));
        assert_eq!(cache.get("bob", second(70)), None);
    }

    #[test]
    fn a_cache_is_bounded_and_keeps_used_entries() {
        let cache = Cache::default();
        cache.put(0, "used");
        for n in 1..3 * MAX_ENTRIES {
            cache.put(n, "once");
            assert_eq!(cache.get(&0), Some("used"));
        }
        let held = (0..3 * MAX_ENTRIES).filter(|n| cache.get(n).is_some()).count();
        assert!((1_000..=MAX_ENTRIES).contains(&held), "{held}");
        cache.forget(&0);
        assert_eq!(cache.get(&0), None);
    }
}
