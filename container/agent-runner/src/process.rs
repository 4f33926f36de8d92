//! One running program of the agent: its pipes, its process group, its last words.
//!
//! Invariants
//! - Dropping it kills the whole group, so that nothing that a tool started stays behind.
//! - [`Process::next`] loses nothing when its future is dropped.
//! - Input waits in memory for as long as the program does not read, so that one which waits for us
//!   to read its output is never waited for.

use std::future::pending;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep_until, timeout};

const READ_BYTES: usize = 16 * 1024;
/// A buffer that grew for a long line is not kept.
const BUFFER_KEPT_BYTES: usize = 256 * 1024;
const LAST_WORDS_BYTES: usize = 2 * 1024;
/// How long what a program printed may take to arrive once it has exited. A process that it left
/// behind could hold the pipe open for ever.
pub(crate) const DRAIN: Duration = Duration::from_millis(200);
/// How long a killed process may take to be gone.
const REAP: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    line_max: usize,
    patience: Duration,
    stdin: Option<ChildStdin>,
    input: BytesMut,
    is_finishing: bool,
    stdout: Option<ChildStdout>,
    lines: Lines,
    stderr: Option<ChildStderr>,
    last_words: BytesMut,
    exited_at: Option<Instant>,
}

#[derive(Debug)]
pub(crate) enum Output {
    /// The last one may have no end.
    Line(Bytes),
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
        Ok(Self {
            group: child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw),
            line_max,
            patience,
            stdin: child.stdin.take(),
            input: BytesMut::new(),
            is_finishing: false,
            stdout: child.stdout.take(),
            lines: Lines::default(),
            stderr: child.stderr.take(),
            last_words: BytesMut::new(),
            exited_at: None,
            child,
        })
    }

    pub(crate) fn send(&mut self, line: &[u8]) {
        self.input.extend_from_slice(line);
    }

    /// Lets the program finish what it has and exit.
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
                if !self.lines.buffer.is_empty() {
                    return Output::Line(std::mem::take(&mut self.lines).buffer.freeze());
                }
                return Output::Ended(self.reap().await);
            }
            if self.is_finishing && self.input.is_empty() {
                self.stdin = None;
            }
            let drained_at = self.exited_at.unwrap_or_else(Instant::now) + DRAIN;
            tokio::select! {
                is_open = write(&mut self.stdin, &mut self.input) => if !is_open {
                    // That it is gone is noticed at its output.
                    self.stdin = None;
                },
                is_open = read(&mut self.stdout, &mut self.lines.buffer) => if !is_open {
                    self.stdout = None;
                } else if self.line_max < self.lines.buffer.len() {
                    tracing::error!("a program printed an endless line");
                    self.stdout = None;
                },
                is_open = read(&mut self.stderr, &mut self.last_words) => if is_open {
                    self.cut_last_words();
                } else {
                    self.stderr = None;
                },
                _ = self.child.wait(), if self.exited_at.is_none() => {
                    self.exited_at = Some(Instant::now());
                }
                () = sleep_until(drained_at), if self.exited_at.is_some() => self.stdout = None,
            }
        }
    }

    fn cut_last_words(&mut self) {
        let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        let _ = self.last_words.split_to(surplus);
    }

    async fn reap(&mut self) -> Ending {
        self.stdin = None;
        let mut exited = timeout(self.patience, self.child.wait()).await;
        if exited.is_err() {
            // It closed its output long ago, so it is useless.
            self.kill();
            exited = timeout(REAP, self.child.wait()).await;
        }
        self.kill();
        // A process that holds the pipe open has nothing to say for this one.
        if self.stderr.is_some() {
            let rest = async { while read(&mut self.stderr, &mut self.last_words).await {} };
            let _ = timeout(DRAIN, rest).await;
        }
        self.cut_last_words();
        let status = exited.ok().and_then(Result::ok);
        Ending {
            is_success: status.is_some_and(|it| it.success()),
            status: status.map_or_else(|| "unknown".to_owned(), |it| it.to_string()),
            last_words: String::from_utf8_lossy(&self.last_words).trim().to_owned(),
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

/// Returns whether the pipe is still open; waits for ever for what is closed. May be dropped at any time.
async fn read(from: &mut Option<impl AsyncRead + Unpin>, to: &mut BytesMut) -> bool {
    let Some(from) = from else { return pending().await };
    to.reserve(READ_BYTES);
    from.read_buf(to).await.is_ok_and(|it| 0 < it)
}

/// As [`read`], the other way, as long as there is something to write.
async fn write(to: &mut Option<ChildStdin>, from: &mut BytesMut) -> bool {
    match to {
        Some(to) if !from.is_empty() => to.write_buf(from).await.is_ok(),
        _ => pending().await,
    }
}

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
    async fn a_child_that_holds_the_pipes_does_not_hide_the_end() {
        let mut process = shell("sleep 60 & echo x; exit 0");
        let Output::Line(_) = process.next().await else { panic!("no line") };
        let ended = timeout(Duration::from_secs(5), process.next()).await;
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
