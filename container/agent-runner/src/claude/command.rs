//! How the CLI is started: arguments, environment, and the lines that it reads.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::file_type::{SNIFF_BYTES, sniff};
use domain::inbound::{FileIn, FileLocation, Inbound};
use domain::message::FileKind;
use domain::{Incarnation, MessageSeq};
use serde_json::{Value, json};
use tokio::process::Command;

use super::prompt;
use crate::Config;
use crate::host_client::HostClient;

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

/// The formats that the API takes (<https://docs.anthropic.com/en/docs/build-with-claude/vision>).
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// The API takes no larger picture.
const IMAGE_BYTES_MAX: u64 = 5 * 1024 * 1024;
const IMAGES_MAX: usize = 8;
/// A request has at most 32 MB, and a picture in it a third more than its file. What does not fit
/// any more can still be read from its path.
const MESSAGE_BYTES_MAX: u64 = 15 * 1024 * 1024;

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

/// Reads the pictures of a message, as blocks of a user line; what cannot be read is left out.
pub(super) async fn images(message: &Inbound, host_client: &HostClient) -> Vec<Value> {
    let is_picture = |it: &&FileIn| matches!(it.kind, FileKind::Image | FileKind::Sticker);
    let path = |file: &FileIn| match &file.location {
        FileLocation::Here(path) => Some(host_client.config.received_dir.join(path)),
        FileLocation::Failed(_) => None,
    };
    let paths: Vec<PathBuf> = message.files.iter().filter(is_picture).filter_map(path).collect();
    if paths.is_empty() {
        return vec![];
    }
    host_client.store.beside(move || read_all(&paths)).await
}

fn read_all(paths: &[PathBuf]) -> Vec<Value> {
    let mut room = MESSAGE_BYTES_MAX;
    let image = |path: &PathBuf| {
        let bytes = fs::metadata(path).ok()?.len();
        let image = if bytes <= IMAGE_BYTES_MAX.min(room) { read(path) } else { None };
        room -= image.as_ref().map_or(0, |_| bytes);
        image
    };
    paths.iter().filter_map(image).take(IMAGES_MAX).collect()
}

fn read(path: &Path) -> Option<Value> {
    let content = fs::read(path).ok()?;
    // The API rejects a picture whose type is not the one that was named.
    let found = sniff(&content[..content.len().min(SNIFF_BYTES)])?;
    let media_type = IMAGE_TYPES.into_iter().find(|it| *it == found)?;
    let data = STANDARD.encode(content);
    let source = json!({"type": "base64", "media_type": media_type, "data": data});
    Some(json!({"type": "image", "source": source}))
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

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    #[test]
    fn pictures_are_read_within_limits_and_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let lies = write("lies.png", b"\xff\xd8\xff\xe0 a photo");
        let text = write("text.png", b"no picture");
        let none = dir.path().join("none");
        let images = read_all(&[lies, text, none]);
        let data = STANDARD.encode(b"\xff\xd8\xff\xe0 a photo");
        let source = json!({"type": "base64", "media_type": "image/jpeg", "data": data});
        assert_eq!(images, [json!({"type": "image", "source": source})]);

        let small = write("small", PNG);
        assert_eq!(read_all(&vec![small; 9]).len(), IMAGES_MAX);
        let sized = |name: &str, bytes: u64| {
            let path = write(name, PNG);
            fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
            path
        };
        assert!(read_all(&[sized("large", IMAGE_BYTES_MAX + 1)]).is_empty());
        let most = sized("most", IMAGE_BYTES_MAX);
        assert_eq!(read_all(&vec![most; 4]).len(), 3, "no more than a request takes");
    }
}
