//! One running program of the agent: its pipes, its process group, its last words.
//!
//! Invariants
//! - Dropping it kills the whole group, so that nothing that a tool started stays behind.
//! - [`Process::next`] loses nothing when its future is dropped.
//! - Input waits in memory for as long as the program does not read, so that one which waits for us
//!   to read its output is never waited for.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

const READ_BYTES: usize = 16 * 1024;
const LAST_WORDS_BYTES: usize = 2 * 1024;
/// How long what a program printed may take to arrive once it has exited. A process that it left
/// behind could hold the pipe open for ever.
pub(crate) const DRAIN: Duration = Duration::from_millis(200);
/// What is read at least of what comes after the exit: more than a pipe holds, so that all that the
/// program printed is in it. A process that it left behind could print for ever.
const AFTER_EXIT_BYTES_MAX: usize = 4 << 20;
/// How long a killed process may take to be gone.
const REAP: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    line_max: usize,
    patience: Duration,
    /// Closed when the program is to finish.
    input: Option<mpsc::UnboundedSender<Vec<u8>>>,
    stdout: Option<BufReader<ChildStdout>>,
    /// What came of the next line.
    line: Vec<u8>,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// Tasks that feed the input and read the last words.
    pumps: JoinSet<()>,
    exited_at: Option<Instant>,
    /// How many bytes of lines are still read once it has exited.
    left: usize,
}

#[derive(Debug)]
pub(crate) enum Output {
    /// The last one may have no end.
    Line(Vec<u8>),
    /// A line that is too long; it is dropped, and so is all that follows.
    TooLong,
    Ended(Ending),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) is_success: bool,
    pub(crate) status: String,
    /// The end of what it printed to standard error.
    pub(crate) last_words: String,
}

impl Process {
    /// Starts a program that may print lines of up to `line_max` bytes. Once it has closed its output
    /// it has `patience` to exit.
    pub(crate) fn start(
        mut command: Command,
        line_max: usize,
        patience: Duration,
    ) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (input, lines) = mpsc::unbounded_channel();
        let last_words = Arc::default();
        let mut pumps = JoinSet::new();
        if let (Some(stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) {
            pumps.spawn(feed(stdin, lines));
            pumps.spawn(keep_end(stderr, Arc::clone(&last_words)));
        }
        Ok(Self {
            group: child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw),
            line_max,
            patience,
            input: Some(input),
            stdout: child.stdout.take().map(|it| BufReader::with_capacity(READ_BYTES, it)),
            line: vec![],
            last_words,
            pumps,
            exited_at: None,
            left: AFTER_EXIT_BYTES_MAX,
            child,
        })
    }

    /// Once the program is gone nothing is fed; that is noticed at its output.
    pub(crate) fn send(&self, line: impl Into<Vec<u8>>) {
        let _ = self.input.as_ref().map(|it| it.send(line.into()));
    }

    /// Lets the program finish what it has and exit.
    pub(crate) fn finish(&mut self) {
        self.input = None;
    }

    /// Waits for the next line.
    pub(crate) async fn next(&mut self) -> Output {
        loop {
            let is_whole = self.line.pop_if(|it| *it == b'\n').is_some();
            if is_whole || (self.stdout.is_none() && !self.line.is_empty()) {
                if self.exited_at.is_some() {
                    self.left = self.left.saturating_sub(self.line.len() + 1);
                }
                if self.left == 0 {
                    self.stdout = None;
                }
                return Output::Line(std::mem::take(&mut self.line));
            }
            let Some(stdout) = &mut self.stdout else {
                return Output::Ended(self.reap().await);
            };
            let drained_at = self.exited_at.unwrap_or_else(Instant::now) + DRAIN;
            tokio::select! {
                // The exit is seen whatever is printed; then what can be read is read, whatever the time.
                biased;
                _ = self.child.wait(), if self.exited_at.is_none() => {
                    self.exited_at = Some(Instant::now());
                    // This line began before.
                    self.left += self.line.len();
                },
                is_open = read_line(stdout, &mut self.line, self.line_max) => if !is_open {
                    self.stdout = None;
                } else if self.line_max < self.line.len() && !self.line.ends_with(b"\n") {
                    tracing::error!("a program printed an endless line");
                    (self.stdout, self.line) = (None, vec![]);
                    return Output::TooLong;
                },
                () = sleep_until(drained_at), if self.exited_at.is_some() => {
                    self.stdout = None;
                },
            }
        }
    }

    async fn reap(&mut self) -> Ending {
        self.finish();
        let mut exited = timeout(self.patience, self.child.wait()).await;
        if exited.is_err() {
            // It closed its output long ago, so it is useless.
            self.kill();
            exited = timeout(REAP, self.child.wait()).await;
        }
        self.kill();
        // A process that holds the pipe open has nothing to say for this one.
        let drained = async { while self.pumps.join_next().await.is_some() {} };
        let _ = timeout(DRAIN, drained).await;
        let status = exited.ok().and_then(Result::ok);
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        Ending {
            is_success: status.is_some_and(|it| it.success()),
            status: status.map_or_else(|| "unknown".to_owned(), |it| it.to_string()),
            last_words: String::from_utf8_lossy(&last_words).trim().to_owned(),
        }
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // There may be nothing left of it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn feed(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await
        && stdin.write_all(&line).await.is_ok()
    {}
}

