//! Compact encodings of numbers. A column of numbers is written by byte position (first the lowest byte of all rows,
//! then the next), so that equal bytes are adjacent for the compression that follows.

use std::collections::BTreeSet;

use license_domain::number::{to_u64, to_usize};

use crate::RosterError;

/// Reads the bytes of a column.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

const SHORT: RosterError = RosterError::Malformed("the end of a column");

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], RosterError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RosterError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RosterError> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    pub(crate) fn number(&mut self) -> Result<u64, RosterError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(RosterError::Malformed("a number"))
    }

    /// Reads a length or an index, which must be below the maxima of a block.
    pub(crate) fn length(&mut self) -> Result<usize, RosterError> {
        self.number().map(to_usize)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, RosterError> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| RosterError::Malformed("a text"))
    }

    /// Reads numbers of `width` bytes each.
    fn planes(&mut self, width: usize, count: usize) -> Result<Vec<u64>, RosterError> {
        let mut numbers = vec![0; count];
        for (plane, shift) in (0..width).zip((0..u64::BITS).step_by(8)) {
            debug_assert!(plane < size_of::<u64>(), "a width is checked before");
            for (number, byte) in numbers.iter_mut().zip(self.take(count)?) {
                *number |= u64::from(*byte) << shift;
            }
        }
        Ok(numbers)
    }

    pub(crate) fn wide(&mut self, count: usize) -> Result<Vec<u128>, RosterError> {
        let mut numbers = vec![0; count];
        for shift in (0..u128::BITS).step_by(8) {
            for (number, byte) in numbers.iter_mut().zip(self.take(count)?) {
                *number |= u128::from(*byte) << shift;
            }
        }
        Ok(numbers)
    }

    pub(crate) fn integers(&mut self, count: usize) -> Result<Vec<i64>, RosterError> {
        let is_dictionary = self.byte()? == DICTIONARY;
        let least = i64::from_le_bytes(self.array()?);
        let unit = self.number()?;
        let number = |steps: u64| least.wrapping_add_unsigned(steps.wrapping_mul(unit));
        let dictionary = if is_dictionary {
            let entries = self.length()?;
            let mut steps = 0_u64;
            let mut dictionary = Vec::new();
            for _ in 0..entries {
                steps = steps.wrapping_add(self.number()?);
                dictionary.push(number(steps));
            }
            Some(dictionary)
        } else {
            None
        };
        let width = usize::from(self.byte()?);
        if width > size_of::<u64>() {
            return Err(RosterError::Malformed("the width of a number"));
        }
        let numbers = self.planes(width, count)?;
        match dictionary {
            None => Ok(numbers.into_iter().map(number).collect()),
            Some(dictionary) => numbers
                .into_iter()
                .map(|index| dictionary.get(to_usize(index)).copied().ok_or(RosterError::Malformed("an index")))
                .collect(),
        }
    }
}

const PLAIN: u8 = 0;
const DICTIONARY: u8 = 1;

pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn write_length(out: &mut Vec<u8>, length: usize) {
    write_number(out, to_u64(length));
}

pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn write_wide(out: &mut Vec<u8>, numbers: &[u128]) {
    for plane in 0..size_of::<u128>() {
        out.extend(numbers.iter().map(|number| number.to_le_bytes()[plane]));
    }
}

fn write_planes(out: &mut Vec<u8>, width: usize, numbers: &[u64]) {
    for plane in 0..width {
        out.extend(numbers.iter().map(|number| number.to_le_bytes()[plane]));
    }
}

/// Writes numbers as differences from the least of them, or as indexes into a list if few different numbers occur
/// often.
pub(crate) fn write_integers(out: &mut Vec<u8>, numbers: &[i64]) {
    let least = numbers.iter().copied().min().unwrap_or_default();
    let above = |number: i64| number.abs_diff(least);
    let unit = numbers.iter().fold(0, |unit, number| gcd(unit, above(*number))).max(1);
    let steps: Vec<u64> = numbers.iter().map(|number| above(*number) / unit).collect();
    let distinct: BTreeSet<u64> = steps.iter().copied().collect();
    let width = width_of(distinct.last().copied().unwrap_or_default());
    let index_width = width_of(to_u64(distinct.len().saturating_sub(1)));

    let is_dictionary = distinct.len() * (width + 1) + numbers.len() * index_width < numbers.len() * width;
    out.push(if is_dictionary { DICTIONARY } else { PLAIN });
    out.extend_from_slice(&least.to_le_bytes());
    write_number(out, unit);
    if is_dictionary {
        write_length(out, distinct.len());
        let mut smaller = 0;
        for step in &distinct {
            write_number(out, step - smaller);
            smaller = *step;
        }
        let distinct: Vec<u64> = distinct.into_iter().collect();
        let index = |step: &u64| distinct.binary_search(step).expect("each step is in the dictionary");
        let indexes: Vec<u64> = steps.iter().map(|step| to_u64(index(step))).collect();
        out.extend(u8::try_from(index_width));
        write_planes(out, index_width, &indexes);
    } else {
        out.extend(u8::try_from(width));
        write_planes(out, width, &steps);
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How many bytes the number needs.
fn width_of(number: u64) -> usize {
    size_of::<u64>() - number.to_be_bytes().iter().take_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let value = prop_oneof![
            any::<i64>(),
            prop::sample::select(vec![i64::MIN, -1, 0, 7, i64::MAX]),
            (0..2_000_i64).prop_map(|second| 1_795_430_768_000_000 + second * 1_000_000),
        ];
        prop::collection::vec(value, 0..90)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn numbers_are_read_as_they_were_written(numbers in numbers(), wide in prop::collection::vec(any::<u128>(), 0..40)) {
            let mut out = Vec::new();
            write_integers(&mut out, &numbers);
            write_wide(&mut out, &wide);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.integers(numbers.len()), Ok(numbers));
            prop_assert_eq!(reader.wide(wide.len()), Ok(wide));
            prop_assert!(reader.0.is_empty());
        }
    }

    #[test]
    fn dates_of_whole_seconds_and_few_values_take_few_bytes() {
        let size = |numbers: &[i64]| {
            let mut out = Vec::new();
            write_integers(&mut out, numbers);
            out.len()
        };
        let seconds: Vec<i64> = (0..4_096).map(|row| 1_795_430_768_000_000 + row * 15_000 * 1_000_000).collect();
        assert!(size(&seconds) < 4_096 * 2 + 32, "{}", size(&seconds));
        let few: Vec<i64> = (0..4_096).map(|row| 1_795_430_768_000_001 + row % 40 * 86_400_123_457).collect();
        assert!(size(&few) < 4_096 + 400, "{}", size(&few));
        assert!(size(&vec![5; 4_096]) < 16);
    }
}
