//! One running CLI: its pipes, its process group, its last words.
//!
//! Invariants
//! - Dropping it kills the whole group, so that nothing that a tool started stays behind.
//! - [`Process::next`] loses nothing when its future is dropped.
//! - Input waits in memory for as long as the CLI does not read, so that the CLI, which may wait
//!   for us to read its output, is never waited for.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::sleep;

/// The longest line; the CLI itself cuts what a tool printed to far less.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;
/// A buffer that grew for a long line is not kept.
const BUFFER_KEPT_BYTES: usize = 256 * 1024;
const LAST_WORDS_BYTES: usize = 2 * 1024;
/// How long what the CLI printed may take to arrive once it has exited. A process that it left
/// behind could hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(200);
/// How long a killed process may take to be gone.
const REAP: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    input: BytesMut,
    is_finishing: bool,
    stdout: Option<ChildStdout>,
    lines: Lines,
    stderr: Option<ChildStderr>,
    last_words: BytesMut,
    status: Option<ExitStatus>,
}

#[derive(Debug)]
pub(crate) enum Output {
    Line(Bytes),
    Ended(Ending),
}

/// How a process came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) status: String,
    /// The end of what it printed to standard error.
    pub(crate) last_words: String,
}

enum Step {
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
    ReadError(io::Result<usize>),
    Exited(io::Result<ExitStatus>),
    Drained,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        Ok(Self {
            group,
            stdin: child.stdin.take(),
            input: BytesMut::new(),
            is_finishing: false,
            stdout: child.stdout.take(),
            lines: Lines::default(),
            stderr: child.stderr.take(),
            last_words: BytesMut::new(),
            status: None,
            child,
        })
    }

    /// Queues a line of input.
    pub(crate) fn send(&mut self, line: &[u8]) {
        self.input.extend_from_slice(line);
    }

    /// Lets the CLI finish what it has and exit.
    pub(crate) fn finish(&mut self) {
        self.is_finishing = true;
    }

    /// Waits for the next line, and meanwhile feeds the input.
    pub(crate) async fn next(&mut self) -> Output {
        loop {
            if let Some(line) = self.lines.take() {
                return Output::Line(line);
            }
            if self.stdout.is_none() {
                return Output::Ended(self.reap().await);
            }
            if self.is_finishing && self.input.is_empty() {
                self.stdin = None;
            }
            match self.step().await {
                // It closed its input; that it is gone is noticed at its output.
                Step::Wrote(Err(_)) => self.stdin = None,
                Step::Wrote(Ok(_)) => {}
                Step::Read(Ok(count)) if 0 < count => {
                    if LINE_BYTES_MAX < self.lines.buffer.len() {
                        tracing::error!("the agent's program printed an endless line");
                        self.stdout = None;
                    }
                }
                Step::Read(_) | Step::Drained => self.stdout = None,
                Step::ReadError(Ok(count)) if 0 < count => {
                    let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
                    let _ = self.last_words.split_to(surplus);
                }
                Step::ReadError(_) => self.stderr = None,
                Step::Exited(status) => self.status = Some(status.unwrap_or_default()),
            }
        }
    }

    /// One thing that happens to the pipes or the process; each wait may be dropped at any time.
    async fn step(&mut self) -> Step {
        let has_input = !self.input.is_empty();
        let has_exited = self.status.is_some();
        let write = async {
            match &mut self.stdin {
                Some(stdin) if has_input => stdin.write_buf(&mut self.input).await,
                _ => std::future::pending().await,
            }
        };
        let read = async {
            match &mut self.stdout {
                Some(stdout) => {
                    self.lines.buffer.reserve(READ_BYTES);
                    stdout.read_buf(&mut self.lines.buffer).await
                }
                None => std::future::pending().await,
            }
        };
        let read_error = async {
            match &mut self.stderr {
                Some(stderr) => {
                    self.last_words.reserve(LAST_WORDS_BYTES);
                    stderr.read_buf(&mut self.last_words).await
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = write => Step::Wrote(count),
            count = read => Step::Read(count),
            count = read_error => Step::ReadError(count),
            status = self.child.wait(), if !has_exited => Step::Exited(status),
            () = sleep(DRAIN), if has_exited => Step::Drained,
        }
    }

    async fn reap(&mut self) -> Ending {
        self.stdin = None;
        if self.status.is_none() {
            // It closed its output, so it is ending or useless.
            match tokio::time::timeout(DRAIN, self.child.wait()).await {
                Ok(status) => self.status = status.ok(),
                Err(_) => {
                    self.kill();
                    let killed = tokio::time::timeout(REAP, self.child.wait()).await;
                    self.status = killed.ok().and_then(Result::ok);
                }
            }
        }
        self.kill();
        if let Some(mut stderr) = self.stderr.take() {
            let rest = async {
                while stderr.read_buf(&mut self.last_words).await.is_ok_and(|it| 0 < it) {}
            };
            // A process that holds the pipe open has nothing to say for the CLI.
            let _ = tokio::time::timeout(DRAIN, rest).await;
        }
        let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        Ending {
            status: self.status.map_or_else(|| "unknown".to_owned(), |it| it.to_string()),
            last_words: String::from_utf8_lossy(&self.last_words[surplus..]).trim().to_owned(),
        }
    }

    /// Kills whatever is left of the group, once.
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

/// Cuts what was read into lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    fn take(&mut self) -> Option<Bytes> {
        let Some(found) = self.buffer[self.searched..].iter().position(|it| *it == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + found + 1);
        line.truncate(line.len() - 1);
        self.searched = 0;
        if BUFFER_KEPT_BYTES < line.len() && self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Some(line.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_reads_end() {
        let mut lines = Lines::default();
        let mut seen: Vec<Bytes> = vec![];
        for piece in ["one\ntw", "o", "\n", "\nlast"] {
            lines.buffer.extend_from_slice(piece.as_bytes());
            seen.extend(std::iter::from_fn(|| lines.take()));
        }
        assert_eq!(seen, ["one", "two", ""]);
        assert_eq!(&lines.buffer[..], b"last");
    }

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command).unwrap()
    }

    #[tokio::test]
    async fn lines_in_lines_out_and_last_words() {
        let mut process = shell("read a; echo \"got $a\"; echo why >&2; exit 3");
        process.send(b"this\n");
        let Output::Line(line) = process.next().await else { panic!("no line") };
        assert_eq!(&line[..], b"got this");
        let Output::Ended(ending) = process.next().await else { panic!("no end") };
        assert_eq!(ending, Ending { status: "exit status: 3".into(), last_words: "why".into() });
    }

    #[tokio::test]
    async fn a_child_that_holds_the_pipes_does_not_hide_the_end() {
        let mut process = shell("sleep 60 & echo x; exit 0");
        let Output::Line(_) = process.next().await else { panic!("no line") };
        let ended = tokio::time::timeout(Duration::from_secs(5), process.next()).await;
        assert!(matches!(ended, Ok(Output::Ended(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn more_input_than_a_pipe_holds_does_not_block_the_output() {
        let mut process = shell("cat; exit 0");
        let big = vec![b'x'; 1 << 20];
        process.send(&big);
        process.send(b"\n");
        process.finish();
        let Output::Line(line) = process.next().await else { panic!("no line") };
        assert_eq!(line.len(), big.len());
        assert!(matches!(process.next().await, Output::Ended(_)));
    }
}