async fn keep_end(mut stderr: ChildStderr, last_words: Arc<Mutex<Vec<u8>>>) {
    let mut part = [0; LAST_WORDS_BYTES];
    while let Ok(count @ 1..) = stderr.read(&mut part).await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(&part[..count]);
        let surplus = words.len().saturating_sub(LAST_WORDS_BYTES);
        words.drain(..surplus);
    }
}

/// Reads up to the end of a line, or one byte more than it may have. Returns whether the pipe is still open.
/// May be dropped at any time: what it read before is in the line.
async fn read_line(from: &mut BufReader<ChildStdout>, line: &mut Vec<u8>, line_max: usize) -> bool {
    let room = u64::try_from((line_max + 1).saturating_sub(line.len())).unwrap_or(u64::MAX);
    from.take(room).read_until(b'\n', line).await.is_ok_and(|it| 0 < it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, 2 << 20, DRAIN).unwrap()
    }

    #[tokio::test]
    async fn lines_in_lines_out_and_last_words() {
        let mut process = shell("read a; echo \"got $a\"; echo why >&2; exit 3");
        process.send(b"this\n");
        let Output::Line(line) = process.next().await else { panic!("no line") };
        assert_eq!(&line[..], b"got this");
        let Output::Ended(ending) = process.next().await else { panic!("no end") };
        let (status, last_words) = ("exit status: 3".into(), "why".into());
        assert_eq!(ending, Ending { is_success: false, status, last_words });
    }

    #[tokio::test]
    async fn lines_are_cut_wherever_the_writes_end() {
        let mut process = shell("printf 'one\\ntw'; sleep 0.1; printf 'o\\n\\nlast'");
        for expected in ["one", "two", "", "last"] {
            // Dropped in the middle of a line, too.
            let output = match timeout(Duration::from_millis(1), process.next()).await {
                Ok(output) => output,
                Err(_) => process.next().await,
            };
            let Output::Line(line) = output else { panic!("no line") };
            assert_eq!(String::from_utf8_lossy(&line), expected);
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_cut_off() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 12345; echo 123456; sleep 60"]);
        let mut process = Process::start(command, 5, DRAIN).unwrap();
        let Output::Line(line) = process.next().await else { panic!("no line") };
        assert_eq!(&line[..], b"12345");
        assert!(matches!(process.next().await, Output::TooLong));
        assert!(matches!(process.next().await, Output::Ended(_)));
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_that_was_printed_before_the_exit() {
        // A pipe full, in lines of one read each.
        let mut process = shell("for number in 1 2 3 4; do printf '%16383d\\n' $number; done");
        for expected in ["1", "2", "3", "4"] {
            let Output::Line(line) = process.next().await else { panic!("no line") };
            assert_eq!(line.trim_ascii(), expected.as_bytes());
            tokio::time::sleep(DRAIN * 2).await;
        }
        assert!(matches!(process.next().await, Output::Ended(_)));
    }

    #[tokio::test]
    async fn a_child_that_holds_the_pipes_does_not_hide_the_end() {
        let mut process = shell("sleep 60 & echo x; exit 0");
        let Output::Line(_) = process.next().await else { panic!("no line") };
        let ended = timeout(Duration::from_secs(5), process.next()).await;
        assert!(matches!(ended, Ok(Output::Ended(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn a_child_that_prints_for_ever_does_not_hide_the_end() {
        let mut process = shell("yes \"$(printf %09999d 0)\" & exit 0");
        let to_the_end = async { while let Output::Line(_) = process.next().await {} };
        timeout(Duration::from_secs(60), to_the_end).await.unwrap();
    }

    #[tokio::test]
    async fn more_input_than_a_pipe_holds_does_not_block_the_output() {
        let mut process = shell("cat; exit 0");
        let big = vec![b'x'; 1 << 20];
        process.send(big.clone());
        process.send(b"\n");
        process.finish();
        let Output::Line(line) = process.next().await else { panic!("no line") };
        assert_eq!(line.len(), big.len());
        assert!(matches!(process.next().await, Output::Ended(_)));
    }
}
