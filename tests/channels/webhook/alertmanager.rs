//! Alertmanager itself (<https://packages.debian.org/stable/prometheus-alertmanager>) tells of an alert, and that it
//! is over.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use channel::Cursor;
use harness::foreign;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::rig::{Post, Rig, SECRET};

const WITHIN: Duration = Duration::from_secs(30);

/// Debian's build looks for its templates in one place, so it gets a `/usr/share` of its own.
const IN_PLACE: &str = "mount -t tmpfs none /usr/share && cp -r \"$0/usr/share/prometheus\" /usr/share/ \
                        && exec \"$0/usr/bin/prometheus-alertmanager\" \"$@\"";

/// Until dropped, and the address that it took.
async fn started(files: &Path, home: &Path) -> (Child, SocketAddr) {
    let log = home.join("log");
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-ec", IN_PLACE])
        .arg(files)
        .arg(format!("--config.file={}", home.join("config.yml").display()))
        .arg(format!("--storage.path={}", home.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        .stdin(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .kill_on_drop(true);
    let child = command.spawn().unwrap();
    let listening = async {
        loop {
            let said = fs::read_to_string(&log).unwrap();
            let address = said.split_once("msg=\"Listening on\" address=").map(|(_, rest)| rest);
            if let Some((address, _)) = address.and_then(|rest| rest.split_once('\n')) {
                return address.trim().parse().unwrap();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let at = timeout(WITHIN, listening).await.unwrap();
    (child, at)
}

async fn alert(at: SocketAddr, ends_at: &str) {
    let body = format!(
        r#"[{{"labels":{{"alertname":"Heizung"}},"annotations":{{"summary":"Vorlauf 92 °C"}}{ends_at}}}]"#
    );
    let first_line = "POST /api/v2/alerts HTTP/1.1".to_owned();
    let post = Post { first_line, headers: Vec::new(), body: body.into_bytes() };
    let post = post.with("Content-Type", "application/json").with("Connection", "close");
    assert_eq!(post.code(at).await, 200);
}

#[tokio::test]
async fn an_alertmanager_tells_of_an_alert_and_of_its_end() {
    let Some(files) = foreign::debian("prometheus-alertmanager").await else { return };
    if !foreign::may_mount().await {
        return;
    }
    for way in ["bearer", "basic"] {
        let mut rig = Rig::of("alertmanager", SECRET).await;
        let shown = match way {
            "bearer" => format!("authorization: {{ credentials: \"{SECRET}\" }}"),
            _ => format!("basic_auth: {{ username: any, password: \"{SECRET}\" }}"),
        };
        let home = tempfile::tempdir().unwrap();
        let config = format!(
            "route: {{ receiver: us, group_wait: 0s, group_interval: 1s }}\n\
             receivers:\n\
             - name: us\n  webhook_configs:\n  - url: http://{}/in/webhook/main/ops\n    \
             http_config: {{ {shown} }}\n",
            rig.at
        );
        fs::write(home.path().join("config.yml"), config).unwrap();
        let (_alertmanager, at) = started(&files, home.path()).await;
        let mut after = Cursor::default();
        for (ends_at, state) in
            [("", "firing"), (r#","endsAt":"2020-01-01T00:00:00Z""#, "resolved")]
        {
            alert(at, ends_at).await;
            let receiving = timeout(WITHIN, rig.receive_after(&after));
            let (messages, cursor) = receiving.await.unwrap();
            let [message] = &messages[..] else { panic!("{messages:?}") };
            let line = message.body.text.lines().nth(1).unwrap();
            assert!(line.starts_with(&format!("{state}, \"Vorlauf 92 °C\"")), "{way}: {line}");
            after = cursor;
        }
    }
}
