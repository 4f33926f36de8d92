//! The door behind what others wrote: a certificate of pebble, the ACME server that Let's Encrypt tests with
//! (<https://github.com/letsencrypt/pebble>), and the proxies nginx and Caddy. They come from Debian's archive, into
//! the target folder; nothing is installed. Where there is no such archive, the test says so and ends.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails at what does not work")]
#![expect(clippy::print_stderr, reason = "what is not tested is said where its output is read")]

#[path = "exposed/tunnels.rs"]
mod tunnels;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use channel::ChannelError;
use channel::door::{
    Acme, Challenge, Door, DoorInbox, Note, Reply, Route, Settings, StatusCode, Way,
};
use channel::signature::Verify;
use channel::signature::schemes::BEARER;
use domain::time::SystemClock;
use reqwest::{Certificate, Client};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const SECRET: &str = "between us two";
const WITHIN: Duration = Duration::from_secs(60);

/// What a package of Debian holds; `None` where it cannot be had.
async fn unpacked(package: &'static str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign/debian").join(package);
    tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let root = folder.join("root");
        let script = "apt-get download \"$0\" && dpkg -x ./*.deb new && mv new root";
        let is_there = root.exists() || {
            let mut sh = std::process::Command::new("sh");
            let out = sh.args(["-ec", script, package]).current_dir(&folder).output().unwrap();
            if !out.status.success() {
                let why = String::from_utf8_lossy(&out.stderr);
                eprintln!("not tested: {package} cannot be had from a Debian archive: {why}");
            }
            out.status.success()
        };
        is_there.then_some(root)
    })
    .await
    .unwrap()
}

/// A port that nobody has at this moment.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn started(command: &mut Command) -> Child {
    let shown = format!("{command:?}");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
    child.unwrap_or_else(|err| panic!("{shown}: {err}"))
}

async fn exposed(settings: Settings, folder: &Path) -> (Door, DoorInbox) {
    let folders = Some((folder.to_owned(), folder.join("door")));
    let door = Door::new(Settings::default(), Arc::new(SystemClock)).of("test", "main");
    door.set(Settings { folders, ..settings }).await;
    let route = Route {
        verify: Verify::new([BEARER], SECRET.into()).unwrap(),
        challenge: Challenge::None,
        bytes_max: 1024,
        ids: &["x-id"],
        patience: Duration::from_secs(8),
    };
    let inbox = door.open(route).await.unwrap();
    (door, inbox)
}

