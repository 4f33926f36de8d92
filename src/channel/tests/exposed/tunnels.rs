//! Tunnels: programs that the door keeps running, that say where they lead from, and that end with it.

use super::*;

/// Says its address as cloudflared does, and where it leads; ends once, then stays.
const TUNNEL: &str = r#"
import os, signal, socket, sys, threading
def pump(a, b):
    while data := a.recv(4096):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
at, folder = sys.argv[1:]
host, port = at.rsplit(':', 1)
open(folder + '/pids', 'a').write(f'{os.getpid()}\n')
if len(open(folder + '/pids').readlines()) == 1:
    sys.exit(3)
server = socket.create_server(('127.0.0.1', 0))
print('INF see https://help.example for help')
print(f'INF |  https://127.0.0.1:{server.getsockname()[1]}   |', file=sys.stderr, flush=True)
while True:
    one = server.accept()[0]
    two = socket.create_connection((host, int(port)))
    for pair in ((one, two), (two, one)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"#;

fn tunnel(url: Option<&str>, script: &str) -> Settings {
    let way = Way::Tunnel(["sh", "-c", script].map(str::to_owned).to_vec());
    let url = url.map(str::to_owned);
    Settings { listen: "127.0.0.1:0".into(), url, way, ..Settings::default() }
}

#[tokio::test]
async fn a_tunnel_that_says_many_addresses_is_noted_about_once_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let script = "i=0; while :; do i=$((i+1)); echo https://t$i.example; sleep 0.01; done";
    let _door = exposed(tunnel(None, script), dir.path()).await;
    let first = noted(dir.path(), |it| it.url.is_some()).await;
    let mut last = first;
    let mut changes = 0;
    for _ in 0..250 {
        sleep(Duration::from_millis(10)).await;
        let note = Note::read(dir.path()).unwrap();
        changes += usize::from(note != last);
        last = note;
    }
    assert!((1..=5).contains(&changes), "{changes}");
}

#[tokio::test]
async fn what_a_tunnel_says_does_not_override_the_url_that_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let settings = tunnel(Some("https://bot.example"), "echo https://other.example; exit 3");
    let _door = exposed(settings, dir.path()).await;
    let note = noted(dir.path(), |it| it.trouble.is_some()).await;
    assert_eq!(note.url.as_deref(), Some("https://bot.example"));
}

#[tokio::test]
async fn a_tunnel_is_started_again_says_its_address_and_ends_with_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    // It is not what the host started, and does not want to end.
    let stubborn = ["sh", "-c", "trap '' TERM; \"$@\"; exit $?", "sh"];
    let command = [&stubborn[..], &["python3", "-c", TUNNEL, "{address}", folder]].concat();
    let way = Way::Tunnel(command.into_iter().map(str::to_owned).collect());
    let settings = Settings { listen: "127.0.0.1:0".into(), way, ..Settings::default() };
    let (door, mut inbox) = exposed(settings, dir.path()).await;
    let has_failed =
        |it: &Note| it.trouble.as_ref().is_some_and(|it| it.contains("exit status: 3"));
    noted(dir.path(), has_failed).await;
    let note = noted(dir.path(), |it| it.url.is_some()).await;
    assert_eq!(note.trouble, None);
    let said = note.url.clone().unwrap();
    assert_eq!(note.url_of("test", "main"), Some(format!("{said}/in/test/main")));
    // This one ends no TLS.
    let url = said.replacen("https", "http", 1);
    reached(&url, dir.path(), None).await;
    let http = channel::http::client().build().unwrap();
    assert_eq!(post(&http, &url, &mut inbox).await, 202);
    let pids = fs::read_to_string(dir.path().join("pids")).unwrap();
    let exe = Path::new("/proc").join(pids.lines().last().unwrap()).join("exe");
    assert!(exe.exists());
    door.set(Settings::default()).await;
    let gone = async {
        while exe.exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WITHIN, gone).await.expect("it ends with the door");
}
