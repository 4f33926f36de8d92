//! The script of a task: runs before the model is asked, and decides whether it is. What it prints
//! last is one line of JSON, `{"wakeAgent": true, "data": …}`.
//!
//! Invariants
//! - When [`run`] returns or is dropped, everything that the script started is killed.
//! - Nothing that a script prints is kept beyond [`OUTPUT_BYTES_MAX`].

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use domain::plain::{cut, one_line};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::users::AgentUser;

/// A script looks at something and says whether it matters; what takes longer is work for the agent.
const TIME_MAX: Duration = Duration::from_secs(30);
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// The end of what it complains of.
const LAST_WORDS_BYTES: usize = 1024;
/// How long what it printed may take to arrive once it has exited: something that it left behind could
/// hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(200);
/// How much of a reason is kept.
const REASON_CHARS_MAX: usize = 200;

/// What a script decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScriptDecision {
    /// Ask the model, and show it this JSON.
    Wake(Option<String>),
    /// There is nothing to do this time.
    Rest,
    /// It did not decide; why.
    Failed(String),
}

/// Where a script runs.
#[derive(Clone, Debug)]
pub(crate) struct ScriptContext {
    pub(crate) workspace: PathBuf,
    /// The file that it is written to while it runs; of one session alone.
    pub(crate) file: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) user: AgentUser,
}

/// Runs a script with bash in the workspace.
pub(crate) async fn run(script: &str, context: &ScriptContext) -> ScriptDecision {
    let ran = timeout(TIME_MAX, run_to_its_end(script, context)).await;
    let _ = fs::remove_file(&context.file);
    match ran {
        Ok(Ok(decision)) => decision,
        Ok(Err(err)) => ScriptDecision::Failed(format!("the script could not be run: {err}")),
        Err(_) => {
            ScriptDecision::Failed(format!("the script took longer than {} s", TIME_MAX.as_secs()))
        }
    }
}

async fn run_to_its_end(script: &str, context: &ScriptContext) -> io::Result<ScriptDecision> {
    write(&context.file, script)?;
    let mut command = Command::new("bash");
    context.user.take(&mut command);
    let mut child = command
        .arg(&context.file)
        .current_dir(&context.workspace)
        .envs(context.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    // Held until this function is left, however that happens.
    let _group = Group::of(&child);
    let Some((status, printed, last_words)) = listen(&mut child).await? else {
        return Ok(ScriptDecision::Failed("the script printed more than 1 MiB".to_owned()));
    };
    if !status.success() {
        let words = String::from_utf8_lossy(&last_words);
        let words = words.lines().rev().find(|it| !it.trim().is_empty()).unwrap_or_default();
        let why = if words.is_empty() { String::new() } else { format!(": {words}") };
        return Ok(ScriptDecision::Failed(short(&format!("the script ended with {status}{why}"))));
    }
    Ok(read(&String::from_utf8_lossy(&printed)))
}

/// Replaces what a predecessor may have left behind. The agent's user reads it through the group.
fn write(file: &Path, script: &str) -> io::Result<()> {
    let _ = fs::remove_file(file);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o640).open(file)?;
    file.write_all(script.as_bytes())
}

struct TooMuch;

/// How it ended, what it printed and the end of what it complained of; `None` when that is too much.
async fn listen(child: &mut Child) -> io::Result<Option<(ExitStatus, Vec<u8>, Vec<u8>)>> {
    let (mut printed, mut last_words) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = {
        let reading = async {
            tokio::try_join!(keep_all(stdout, &mut printed), keep_end(stderr, &mut last_words))
        };
        tokio::pin!(reading);
        tokio::select! {
            read = &mut reading => match read {
                Ok(_) => Some(child.wait().await?),
                Err(TooMuch) => None,
            },
            status = child.wait() => {
                let drained = timeout(DRAIN, &mut reading).await;
                if matches!(drained, Ok(Err(TooMuch))) { None } else { Some(status?) }
            }
        }
    };
    Ok(ended.map(|status| (status, printed, last_words)))
}

