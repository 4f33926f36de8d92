//! What the host takes, as the kernel counts it, and how long answers take.

use std::fs;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long files that belong to what has just ended may stay open.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The host's process, from a moment of rest on. Sizes in KiB.
pub(super) struct Meter {
    pid: u64,
    before: u64,
    /// Unknown where the tests are not root: the host closes itself to other programs of its user.
    files: Option<usize>,
}

impl Meter {
    pub(super) fn start(pid: u64) -> Self {
        Self { pid, before: status(pid, "VmRSS:"), files: open_files(pid) }
    }

    pub(super) fn pid(&self) -> u64 {
        self.pid
    }

    pub(super) fn before(&self) -> u64 {
        self.before
    }

    /// The most that it ever took; the kernel misses no moment.
    pub(super) fn peak(&self) -> u64 {
        status(self.pid, "VmHWM:")
    }

    pub(super) async fn until_files_within(&self, more: usize) {
        let Some(before) = self.files else { return };
        let began = Instant::now();
        while before + more < open_files(self.pid).unwrap() {
            let open = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap();
            let open: Vec<_> = open.map(|it| fs::read_link(it.unwrap().path())).collect();
            assert!(began.elapsed() < CLOSED_WITHIN, "{before} before, now {open:#?}");
            sleep(LOOK_EVERY).await;
        }
    }
}

fn status(pid: u64, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn open_files(pid: u64) -> Option<usize> {
    fs::read_dir(format!("/proc/{pid}/fd")).ok().map(Iterator::count)
}

pub(super) async fn timed<R>(action: impl Future<Output = R>) -> (Duration, R) {
    let began = Instant::now();
    let out = action.await;
    (began.elapsed(), out)
}

pub(super) fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}
