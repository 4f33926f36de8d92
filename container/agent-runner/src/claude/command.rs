//! How the CLI is started: arguments, environment, and the lines that it reads.

use domain::{Incarnation, MessageSeq};
use serde_json::{Value, json};
use tokio::process::Command;

use super::prompt;
use crate::Config;

/// Not a secret: the host puts the real one in. The CLI only wants to see one.
const KEY_PLACEHOLDER: &str = "placeholder";
/// Milliseconds, a little more than the longest wait for a person. Otherwise the CLI gives a tool's
/// answer 60 seconds to begin.
const TOOL_TIMEOUT_MS: u32 = 90_000_000;
/// The CLI would go on for minutes otherwise, while the user waits without a word.
const API_RETRIES_MAX: &str = "3";

/// Tools that need somebody at a terminal, that outlive a turn unseen, that start things which this
/// program does not know how to end, or that need a network.
const DISALLOWED_TOOLS: &str = "AskUserQuestion,EnterPlanMode,ExitPlanMode,CronCreate,CronDelete,\
    CronList,ScheduleWakeup,EnterWorktree,ExitWorktree,ListAgents,SendMessage,\
    WebFetch,Workflow";

/// Ports on loopback that the CLI talks to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoints {
    pub(crate) model: u16,
    pub(crate) tools: u16,
}

pub(crate) fn command(config: &Config, endpoints: Endpoints, resume: Option<&str>) -> Command {
    let tools = json!({"mcpServers": {"nanoclaw": {
        "type": "http",
        "url": format!("http://127.0.0.1:{}/mcp", endpoints.tools),
        "timeout": TOOL_TIMEOUT_MS,
    }}});
    let mut command = config.agent_command(&config.claude_bin);
    command
        .args(["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"])
        .arg("--include-partial-messages")
        .args(["--permission-mode", "bypassPermissions", "--system-prompt-snapshot", "off"])
        .args(["--append-system-prompt", &prompt::system(&config.agent_name)])
        .args(["--mcp-config", &tools.to_string(), "--strict-mcp-config"])
        .args(["--disallowedTools", DISALLOWED_TOOLS]);
    if let Some(model) = &config.model {
        command.arg(format!("--model={model}"));
    }
    if let Some(id) = resume {
        // One word, so that no id can be taken for an option.
        command.arg(format!("--resume={id}"));
    }
    // A credential or a mark of another session that was left in the environment would be used
    // instead of ours.
    for name in ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDECODE"] {
        command.env_remove(name);
    }
    command
        .env("HOME", &config.home)
        .env("CLAUDE_CONFIG_DIR", config.home.join(".claude"))
        .env("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", endpoints.model))
        .env("ANTHROPIC_API_KEY", KEY_PLACEHOLDER)
        .env("CLAUDE_CODE_MAX_RETRIES", API_RETRIES_MAX)
        // What the user set is what runs; an unknown name is an error that we tell.
        .env("CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP", "1")
        // Our tools must not have to be searched for.
        .env("ENABLE_TOOL_SEARCH", "false");
    for name in [
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
    ] {
        command.env(name, "1");
    }
    command.envs(config.extra_env.iter().map(|(name, value)| (name, value)));
    command
}

/// A user line. Its name comes back in the frames that say what became of it.
pub(crate) fn user_line(uuid: &str, text: &str, images: Vec<Value>) -> Vec<u8> {
    let mut content = vec![json!({"type": "text", "text": text})];
    content.extend(images);
    let line = json!({
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": null,
        "session_id": "",
        "uuid": uuid,
    });
    format!("{line}\n").into_bytes()
}

/// Names a line. The transcript remembers names for ever and the CLI drops a line with a known one,
/// so each attempt of each incarnation has its own.
pub(crate) fn line_uuid(message: MessageSeq, incarnation: Incarnation, attempt: u16) -> String {
    let incarnation = incarnation.0.rem_euclid(1 << 32);
    let message = message.0.rem_euclid(1 << 48);
    format!("{incarnation:08x}-{attempt:04x}-4000-8000-{message:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_has_its_own_name_in_the_form_of_a_uuid() {
        let name = |message, incarnation, attempt| {
            line_uuid(MessageSeq(message), Incarnation(incarnation), attempt)
        };
        assert_eq!(name(4, 7, 1), "00000007-0001-4000-8000-000000000004");
        let names = [name(4, 7, 1), name(4, 7, 2), name(4, 8, 1), name(6, 7, 1)];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[index + 1..].contains(name) && name.len() == 36);
        }
    }

    #[test]
    fn a_text_stays_on_one_line() {
        let line = user_line("u", "a\nb", vec![]);
        assert_eq!(line.iter().filter(|it| **it == b'\n').count(), 1);
    }
}