async fn keep_all(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) -> Result<(), TooMuch> {
    let Some(mut from) = from else { return Ok(()) };
    while from.read_buf(to).await.is_ok_and(|it| 0 < it) {
        if OUTPUT_BYTES_MAX < to.len() {
            return Err(TooMuch);
        }
    }
    Ok(())
}

async fn keep_end(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) -> Result<(), TooMuch> {
    let Some(mut from) = from else { return Ok(()) };
    while from.read_buf(to).await.is_ok_and(|it| 0 < it) {
        let surplus = to.len().saturating_sub(LAST_WORDS_BYTES);
        to.drain(..surplus);
    }
    Ok(())
}

/// The last line that says anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastLine {
    wake_agent: bool,
    #[serde(default)]
    data: serde_json::Value,
}

fn read(printed: &str) -> ScriptDecision {
    let Some(line) = printed.lines().rev().find(|it| !it.trim().is_empty()) else {
        return ScriptDecision::Failed("the script printed nothing".to_owned());
    };
    match serde_json::from_str(line) {
        Ok(LastLine { wake_agent: false, .. }) => ScriptDecision::Rest,
        Ok(LastLine { data: serde_json::Value::Null, .. }) => ScriptDecision::Wake(None),
        Ok(LastLine { data, .. }) => ScriptDecision::Wake(Some(data.to_string())),
        Err(err) => ScriptDecision::Failed(short(&format!(
            "the last line of the script is not {{\"wakeAgent\": true or false}}: {err}"
        ))),
    }
}

fn short(why: &str) -> String {
    cut(&one_line(why), REASON_CHARS_MAX)
}

/// Kills a process group when it is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // There may be nothing left of it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(script: &str) -> ScriptDecision {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("script.sh");
        fs::write(&file, "what a predecessor left").unwrap();
        let context = ScriptContext {
            workspace: dir.path().into(),
            file,
            env: vec![],
            user: AgentUser(None),
        };
        let decision = run(script, &context).await;
        assert!(!context.file.exists(), "it is gone afterwards");
        decision
    }

    fn failed(decision: ScriptDecision) -> String {
        let ScriptDecision::Failed(why) = decision else { panic!("{decision:?}") };
        why
    }

    #[tokio::test]
    async fn the_last_line_decides() {
        let woken =
            ran("echo looking; echo '{\"wakeAgent\": true, \"data\": [1, \"a\"]}'; echo").await;
        assert_eq!(woken, ScriptDecision::Wake(Some("[1,\"a\"]".into())));
        assert_eq!(ran("echo '{\"wakeAgent\": true}'").await, ScriptDecision::Wake(None));
        assert_eq!(ran("echo '{\"wakeAgent\": false, \"data\": 1}'").await, ScriptDecision::Rest);
        assert!(failed(ran("true").await).contains("printed nothing"));
        assert!(failed(ran("echo yes").await).contains("\"wakeAgent\""));
        assert!(failed(ran("echo '{\"wakeAgent\": 1}'").await).contains("\"wakeAgent\""));
    }

    #[tokio::test]
    async fn a_failure_is_told_with_its_last_words() {
        let why = failed(ran("echo '{\"wakeAgent\": true}'; echo no such file >&2; exit 3").await);
        assert_eq!(why, "the script ended with exit status: 3: no such file");
    }

    #[tokio::test]
    async fn what_it_leaves_behind_is_killed_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script =
            format!("(sleep 1; touch {}) & echo '{{\"wakeAgent\": false}}'", mark.display());
        assert_eq!(ran(&script).await, ScriptDecision::Rest);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(!mark.exists());
    }

    #[tokio::test]
    async fn an_endless_output_ends_it() {
        assert!(failed(ran("yes").await).contains("more than 1 MiB"));
    }

    /// The clock jumps to the end of the wait while the script sleeps.
    #[tokio::test(start_paused = true)]
    async fn a_script_that_takes_too_long_is_ended() {
        assert!(failed(ran("sleep 600").await).contains("longer than 30 s"));
    }

    #[tokio::test]
    async fn the_last_of_its_last_words_is_told() {
        let why = failed(ran("echo first >&2; sleep 0.3; echo last >&2; exit 3").await);
        assert_eq!(why, "the script ended with exit status: 3: last");
    }
}
