//! Sizes, memory and start of the real program.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use store::CentralStore;
use store::layout::Layout;

use crate::sweeping::make_sessions;

/// What `nanoclaw.sh bench` provides.
pub(crate) fn provided(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run this with `./nanoclaw.sh bench`"))
}

pub(crate) async fn run() {
    for (what, variable) in [("host", "NANOCLAW_TEST_BIN"), ("runner", "NANOCLAW_TEST_RUNNER")] {
        let bytes = fs::metadata(provided(variable)).unwrap().len();
        println!("binary: {what}: {:.1} MB", mb(bytes));
    }
    for sessions in [0, 1_000] {
        let home = Home::new(sessions);
        let (mut host, ready) = home.start();
        tokio::time::sleep(Duration::from_secs(3)).await;
        println!(
            "host: {sessions} known sessions: {:.1} MB resident, ready after {} ms",
            mb(resident(host.id())),
            ready.as_millis()
        );
        stop(&mut host);
    }
    with_containers(20).await;
}

/// Restart beside running containers, and what an idle runner takes.
async fn with_containers(count: usize) {
    let home = Home::new(0);
    let (mut host, _) = home.start();
    let chats: Vec<Child> = (0..count).map(|n| home.say(&format!("chat{n}"))).collect();
    for chat in chats {
        let out = chat.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "a chat failed: {said}\n{}", home.log());
    }
    let running = home.running();
    stop_hard(&mut host);
    let (mut host, ready) = home.start();
    println!(
        "host: ready {} ms after kill -9 beside {running} running containers",
        ready.as_millis()
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(home.running(), running, "all were found again");
    let runners = runners();
    let before: Vec<u64> = runners.iter().map(|it| cpu_ticks(*it)).collect();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let after: Vec<u64> = runners.iter().map(|it| cpu_ticks(*it)).collect();
    let mut memory: Vec<u64> = runners.iter().map(|it| resident(*it)).collect();
    memory.sort_unstable();
    let ticks: u64 = after.iter().zip(&before).map(|it| it.0 - it.1).sum();
    println!(
        "runner: idle: {:.1} MB resident (median of {}), {ticks} ticks of 10 ms in 20 s over all",
        mb(memory[memory.len() / 2]),
        memory.len()
    );
    println!("host: {running} running containers: {:.1} MB resident", mb(resident(host.id())));
    stop(&mut host);
    home.clean().await;
}

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new(sessions: usize) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        make_sessions(dir.path(), sessions);
        let central = CentralStore::open(&Layout::new(dir.path()).central()).unwrap();
        central.set_setting("image", &provided("NANOCLAW_TEST_IMAGE")).unwrap();
        Self { dir }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PathBuf::from(provided("NANOCLAW_TEST_BIN")));
        command.args(args).env("NANOCLAW_HOME", self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Returns when the command line's socket answers.
    fn start(&self) -> (Child, Duration) {
        let started = Instant::now();
        let host = self.command(&["run"]).spawn().unwrap();
        let socket = Layout::new(self.dir.path()).admin_socket();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the host is not ready");
            std::thread::sleep(Duration::from_millis(1));
        }
        (host, started.elapsed())
    }

    fn say(&self, chat: &str) -> Child {
        let args = ["chat", "--chat", chat, "--timeout", "120", "hello"];
        self.command(&args).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(Layout::new(self.dir.path()).host_log()).unwrap_or_default()
    }

    fn running(&self) -> u64 {
        let out = self.command(&["status", "--json"]).stdout(Stdio::piped()).output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        status["containers_running"].as_u64().unwrap()
    }

    async fn clean(&self) {
        use sandbox::Sandbox;
        let central = CentralStore::open(&Layout::new(self.dir.path()).central()).unwrap();
        let install = central.setting("install").unwrap().unwrap();
        let (user, root) = ((1000, 1000), self.dir.path().into());
        let options = sandbox::docker::DockerOptions { install, user, root, socket: None };
        let engine = sandbox::docker::DockerSandbox::new(options);
        for session in engine.list().await.unwrap() {
            engine.stop(session).await.unwrap();
        }
    }
}

fn stop(host: &mut Child) {
    let _ = Command::new("kill").arg(host.id().to_string()).status();
    host.wait().unwrap();
}

fn stop_hard(host: &mut Child) {
    host.kill().unwrap();
    host.wait().unwrap();
}

/// Process ids of all runners on this machine.
fn runners() -> Vec<u32> {
    let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok())
        .filter(|pid| name(pid).trim() == "agent-runner")
        .collect()
}

/// Resident memory in bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Time on a processor, in ticks of 10 ms.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default().to_owned();
    let field = |n: usize| after_name.split_whitespace().nth(n).and_then(|it| it.parse().ok());
    field(11).unwrap_or(0) + field(12).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}
