//! Conversions between lengths (`usize`) and counts (`u64`, `i64`), in one place: a value that does not fit is a defect, and
//! must not become another value.

/// A length as a count.
pub fn to_u64(length: usize) -> u64 {
    u64::try_from(length).expect("a length has 64 bits at most")
}

/// A count as a length.
pub fn to_usize(count: u64) -> usize {
    usize::try_from(count).expect("this runs on machines of 64 bits")
}

/// A count or a length as the change of a counter.
pub fn to_i64(count: u64) -> i64 {
    i64::try_from(count).expect("there are fewer seats than half of 64 bits")
}
