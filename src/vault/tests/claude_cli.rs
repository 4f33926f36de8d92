//! The real Claude Code CLI through the vault to the fake API: the one client here that we did not
//! write. It vouches for the fake as well.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use vault::{Caller, Egress, Vault};

use crate::rig::{KEY, Rig};

/// Names the CLI's binary, which may not be distributed and so is not in the repository.
const CLI_VAR: &str = "NANOCLAW_TEST_CLAUDE";
const PLACEHOLDER: &str = "placeholder-key";
/// A turn takes half a second on an idle machine.
const TURN_MAX: Duration = Duration::from_secs(120);

fn cli() -> PathBuf {
    let path = std::env::var_os(CLI_VAR).map(PathBuf::from);
    path.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "set {CLI_VAR} to the `claude` binary (in npm package \
             @anthropic-ai/claude-code-linux-x64, unpacked by `npm pack`)"
        )
    })
}

/// Stands for the runner and the link: each connection becomes a stream of the session.
async fn forward(listener: TcpListener, vault: Arc<Vault>) {
    let mut streams = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let vault = Arc::clone(&vault);
        let caller = Caller { session: SessionId(1), agent: "andy".to_owned() };
        streams.spawn(async move { vault.serve(caller, Box::new(stream)).await });
    }
}

/// One turn of the CLI with a home of its own; gives its `result` line and all that it printed.
async fn turn(base_url: &str, home: &Path, prompt: &str) -> (Value, String) {
    let mut child = Command::new(cli())
        .args([
            "-p",
            "--verbose",
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
        ])
        .args(["--model", "claude-sonnet-4-5", "--permission-mode", "bypassPermissions"])
        .args(["--strict-mcp-config", "--tools", "Bash,Read"])
        .current_dir(home)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("CLAUDE_CONFIG_DIR", home.join(".claude"))
        .env("ANTHROPIC_BASE_URL", base_url)
        .env("ANTHROPIC_API_KEY", PLACEHOLDER)
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("CLAUDE_CODE_MAX_RETRIES", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("DISABLE_TELEMETRY", "1")
        .env("DISABLE_ERROR_REPORTING", "1")
        // Tests may run as root, which the CLI accepts only in a sandbox.
        .env("IS_SANDBOX", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let line = json!({"type": "user", "message": {"role": "user", "content": prompt}});
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(TURN_MAX, child.wait_with_output()).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let result = printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["type"] == "result")
        .unwrap_or_else(|| panic!("no result line: {printed}"));
    (result, printed)
}

/// All that the CLI left on disk.
fn left_behind(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            text += &left_behind(&entry.path());
        } else if let Ok(bytes) = std::fs::read(entry.path()) {
            text += &String::from_utf8_lossy(&bytes);
        }
    }
    text
}

async fn linked(rig: &Rig) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut link = JoinSet::new();
    link.spawn(forward(listener, Arc::clone(&rig.vault)));
    (url, link)
}

#[tokio::test]
async fn the_cli_works_a_turn_with_a_tool_and_never_has_the_key() {
    let (rig, home) = (Rig::start().await, tempfile::tempdir().unwrap());
    let (url, _link) = linked(&rig).await;
    rig.api.requires_key(KEY);
    rig.api.next().calls_tool("Bash", json!({"command": "env; echo tool-ran"}));
    rig.api.next().streams_slowly(&["all ", "done"], Duration::from_millis(50));

    let (result, printed) = turn(&url, home.path(), "what is in your environment?").await;
    assert_eq!(
        (&result["is_error"], &result["result"]),
        (&json!(false), &json!("all done")),
        "{printed}"
    );

    let requests = rig.api.requests();
    assert_eq!(rig.api.unused(), 0);
    for request in &requests {
        assert_eq!(request.key(), Some(KEY));
        assert_eq!(request.target, "/v1/messages?beta=true");
        assert!(request.headers["user-agent"][0].starts_with("claude-cli/"));
        assert!(!request.headers.values().flatten().any(|value| value.contains(PLACEHOLDER)));
        assert!(!request.body.to_string().contains(KEY));
    }
    assert_eq!(requests[0].last_user_text(), "what is in your environment?");
    let env = requests.last().unwrap().tool_result().unwrap();
    assert!(env.contains("tool-ran") && env.contains(&url), "{env}");
    assert!(!printed.contains(KEY) && !left_behind(home.path()).contains(KEY));
    assert_eq!(rig.refusals().await, 0, "the CLI asks for nothing else");
}

#[tokio::test]
async fn the_cli_shows_the_user_what_the_vault_says() {
    let (rig, home) = (Rig::start().await, tempfile::tempdir().unwrap());
    let (url, _link) = linked(&rig).await;
    rig.vault.remove("anthropic").await.unwrap();
    let (result, printed) = turn(&url, home.path(), "hello").await;
    assert_eq!(result["is_error"], true, "{printed}");
    let said = result["result"].as_str().unwrap();
    assert!(said.contains("nanoclaw vault add anthropic"), "{said}");
    assert!(!printed.contains("api_retry"), "it was told not to retry: {printed}");

    rig.add(KEY, "http://127.0.0.1:1").await;
    let (result, printed) = turn(&url, home.path(), "hello").await;
    let said = result["result"].as_str().unwrap_or_else(|| panic!("{printed}"));
    assert!(said.contains("it takes no connection"), "{said}");
}
