//! Digests for values that must not be readable in a key.

use sha2::{Digest, Sha256};

/// The SHA-256 of these parts, each with its length, as hexadecimal digits.
pub fn digest(parts: &[&[u8]]) -> String {
    use std::fmt::Write;
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part.len().to_be_bytes());
        sum.update(part);
    }
    sum.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
