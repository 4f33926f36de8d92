//! A program that leads programs elsewhere to the door, as cloudflared or tailscale. It runs as long as the door
//! does, and again whenever it ends.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use domain::plain::chain;
use domain::time::{backoff, jittered};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::expose::Notes;

const AGAIN_BASE: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// After so long a run the failures before it do not count.
const STEADY: Duration = Duration::from_secs(60);
const LINE_BYTES_MAX: u64 = 4 * 1024;
/// As long as a name and a port can be.
const URL_BYTES_MAX: usize = 300;
/// It may say as many addresses as it likes; a note is written to the disk.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Runs the program `$@` until the pipe is closed, which it is when the host ends, however that is. Then all go that
/// the program started in its group, also those that outlived it or do not want to.
const LEASH: &str = r#"exec 3<&0; "$@" </dev/null 3<&- & program=$!
{ trap '' HUP INT TERM; cat <&3; kill -TERM 0; sleep 2; kill -KILL 0; } >/dev/null 2>&1 &
wait "$program""#;

/// Until dropped. Where its address is not known, the one that it says goes into the notes.
pub(super) async fn keep(
    command: Vec<String>,
    address: SocketAddr,
    is_known: bool,
    notes: Arc<Notes>,
) {
    let port = address.port().to_string();
    let place =
        |it: &String| it.replace("{address}", &address.to_string()).replace("{port}", &port);
    let command: Vec<String> = command.iter().map(place).collect();
    let name = command.first().cloned().unwrap_or_default();
    let mut failures = 0;
    loop {
        info!(name, "the tunnel starts");
        let began = Instant::now();
        let why = match run(&command, is_known, &notes).await {
            Ok(why) => why,
            Err(err) => chain(&err),
        };
        failures = if STEADY <= began.elapsed() { 1 } else { failures + 1 };
        let wait = jittered(backoff(AGAIN_BASE, AGAIN_MAX, failures), (address, failures));
        warn!(name, why, again_after = ?wait, "the tunnel ended");
        notes.change(|it| it.trouble = Some(format!("the tunnel `{name}` ended: {why}")));
        sleep(wait).await;
    }
}

/// Returns when it ended, with how.
async fn run(command: &[String], is_known: bool, notes: &Notes) -> io::Result<String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", LEASH, "sh"])
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let _leash = child.stdin.take();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (said, mut heard) = watch::channel(String::new());
    let note = async {
        while heard.changed().await.is_ok() {
            let url = heard.borrow_and_update().clone();
            if !is_known {
                notes.change(|it| (it.url, it.trouble) = (Some(url), None));
            }
            sleep(NOTE_EVERY).await;
        }
    };
    // It may close what it writes to and run on.
    let read = async { tokio::join!(read(out, &said), read(err, &said), note) };
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = read => child.wait().await?,
    };
    Ok(match status.code() {
        Some(127) => "there is no such program".to_owned(),
        _ => status.to_string(),
    })
}

/// What it says may hold secrets, and goes no further than the log at its finest.
async fn read(output: Option<impl AsyncRead + Unpin>, said: &watch::Sender<String>) {
    let Some(mut output) = output.map(BufReader::new) else { return };
    let mut line = Vec::new();
    while let Ok(1..) = (&mut output).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        debug!(text = text.trim(), "the tunnel says");
        if let Some(url) = url_in(text.trim()) {
            said.send_replace(url);
        }
        line.clear();
    }
}

/// An address that stands alone, as tailscale writes it, or in a box, as cloudflared does. Others, which lead to
/// help or to a login, stand in sentences or have a path.
fn url_in(line: &str) -> Option<String> {
    let boxed = line.trim_end_matches(['|', ' ']);
    let alone = boxed.rsplit('|').next()?.trim();
    let url = alone.trim_end_matches('/');
    let host = url.strip_prefix("https://")?;
    let fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
    (fits && (1..=URL_BYTES_MAX).contains(&host.len())).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_tunnel_is_known_from_others() {
        let cloudflared =
            "2024-05-01T10:00:00Z INF |  https://blue-fox.trycloudflare.com            |";
        assert_eq!(url_in(cloudflared).as_deref(), Some("https://blue-fox.trycloudflare.com"));
        let tailscale = "https://box.tail1234.ts.net/";
        assert_eq!(url_in(tailscale).as_deref(), Some("https://box.tail1234.ts.net"));
        for other in [
            "Your quick Tunnel has been created! Visit it at:",
            "2024-05-01T10:00:00Z INF See https://developers.cloudflare.com/argo-tunnel/",
            "https://login.tailscale.com/f/funnel?node=n1",
            "|-- proxy http://127.0.0.1:8787",
            "http://127.0.0.1:8787",
            "https://",
            "",
        ] {
            assert_eq!(url_in(other), None, "{other}");
        }
    }
}
