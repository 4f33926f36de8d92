//! The script of a task: runs before the model is asked, and decides whether it is. What it prints
//! last is one line of JSON, `{"wakeAgent": true, "data": …}`.
//!
//! Invariants
//! - When [`run`] returns or is dropped, everything that the script started is killed.
//! - Of what a script prints no more than [`OUTPUT_BYTES_MAX`] is held.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use domain::plain::{cut, one_line};
use serde::Deserialize;
use tokio::time::timeout;

use crate::Config;
use crate::process::{Output, Process};

/// A script looks at something and says whether it matters; what takes longer is work for the agent.
const TIME_MAX: Duration = Duration::from_secs(30);
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
const TOO_MUCH: &str = "the script printed more than 1 MiB";
/// How much of a reason is kept.
const REASON_CHARS_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScriptDecision {
    /// Ask the model, and show it this JSON.
    Wake(Option<String>),
    /// There is nothing to do this time.
    Rest,
    /// It did not decide; why.
    Failed(String),
}

/// Runs a script with bash in the workspace, from `file`, which is of one session alone.
pub(crate) async fn run(script: &str, file: &Path, config: &Config) -> ScriptDecision {
    let ran = timeout(TIME_MAX, run_to_its_end(script, file, config)).await;
    let _ = fs::remove_file(file);
    let too_long = |_| Err(format!("the script took longer than {} s", TIME_MAX.as_secs()));
    let short = |why: String| cut(&one_line(&why), REASON_CHARS_MAX);
    ran.unwrap_or_else(too_long).unwrap_or_else(|why| ScriptDecision::Failed(short(why)))
}

/// An error is why it did not decide.
async fn run_to_its_end(
    script: &str,
    file: &Path,
    config: &Config,
) -> Result<ScriptDecision, String> {
    let not_run = |err: io::Error| format!("the script could not be run: {err}");
    write(file, script).map_err(not_run)?;
    let mut command = config.agent_command("bash");
    command.arg(file).envs(config.extra_env.iter().map(|(name, value)| (name, value)));
    // One that has closed its output may still work.
    let mut process = Process::start(command, OUTPUT_BYTES_MAX, TIME_MAX).map_err(not_run)?;
    process.finish();
    let (mut bytes, mut last) = (0, Vec::new());
    let ending = loop {
        match process.next().await {
            Output::Line(line) => {
                bytes += line.len() + 1;
                if OUTPUT_BYTES_MAX < bytes {
                    return Err(TOO_MUCH.to_owned());
                }
                if !line.trim_ascii().is_empty() {
                    last = line;
                }
            }
            Output::TooLong => return Err(TOO_MUCH.to_owned()),
            Output::Ended(ending) => break ending,
        }
    };
    if !ending.is_success {
        let words = ending.last_words.lines().next_back();
        let why = words.map(|it| format!(": {it}")).unwrap_or_default();
        return Err(format!("the script ended with {}{why}", ending.status));
    }
    read(&String::from_utf8_lossy(&last))
}

/// Replaces what a predecessor may have left behind. The agent's user reads it through the group.
fn write(file: &Path, script: &str) -> io::Result<()> {
    let _ = fs::remove_file(file);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o640).open(file)?;
    file.write_all(script.as_bytes())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastLine {
    wake_agent: bool,
    #[serde(default)]
    data: serde_json::Value,
}

fn read(line: &str) -> Result<ScriptDecision, String> {
    if line.is_empty() {
        return Err("the script printed nothing".to_owned());
    }
    let read: LastLine = serde_json::from_str(line).map_err(|err| {
        format!("the last line of the script is not {{\"wakeAgent\": true or false}}: {err}")
    })?;
    let data = Some(read.data).filter(|it| !it.is_null()).map(|it| it.to_string());
    Ok(if read.wake_agent { ScriptDecision::Wake(data) } else { ScriptDecision::Rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(script: &str) -> ScriptDecision {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("script.sh");
        fs::write(&file, "what a predecessor left").unwrap();
        let config = Config::new(domain::Incarnation(1), domain::agent::Provider::Demo);
        let config = Config { workspace: dir.path().into(), ..config };
        let decision = run(script, &file, &config).await;
        assert!(!file.exists(), "it is gone afterwards");
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
        for script in ["yes", "cat /dev/zero"] {
            assert!(failed(ran(script).await).contains("more than 1 MiB"), "{script}");
        }
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
