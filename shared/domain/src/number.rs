//! Conversions between lengths (`usize`) and counts (`u64`, `i64`). A value that does not fit is a defect, so the
//! conversion panics.

/// Converts a length to a count.
pub fn to_u64(length: usize) -> u64 {
    u64::try_from(length).expect("a length has 64 bits at most")
}

/// Converts a count to a length.
pub fn to_usize(count: u64) -> usize {
    usize::try_from(count).expect("this runs on machines of 64 bits")
}

/// Converts a count to the change of a counter.
pub fn to_i64(count: u64) -> i64 {
    i64::try_from(count).expect("there are fewer seats than half of 64 bits")
}
