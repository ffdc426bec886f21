//! A million rows in bounded memory, and the same rows whatever interrupts the attempts to read them.

mod doubles;

use std::sync::atomic::Ordering;

use license_clients::{FileWriter, Written};
use license_domain::{Job, JobKind};
use peak_alloc::PeakAlloc;
use tokio::sync::RwLock;

use self::doubles::{Chunks, Files, Standing, job};
use super::*;
use crate::{
    results::{ResultsTable, write_results},
    rows::RowsWriter,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A quarter of a function's memory; its code and its connections need less than 64 MB.
const MAX_PEAK: usize = 80 << 20;

async fn attempt(files: &Files, chunks: &Chunks, run: &Job, clock: &Standing) -> Result<RowsRead, WorkError> {
    let until = clock.now() + crate::Turn::OF_A_MESSAGE.time;
    read(files, "uploads/7.csv", RowsWriter::new(chunks, run), (clock, until)).await
}

/// The peak is that of the whole process: the other tests, which also hold files and chunks, share this lock, and the test
/// that measures holds it alone.
static MEASURED: RwLock<()> = RwLock::const_new(());

#[tokio::test]
async fn a_million_rows_and_their_results_take_a_quarter_of_a_functions_memory() {
    let _alone = MEASURED.write().await;
    let (files, chunks, run) = (Files::with(1_000_000), Chunks::forgetful(), job(JobKind::Assign));
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = attempt(&files, &chunks, &run, &Standing::default()).await.expect("it is read");
    let RowsRead::All { rows, chunks: count, generation } = done else { panic!("{done:?}") };
    assert_eq!((rows, count), (1_000_000, 12_500));
    let peak = MEMORY.peak_usage() - before;
    assert!(peak < MAX_PEAK, "reading takes {} MB", peak >> 20);

    MEMORY.reset_peak_usage();
    // The results of a quarter of them, which is many times what fits into memory, and keeps the test short.
    let done = Job { rows: Some(rows), chunks: count / 4, generation, ..run };
    let mut file = FileWriter::new(&files, "results/7.csv".to_owned()).unless_small(4_000_000);
    let written = write_results(&chunks, &done, ResultsTable::Rows, &mut file).await;
    assert_eq!(file.end(written).await.expect("it is written"), Written::File);
    let peak = MEMORY.peak_usage() - before;
    assert!(peak < MAX_PEAK, "writing takes {} MB", peak >> 20);
    let (parts, bytes) = (files.parts.load(Ordering::Relaxed), files.written.load(Ordering::Relaxed));
    assert!(parts >= 2 && bytes > 16 << 20, "{parts} parts, {bytes} bytes");
}

#[tokio::test]
async fn an_interrupted_attempt_is_continued_and_nothing_is_written_twice() {
    const ROWS: u64 = 100_000;
    let _shared = MEASURED.read().await;
    let (files, run, clock) = (Files::with(ROWS), job(JobKind::Assign), Standing::default());
    let whole = Chunks::default();
    let all = attempt(&files, &whole, &run, &clock).await.expect("it is read");
    assert!(matches!(all, RowsRead::All { rows: ROWS, chunks: 1_250, .. }), "{all:?}");

    let chunks = Chunks::default();
    // The table fails in the middle, then the time of a turn ends, then the function is killed after a checkpoint.
    chunks.fail_from(700);
    attempt(&files, &chunks, &run, &clock).await.expect_err("the table fails");
    assert_eq!(chunks.written(), 700);
    chunks.fail_from(u64::MAX);
    clock.runs.store(true, Ordering::Relaxed);
    assert_eq!(attempt(&files, &chunks, &run, &clock).await.expect("it goes on"), RowsRead::Unfinished);
    assert_eq!(chunks.written(), 700 + 500, "stored chunks are not written again");
    clock.runs.store(false, Ordering::Relaxed);
    assert_eq!(attempt(&files, &chunks, &run, &clock).await.expect("it goes on"), all);
    assert_eq!(chunks.written(), 700 + 500 + 250);
    assert!(chunks.kept() == whole.kept(), "other rows than without the interruptions");

    // Another file with the same name is another generation, from its beginning.
    let other = Files::tagged(ROWS, "another");
    let replaced = attempt(&other, &chunks, &run, &clock).await.expect("it is read");
    assert!(replaced != all && chunks.written() == 700 + 500 + 250 + 1_250, "{replaced:?}");
}

#[tokio::test]
async fn of_two_attempts_one_continues() {
    let _shared = MEASURED.read().await;
    let (files, run, clock) = (Files::with(100_000), job(JobKind::Assign), Standing::default());
    let chunks = Chunks::default();
    chunks.overtaken.store(true, Ordering::Relaxed);
    assert_eq!(attempt(&files, &chunks, &run, &clock).await.expect("it stops"), RowsRead::Overtaken);
    // A file that is replaced in the middle is read anew.
    let files = Files { replaced_behind: 1, ..Files::with(500_000) };
    let error = attempt(&files, &Chunks::default(), &run, &clock).await.expect_err("it was replaced");
    assert!(matches!(error, WorkError::Replaced) && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_bad_row_is_one_refused_row() {
    let _shared = MEASURED.read().await;
    let mut bytes = b"\xef\xbb\xbfName, User_Email ,user_sfid\r\nAnn,ann@example.com,s1\r\n".to_vec();
    bytes.extend(b"\xff\xfe,bob@example.com,\r\nx,not an address,\r\nshort\r\nAnn,ANN@example.com,s2\r\n");
    bytes.extend(vec![b'y'; 5 << 20]);
    bytes.extend(b",cid@example.com,\r\nDan, dan@example.com ,s4\r\n\"never ends");
    let (files, chunks) = (Files::of(bytes), Chunks::default());
    let done = attempt(&files, &chunks, &job(JobKind::Assign), &Standing::default()).await.expect("it is read");
    assert!(matches!(done, RowsRead::All { rows: 7, chunks: 1, .. }), "{done:?}");
    let rows = chunks.kept().into_values().next().expect("a chunk");
    let shown: Vec<(String, &str, &str)> = rows
        .iter()
        .map(|row| {
            let email = row.user_email.as_ref().map_or("", EmailAddress::as_given);
            (email.to_owned(), row.source_id.as_deref().unwrap_or(""), row.problem.as_deref().unwrap_or(""))
        })
        .collect();
    let invalid = "Enter a valid email address.";
    let expected = [
        ("ann@example.com", "s1", ""),
        ("", "", "The row cannot be read."),
        ("not an address", "", invalid),
        ("", "", invalid),
        ("", "", "The row is too long."),
        ("dan@example.com", "s4", ""),
        ("", "", invalid),
    ];
    assert_eq!(shown, expected.map(|(email, source, problem)| (email.to_owned(), source, problem)));
}

#[tokio::test]
async fn a_file_without_valid_rows_is_an_error_with_a_reason() {
    let _shared = MEASURED.read().await;
    for (bytes, words) in
        [(&b""[..], NO_COLUMN), (b"name\r\nann\r\n", NO_COLUMN), (b"\xff,user_email\r\n", "it is no CSV")]
    {
        let (files, chunks, run, clock) =
            (Files::of(bytes.to_vec()), Chunks::default(), job(JobKind::Assign), Standing::default());
        let error = attempt(&files, &chunks, &run, &clock).await.expect_err("no rows");
        assert!(matches!(error, WorkError::Unreadable(said) if said == words), "{error}");
    }
    let huge = Files { claimed_size: Some(MAX_UPLOAD_BYTES + 1), ..Files::with(1) };
    let error = attempt(&huge, &Chunks::default(), &job(JobKind::Assign), &Standing::default()).await;
    assert!(matches!(error, Err(WorkError::Unreadable("the file is too large"))));
}
