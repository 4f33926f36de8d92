//! A long run with faults: whether anything is lost, and whether anything grows.
//!
//! `./nanoclaw.sh bench soak --messages 100000`

use std::path::Path;
use std::time::Instant;

use harness::soak::{Report, Sample, Soak, run as soak};

use crate::floor::per_second;

const MESSAGES: usize = 100_000;
const CHATS: usize = 200;
/// From half of the messages to all of them. What grows with the messages would double.
const MEMORY_GROWTH_MAX: f64 = 1.3;
const HANDLES_MORE_MAX: usize = 200;

pub(crate) fn run() {
    let messages = asked().unwrap_or(MESSAGES);
    // In memory, as the simulation: what is judged is what grows, not how quick the disk is.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    println!("soak: {messages} messages through {CHATS} chats, with faults");
    let started = Instant::now();
    let report = soak(Soak { messages, chats: CHATS, seed: 1 }, dir.path(), |sample| {
        let pace = per_second(sample.answered, started.elapsed());
        println!("  {}; {pace:.0} messages/s", shown(sample));
    });
    println!("  a year later: {}; {} messages are kept", shown(&report.pruned), report.kept);
    println!("  {} faults, {} violations", report.faults, report.violations.len());
    let complaints = judge(&report);
    if !complaints.is_empty() {
        complaints.iter().for_each(|it| println!("  BROKEN: {it}"));
        std::process::exit(1);
    }
}

/// What must hold; a broken law first.
fn judge(report: &Report) -> Vec<String> {
    let mut complaints = report.violations.clone();
    let [_, half, whole] = report.samples[..] else {
        return complaints;
    };
    let memory = ratio(whole.resident, half.resident);
    println!("  memory, all messages to half of them: {memory:.2}");
    if MEMORY_GROWTH_MAX < memory {
        complaints.push(format!("memory grew by {memory:.2}, allowed is {MEMORY_GROWTH_MAX}"));
    }
    if half.handles + HANDLES_MORE_MAX < whole.handles {
        complaints.push(format!("{} handles became {}", half.handles, whole.handles));
    }
    if whole.files <= report.pruned.files {
        complaints.push("a year later the files are no smaller".to_owned());
    }
    complaints
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn shown(sample: &Sample) -> String {
    let mb = |bytes: u64| bytes as f64 / 1_000_000.0;
    format!(
        "{} answered: {:.1} MB resident, {} handles, {:.1} MB of files",
        sample.answered,
        mb(sample.resident),
        sample.handles,
        mb(sample.files)
    )
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn ratio(after: u64, before: u64) -> f64 {
    after as f64 / before.max(1) as f64
}

/// `--messages N`
fn asked() -> Option<usize> {
    let mut args = std::env::args().skip_while(|it| it != "--messages").skip(1);
    args.next()?.parse().ok()
}