/// Until the door is reached by this address.
async fn reached(url: &str, folder: &Path, ca: Option<&Path>) -> Note {
    let mut last = String::new();
    let found = timeout(WITHIN, async {
        loop {
            let note = Note::read(folder).unwrap();
            match note.check(url, ca).await {
                Ok(()) => return note,
                Err(err) => last = format!("{err:?}; {note:?}"),
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{url}: {last}"))
}

/// Posts an event and says how the sender is answered.
async fn post(http: &Client, url: &str, inbox: &mut DoorInbox) -> u16 {
    let sent = http.post(format!("{url}/in/test/main/house")).bearer_auth(SECRET).body("{}").send();
    let taken = async {
        let request = inbox.receive().await.unwrap();
        assert_eq!((request.path.as_str(), &request.body[..]), ("house", &b"{}"[..]));
        request.reply.send(Reply::line(StatusCode::ACCEPTED, "taken")).unwrap();
    };
    let (answer, ()) = timeout(WITHIN, async { tokio::join!(sent, taken) }).await.unwrap();
    answer.unwrap().status().as_u16()
}

async fn run(program: &str, args: &[&str], folder: &Path) {
    let out = Command::new(program).args(args).current_dir(folder).output().await.unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// An issuer, and what is to be believed when it is spoken to.
struct Pebble {
    _programs: [Child; 2],
    directory: String,
    ca: PathBuf,
}

impl Pebble {
    /// It looks at this port of this machine, whatever the domain.
    async fn start(root: &Path, folder: &Path, tls_port: u16) -> Self {
        let [api, management, control, dns] = [(); 4].map(|()| port());
        let key = "req -x509 -newkey rsa:2048 -nodes -days 2";
        let leaf = "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
        for line in [
            format!("{key} -subj /CN=root -keyout root.key -out root.pem"),
            format!(
                "{key} -subj /CN=api -keyout srv.key -out srv.pem -CA root.pem -CAkey root.key {leaf}"
            ),
        ] {
            run("openssl", &line.split(' ').collect::<Vec<_>>(), folder).await;
        }
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "127.0.0.1:{api}", "managementListenAddress": "127.0.0.1:{management}",
                "certificate": "srv.pem", "privateKey": "srv.key", "httpPort": 1, "tlsPort": {tls_port},
                "certificateValidityPeriod": 86400, "ocspResponderURL": "",
                "externalAccountBindingRequired": false}}}}"#
        );
        fs::write(folder.join("pebble.json"), config).unwrap();
        let dns = format!("127.0.0.1:{dns}");
        let mut names = Command::new(root.join("usr/bin/pebble-challtestsrv"));
        names.args(["-management", &format!("127.0.0.1:{control}"), "-dns01", &dns]);
        names.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
        let names = started(names.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]));
        let mut issuer = Command::new(root.join("usr/bin/pebble"));
        issuer.args(["-config", "pebble.json", "-strict", "-dnsserver", &dns]);
        // It refuses some requests at random otherwise.
        issuer.env("PEBBLE_WFE_NONCEREJECT", "0");
        issuer.env("PEBBLE_VA_NOSLEEP", "1").current_dir(folder);
        let programs = [names, started(issuer.stderr(Stdio::null()))];
        let ca = folder.join("root.pem");
        let trusted = Certificate::from_pem(&fs::read(&ca).unwrap()).unwrap();
        let http = channel::http::client().add_root_certificate(trusted).build().unwrap();
        let root = format!("https://127.0.0.1:{management}/roots/0");
        let issuing = timeout(WITHIN, async {
            loop {
                if let Ok(answer) = http.get(&root).send().await {
                    return answer.text().await.unwrap();
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        let both = fs::read_to_string(&ca).unwrap() + &issuing.await.expect("pebble starts");
        fs::write(folder.join("ca.pem"), both).unwrap();
        let directory = format!("https://127.0.0.1:{api}/dir");
        Self { _programs: programs, directory, ca: folder.join("ca.pem") }
    }
}

#[tokio::test]
async fn a_certificate_is_had_from_an_issuer_kept_and_a_webhook_comes_over_it() {
    let Some(root) = unpacked("pebble").await else { return };
    let (dir, port) = (tempfile::tempdir().unwrap(), port());
    let pebble = Pebble::start(&root, dir.path(), port).await;
    let acme = Acme {
        domain: "localhost".into(),
        email: "ann@example.org".into(),
        directory: Some(pebble.directory.clone()),
        ca: Some(pebble.ca.clone()),
    };
    let url = format!("https://localhost:{port}");
    let settings = || Settings {
        listen: format!("127.0.0.1:{port}"),
        url: Some(url.clone()),
        way: Way::Acme(acme.clone()),
        ..Settings::default()
    };
    let (door, mut inbox) = exposed(settings(), dir.path()).await;
    let note = reached(&url, dir.path(), Some(&pebble.ca)).await;
    assert_eq!(note.trouble, None);
    let believed = Certificate::from_pem_bundle(&fs::read(&pebble.ca).unwrap()).unwrap();
    let http =
        believed.into_iter().fold(channel::http::client(), |it, one| it.add_root_certificate(one));
    let http = http.build().unwrap();
    assert_eq!(post(&http, &url, &mut inbox).await, 202);
    let folder = dir.path().join("door");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|it| mode(it) == 0o600), "{files:?}");
    let expires_at = acme.expires_at(&folder).unwrap();
    door.set(Settings::default()).await;
    // Nobody is there where the issuer looks, and it says so without a dump.
    let elsewhere = tempfile::tempdir().unwrap();
    let lost = Settings { listen: "127.0.0.1:0".into(), ..settings() };
    let _lost = exposed(lost, elsewhere.path()).await;
    let trouble = noted(elsewhere.path(), |it| it.trouble.is_some()).await.trouble.unwrap();
    assert!(!trouble.contains(['{', '"']) && trouble.contains("no certificate: "), "{trouble}");
    drop((inbox, pebble));
    // The issuer is gone, and the certificate is there.
    let (_door, mut inbox) = exposed(settings(), dir.path()).await;
    reached(&url, dir.path(), Some(&dir.path().join("ca.pem"))).await;
    assert_eq!(post(&http, &url, &mut inbox).await, 202);
    assert_eq!(acme.expires_at(&folder), Some(expires_at));
    // Without TLS nothing is said, and nothing is taken.
    let plain = format!("http://localhost:{port}/in/test/main");
    assert!(http.get(plain).send().await.is_err());
}

/// The proxy's settings as `channels expose proxy` prints them, for this address.
fn snippet(of: &str, url: &str, door: SocketAddr) -> String {
    let text = channel::door::snippets(url, &door.to_string());
    let (caddy, nginx) = text.split_once("# nginx\n").unwrap();
    let own = if of == "nginx" { nginx } else { caddy.split_once(")\n").unwrap().1 };
    own.to_owned()
}

