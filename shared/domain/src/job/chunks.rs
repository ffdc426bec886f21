//! Cuts a job's rows into chunks. The outcomes of a chunk are one item of the table, so their size is bounded before
//! the work begins.

use super::{JobKind, Row};

/// The most bytes of a chunk's outcomes as JSON. An item holds 400 KB; the rest is for its other fields.
pub const MAX_OUTCOME_BYTES: usize = 300_000;

/// The most bytes of all course keys of a job: they are part of the job's item.
pub const MAX_COURSE_BYTES: usize = 300_000;

/// The most characters that are kept of a text that is not an address, so that its row can be recognized.
pub const MAX_INVALID_LENGTH: usize = 254;

/// The bytes of an outcome apart from its texts: names of fields, numbers, the license's id, the outcome.
const OUTCOME_OVERHEAD: usize = 200;

/// Cuts rows into chunks one by one. A chunk ends when a transaction or call can take no more rows, or when more
/// outcomes would not fit into its item.
#[derive(Clone, Debug)]
pub struct Chunks {
    most_rows: usize,
    /// The bytes of each course key of an enrollment; a single 0 if there are no courses.
    courses: Vec<usize>,
    all_courses: usize,
    is_by_course: bool,
    open: Vec<Row>,
    open_bytes: usize,
}

impl Chunks {
    /// Cuts the rows of a job of that kind; `courses` are the course keys of an enrollment.
    pub fn new(kind: JobKind, courses: &[String]) -> Self {
        let is_by_course = kind == JobKind::Enroll;
        let courses: Vec<usize> =
            if is_by_course { courses.iter().map(|key| json_bytes(key)).collect() } else { vec![0] };
        let all_courses = courses.iter().sum();
        Self { most_rows: kind.chunk(), courses, all_courses, is_by_course, open: Vec::new(), open_bytes: 0 }
    }

    /// Adds a row, and returns the chunks that are complete now. If a learner's courses do not fit into one chunk, the
    /// row is repeated in several, each with a part of the courses.
    pub fn push(&mut self, row: Row) -> Vec<Vec<Row>> {
        let each = OUTCOME_OVERHEAD + row_bytes(&row);
        let bytes = each * self.courses.len() + self.all_courses;
        let mut full = Vec::new();
        if self.open.len() == self.most_rows || self.open_bytes + bytes > MAX_OUTCOME_BYTES {
            full.extend(self.finish());
        }
        if bytes > MAX_OUTCOME_BYTES && self.is_by_course && row.problem.is_none() {
            full.extend(self.split(&row, each));
            return full;
        }
        self.open.push(row);
        self.open_bytes += bytes;
        full
    }

    /// The last chunk, which is not full.
    pub fn finish(&mut self) -> Option<Vec<Row>> {
        self.open_bytes = 0;
        (!self.open.is_empty()).then(|| std::mem::take(&mut self.open))
    }

    fn split(&self, row: &Row, each: usize) -> Vec<Vec<Row>> {
        let mut parts = Vec::new();
        let (mut from, mut bytes) = (0, 0);
        for (at, course) in self.courses.iter().enumerate() {
            if at > from && bytes + each + course > MAX_OUTCOME_BYTES {
                parts.push((from, at));
                (from, bytes) = (at, 0);
            }
            bytes += each + course;
        }
        parts.push((from, self.courses.len()));
        parts.into_iter().map(|part| vec![Row { courses: Some(part), ..row.clone() }]).collect()
    }
}

/// The bytes of a row's texts in each of its outcomes.
fn row_bytes(row: &Row) -> usize {
    let email = row.user_email.as_ref().map_or(0, |email| json_bytes(email.as_given()));
    email + row.problem.as_deref().map_or(0, json_bytes)
}

/// The bytes of a text as JSON, without its quotes.
fn json_bytes(text: &str) -> usize {
    let escaped = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    };
    text.chars().map(escaped).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{EmailAddress, LicenseId, RowOutcome, RowResult};

    /// The largest possible outcomes of a chunk's rows.
    fn outcomes(courses: &[String], chunk: &[Row]) -> Vec<RowResult> {
        let of = |row: &Row, course: &String| RowResult {
            row: u64::MAX,
            user_email: row.user_email.clone(),
            course_run_key: Some(course.clone()),
            license: Some(LicenseId(Uuid::max())),
            original_status: None,
            outcome: RowOutcome::AlreadyAssociated,
            detail: row.problem.clone(),
        };
        let each = |row: &Row| -> Vec<RowResult> {
            let (from, to) = row.courses.unwrap_or((0, courses.len()));
            courses[from..to].iter().map(|course| of(row, course)).collect()
        };
        chunk.iter().flat_map(each).collect()
    }

    fn cut(courses: &[String], emails: &[String]) -> Vec<Vec<Row>> {
        let mut chunks = Chunks::new(JobKind::Enroll, courses);
        let rows = (0..).zip(emails).map(|(row, email)| Row {
            row,
            user_email: Some(EmailAddress::on_record(email.clone())),
            ..Row::default()
        });
        let mut cut: Vec<Vec<Row>> = rows.flat_map(|row| chunks.push(row)).collect();
        cut.extend(chunks.finish());
        cut
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn a_chunks_outcomes_fit_an_item_and_every_learner_has_every_course_once(
            courses in prop::collection::vec("[a-z\"\u{e9}]{1,255}", 1..300),
            emails in prop::collection::vec("[a-z\\\\\u{20ac}]{1,254}", 1..60),
        ) {
            let chunks = cut(&courses, &emails);
            let mut all = Vec::new();
            for chunk in &chunks {
                let outcomes = outcomes(&courses, chunk);
                let size = serde_json::to_string(&outcomes).expect("JSON").len();
                prop_assert!(size <= MAX_OUTCOME_BYTES + 2, "{size} bytes");
                prop_assert!(chunk.len() <= JobKind::Enroll.chunk());
                all.extend(chunk.iter().flat_map(|row| {
                    let (from, to) = row.courses.unwrap_or((0, courses.len()));
                    (from..to).map(move |course| (row.row, course))
                }));
            }
            let expected: Vec<(u64, usize)> =
                (0..).zip(&emails).flat_map(|(row, _)| (0..courses.len()).map(move |course| (row, course))).collect();
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn small_outcomes_fill_a_chunk_to_the_size_of_one_call() {
        let emails: Vec<String> = (0..60).map(|n| format!("ann{n}@example.com")).collect();
        let sizes = |courses: &[String]| cut(courses, &emails).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&["course-v1:edX+DemoX+2026".to_owned()]), [25, 25, 10]);
        let many: Vec<String> = (0..100).map(|n| format!("course-v1:edX+DemoX{n}+2026")).collect();
        assert_eq!(sizes(&many), [12, 12, 12, 12, 12]);
    }
}
