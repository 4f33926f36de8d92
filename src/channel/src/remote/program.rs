//! Where the lines of a remote come from: a program of ours, or a socket of one that runs already.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::link::Shared;
use crate::ChannelError;

/// All of the host's environment that a program gets.
const ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// How long the status and the last words of a program may take that closed its output.
const END_WITHIN: Duration = Duration::from_millis(500);
/// Of one line on its standard error; the rest of it is dropped.
const WORDS_BYTES_MAX: u64 = 4096;

pub(super) enum Way {
    /// The words of its command line.
    Program(Vec<String>),
    Socket(PathBuf),
}

/// Both ends of the lines. Dropping it ends the program with everything that it started.
pub(super) struct Ends {
    pub(super) reading: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writing: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) program: Option<RemoteProgram>,
}

pub(super) struct RemoteProgram {
    child: Child,
    group: Option<Pid>,
    /// Reads its standard error.
    listening: JoinSet<()>,
}

impl Way {
    pub(super) async fn open(
        &self,
        shared: &Arc<Shared>,
        home: PathBuf,
    ) -> Result<Ends, ChannelError> {
        let unreachable = |err: io::Error| ChannelError::Unreachable(err.into());
        let words = match self {
            Self::Program(words) => words,
            Self::Socket(path) => {
                let (reading, writing) =
                    UnixStream::connect(path).await.map_err(unreachable)?.into_split();
                let (reading, writing) = (Box::new(reading), Box::new(writing));
                return Ok(Ends { reading, writing, program: None });
            }
        };
        let [program, arguments @ ..] = &words[..] else {
            return Err(ChannelError::Misconfigured("its command line is empty".into()));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|it| Some((it, env::var_os(it)?))))
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| {
                let why = format!(
                    "the program `{program}` cannot be started: {err}; name one by its whole path, or one \
                     that is in PATH"
                );
                ChannelError::Misconfigured(why.into())
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        let mut program = RemoteProgram { child, group, listening: JoinSet::new() };
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(unreachable(io::Error::other("the program has no pipes")));
        };
        program.listening.spawn(listen(stderr, Arc::clone(shared)));
        Ok(Ends { reading: Box::new(stdout), writing: Box::new(stdin), program: Some(program) })
    }
}

impl RemoteProgram {
    /// How it ended that closed its output, and the last that it said.
    pub(super) async fn ending(&mut self, shared: &Shared) -> String {
        let status = timeout(END_WITHIN, self.child.wait()).await;
        let _ = timeout(END_WITHIN, self.listening.join_next()).await;
        let ended = match status {
            Ok(Ok(status)) => format!("it ended ({status})"),
            Ok(Err(_)) | Err(_) => "it closed its output".to_owned(),
        };
        match shared.last_words() {
            words if words.is_empty() => ended,
            words => format!("{ended}; it said: {words}"),
        }
    }
}

impl Drop for RemoteProgram {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // There may be nothing left of it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn listen(stderr: ChildStderr, shared: Arc<Shared>) {
    let (mut stderr, mut line, mut is_rest) = (BufReader::new(stderr), Vec::new(), false);
    loop {
        line.clear();
        let read = (&mut stderr).take(WORDS_BYTES_MAX).read_until(b'\n', &mut line).await;
        if read.is_ok_and(|it| it == 0) || line.is_empty() {
            return;
        }
        // In the middle of a line, a secret could begin before what was read.
        if !std::mem::replace(&mut is_rest, !line.ends_with(b"\n")) {
            let line = shared.tame(&String::from_utf8_lossy(&line));
            debug!(program = shared.name, line, "a remote adapter says");
            shared.heard(line);
        }
    }
}