async fn passes_on(url: &str, folder: &Path, inbox: &mut DoorInbox) {
    reached(url, folder, None).await;
    let http = channel::http::client().build().unwrap();
    assert_eq!(post(&http, url, inbox).await, 202);
    let elsewhere = http.get(format!("{url}/elsewhere")).send().await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 404);
    let said = elsewhere.text().await.unwrap();
    assert!(!said.contains("there is nothing here"), "only /in/ is passed on: {said}");
    // What a sender says of its address is not believed, only what the proxy says.
    let mut codes = Vec::new();
    for _ in 0..22 {
        let guess = http.post(format!("{url}/in/test/main")).header("x-forwarded-for", "6.6.6.6");
        codes.push(guess.bearer_auth("guess").send().await.unwrap().status().as_u16());
    }
    assert_eq!(codes, [401; 22], "this machine is no stranger, though a sender says so");
}

#[tokio::test]
async fn nginx_passes_on_what_its_snippet_says() {
    let Some(root) = unpacked("nginx").await else { return };
    let (dir, port) = (tempfile::tempdir().unwrap(), port());
    let url = format!("http://127.0.0.1:{port}");
    let listen = "127.0.0.1:0".to_owned();
    let settings = Settings { listen, way: Way::Proxy, ..Settings::default() };
    let (door, mut inbox) = exposed(settings, dir.path()).await;
    let site = snippet("nginx", &url, door.address().await.unwrap());
    let config = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}
         http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f;
         uwsgi_temp_path u; scgi_temp_path s;\n{site}}}"
    );
    fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let prefix = format!("{}/", dir.path().display());
    let program = root.join("usr/sbin/nginx");
    let args = ["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"];
    run(program.to_str().unwrap(), &[&args[..], &["-t"]].concat(), dir.path()).await;
    let _nginx = started(Command::new(&program).args(args));
    passes_on(&url, dir.path(), &mut inbox).await;
}

#[tokio::test]
async fn caddy_passes_on_what_its_snippet_says() {
    let Some(root) = unpacked("caddy").await else { return };
    let (dir, port) = (tempfile::tempdir().unwrap(), port());
    let url = format!("http://127.0.0.1:{port}");
    let listen = "127.0.0.1:0".to_owned();
    let settings = Settings { listen, way: Way::Proxy, ..Settings::default() };
    let (door, mut inbox) = exposed(settings, dir.path()).await;
    let site = snippet("caddy", &url, door.address().await.unwrap());
    fs::write(dir.path().join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{site}")).unwrap();
    let mut caddy = Command::new(root.join("usr/bin/caddy"));
    caddy.args(["run", "--config", "Caddyfile"]).current_dir(dir.path()).env("HOME", dir.path());
    let _caddy = started(caddy.stderr(Stdio::null()));
    passes_on(&url, dir.path(), &mut inbox).await;
}

#[tokio::test]
async fn whether_an_address_leads_here_is_seen_from_an_answer_that_only_this_door_gives() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let settings = || Settings { listen: "127.0.0.1:0".into(), ..Settings::default() };
    let _one = exposed(settings(), dirs[0].path()).await;
    let _other = exposed(settings(), dirs[1].path()).await;
    let notes = [0, 1].map(|at: usize| Note::read(dirs[at].path()).unwrap());
    let url = |of: &Note| format!("http://{}", of.address);
    notes[0].check(&url(&notes[0]), None).await.unwrap();
    let err = notes[0].check(&url(&notes[1]), None).await.unwrap_err();
    assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    let err = notes[0].check(&format!("http://127.0.0.1:{}", port()), None).await.unwrap_err();
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    let http = channel::http::client().build().unwrap();
    for path in ["/in/_/".to_owned(), "/in/_".to_owned(), format!("/in/_/{}", "x".repeat(65))] {
        let answer = http.get(url(&notes[0]) + &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_port_that_was_taken_is_listened_to_when_the_same_is_set_again() {
    let dir = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = Settings {
        listen: other.local_addr().unwrap().to_string(),
        way: Way::Proxy,
        folders: Some((dir.path().to_owned(), dir.path().join("door"))),
        ..Settings::default()
    };
    let door = Door::new(Settings::default(), Arc::new(SystemClock));
    door.set(settings.clone()).await;
    assert!(Note::read(dir.path()).unwrap().trouble.is_some());
    drop(other);
    let again = async {
        // A program that another test is just starting may hold it a moment longer.
        while door.address().await.is_none() {
            door.set(settings.clone()).await;
        }
    };
    timeout(WITHIN, again).await.unwrap();
    assert_eq!(Note::read(dir.path()).unwrap().trouble, None);
}

/// Waits until the note is so.
async fn noted(folder: &Path, is_so: impl Fn(&Note) -> bool) -> Note {
    let found = async {
        loop {
            if let Some(note) = Note::read(folder).filter(&is_so) {
                return note;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WITHIN, found).await.expect("the note becomes so")
}
