//! What a container cannot do, tried from within one.

use std::time::Duration;

use domain::{AgentName, SessionId};
use sandbox::docker::{DockerOptions, DockerSandbox};
use sandbox::{Observed, Sandbox, SandboxError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::support::{image, options, with_rig};

const SESSION: SessionId = SessionId(1);

/// Ends with `all good`, or with the first thing that is not as it should be.
const PROBE: &str = r#"
import os, socket, subprocess, sys
def refused(path):
    try: open(path, 'w')
    except OSError: return
    raise SystemExit('could write ' + path)
def expect(what, got, wanted):
    if got != wanted: raise SystemExit(f'{what}: {got!r}')
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
expect('interfaces', os.listdir('/sys/class/net'), ['lo'])
expect('user', f'{os.getuid()}:{os.getgid()}', os.environ['WANTED_USER'])
expect('further groups', set(status['Groups'].split()) - {str(os.getgid())}, set())
for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
    expect(name, int(status[name], 16), int(os.environ['WANTED_CAPS'], 16))
expect('no new privileges', status['NoNewPrivs'].strip(), '1')
expect('seccomp', status['Seccomp'].strip(), '2')
expect('folder', os.getcwd(), '/workspace')
expect('home', os.environ['HOME'], '/home/agent')
for path in ('/x', '/etc/x', '/usr/x', '/nanoclaw/x', '/nanoclaw/in/x', '/nanoclaw/link/x', '/proc/sys/kernel/core_pattern'):
    refused(path)
is_agent = 'AGENT' in os.environ
for path in ('/workspace/x', '/home/agent/x', '/tmp/x'):
    open(path + str(os.getuid()), 'w').write('x')
for path in ('/nanoclaw/in', '/nanoclaw/out', '/nanoclaw/link'):
    try: os.listdir(path)
    except PermissionError: expect(path, is_agent, True)
    else: expect(path, is_agent, False)
if not is_agent: open('/nanoclaw/out/x', 'w').write('x')
for domain, kind, protocol in ((40, 1, 0), (38, 5, 0), (17, 3, 0), (2, 1, 132), (2, 3, 1), (16, 3, 12)):
    try: socket.socket(domain, kind, protocol)
    except PermissionError: continue
    raise SystemExit(f'a socket of {domain} {kind} {protocol}')
open('/tmp/script', 'w').write('#!/bin/sh\necho ran\n')
os.chmod('/tmp/script', 0o755)
expect('script', subprocess.run(['/tmp/script'], capture_output=True).stdout, b'ran\n')
for address in (('127.0.0.1', 9), ('172.17.0.1', 2375), ('192.0.2.1', 80)):
    try: socket.create_connection(address, 2)
    except OSError: continue
    raise SystemExit(f'connected to {address}')
link = socket.socket(socket.AF_UNIX)
if is_agent:
    try: link.connect('/nanoclaw/link/link.sock')
    except PermissionError: print('all good')
    sys.exit()
link.connect('/nanoclaw/link/link.sock')
link.sendall(b'hello')
expect('answer', link.recv(5), b'HELLO')
print('all good')
"#;

#[tokio::test]
async fn a_container_reaches_nothing_but_its_folders_and_its_link() {
    with_rig(|rig| async move {
        let wanted = options("").user;
        let mut spec = rig.runs("exec python3 -c \"$PROBE\"");
        spec.env.insert("PROBE".to_owned(), PROBE.to_owned());
        spec.env.insert("WANTED_USER".to_owned(), format!("{}:{}", wanted.0, wanted.1));
        // To start and end programs of the agent's user, and nothing else.
        spec.env.insert("WANTED_CAPS".to_owned(), "1e0".to_owned());
        let mut carrier = rig.sandbox.link(&spec.mounts).await.unwrap();
        rig.sandbox.start(&spec).await.unwrap();
        let talk = async {
            let mut stream = carrier.accept().await.unwrap();
            let mut greeting = [0; 5];
            stream.read_exact(&mut greeting).await.unwrap();
            stream.write_all(&greeting.map(|it| it.to_ascii_uppercase())).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = timeout(Duration::from_secs(20), talk) => (),
            exited = rig.sandbox.exited(SESSION) => exited.unwrap(),
        }
        assert_eq!(rig.sandbox.tail(SESSION).await.unwrap(), "all good");
    })
    .await;
}

/// Becomes the agent as the runner does for its programs.
const AS_AGENT: &str = "exec setpriv --reuid=$NANOCLAW_AGENT_UID --bounding-set=-all --inh-caps=-all \
                        --ambient-caps=-all python3 -c \"$PROBE\"";

#[tokio::test]
async fn the_agents_user_can_open_neither_mailbox_nor_link() {
    with_rig(|rig| async move {
        let mut spec = rig.runs(AS_AGENT);
        let (runner, gid) = options("").user;
        let agent = domain::inside::agent_uid(runner, spec.agent_number);
        for (name, value) in [
            ("PROBE", PROBE),
            ("WANTED_USER", &format!("{agent}:{gid}")),
            ("WANTED_CAPS", "0"),
            ("AGENT", "1"),
        ] {
            spec.env.insert(name.to_owned(), value.to_owned());
        }
        let _carrier = rig.sandbox.link(&spec.mounts).await.unwrap();
        rig.sandbox.start(&spec).await.unwrap();
        timeout(Duration::from_secs(20), rig.sandbox.exited(SESSION)).await.unwrap().unwrap();
        assert_eq!(rig.sandbox.tail(SESSION).await.unwrap(), "all good");
    })
    .await;
}

/// Takes inotify instances until the kernel gives no more; says how many it got of how many.
const TAKE_ALL: &str = r"
import ctypes, time
libc, taken = ctypes.CDLL(None), 0
while libc.inotify_init() >= 0: taken += 1
print(taken, open('/proc/sys/fs/inotify/max_user_instances').read(), end='', flush=True)
time.sleep(600)
";

#[tokio::test]
async fn what_the_kernel_counts_by_user_no_agent_takes_from_another() {
    with_rig(|rig| async move {
        let greedy = |session, agent| {
            let mut spec = rig.runs(AS_AGENT);
            spec.env.insert("PROBE".to_owned(), TAKE_ALL.to_owned());
            (spec.session, spec.agent) = (session, AgentName::parse(agent).unwrap());
            spec.agent_number = u32::try_from(session.0).unwrap();
            spec
        };
        for (session, agent) in [(SESSION, "greedy"), (SessionId(2), "modest")] {
            rig.sandbox.start(&greedy(session, agent)).await.unwrap();
            let told = async {
                loop {
                    let tail = rig.sandbox.tail(session).await.unwrap();
                    if !tail.is_empty() {
                        return tail;
                    }
                    sleep(Duration::from_millis(50)).await;
                }
            };
            let told = timeout(Duration::from_secs(20), told).await.unwrap();
            let (taken, of) = told.split_once(' ').unwrap();
            assert_eq!(taken, of, "{agent}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_host_reopens_the_link_of_a_running_container() {
    with_rig(|rig| async move {
        let connect = "python3 -c 'import socket, time\n\
            while 1:\n s = socket.socket(socket.AF_UNIX)\n \
            try: s.connect(\"/nanoclaw/link/link.sock\"); s.recv(1)\n \
            except OSError: time.sleep(0.05)'";
        let first = rig.sandbox.link(&rig.spec.mounts).await.unwrap();
        rig.sandbox.start(&rig.runs(connect)).await.unwrap();
        drop(first);
        let mut second = rig.sandbox.link(&rig.spec.mounts).await.unwrap();
        timeout(Duration::from_secs(10), second.accept()).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn processes_are_limited() {
    with_rig(|rig| async move {
        let many = "i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo unlimited";
        rig.sandbox.start(&rig.runs(many)).await.unwrap();
        timeout(Duration::from_secs(20), rig.sandbox.exited(SESSION)).await.unwrap().unwrap();
        let tail = rig.sandbox.tail(SESSION).await.unwrap();
        assert!(tail.contains("fork") && !tail.contains("unlimited"), "{tail}");
    })
    .await;
}

async fn assert_weak(sandbox: &DockerSandbox, spec: &sandbox::Spec) {
    let refused = sandbox.start(spec).await;
    assert!(matches!(refused, Err(SandboxError::Weak(_))), "{refused:?}");
    assert_eq!(sandbox.inspect(SESSION).await.unwrap(), Observed::Absent);
    assert_eq!(sandbox.list().await.unwrap(), []);
}

#[tokio::test]
async fn an_image_that_brings_a_volume_never_runs() {
    with_rig(|rig| async move {
        let mut spec = rig.runs("touch /workspace/ran");
        spec.image = image("volume", "VOLUME /data").await;
        assert_weak(&rig.sandbox, &spec).await;
        assert!(!spec.mounts.workspace.join("ran").exists());
    })
    .await;
}

/// As a forged backup would have it.
#[tokio::test]
async fn a_folder_that_is_a_link_is_never_shown() {
    with_rig(|rig| async move {
        let outside = rig.path("of-the-host");
        std::fs::create_dir(&outside).unwrap();
        let mut spec = rig.spec.clone();
        spec.mounts.workspace = rig.path("lure");
        std::os::unix::fs::symlink(outside, &spec.mounts.workspace).unwrap();
        assert_weak(&rig.sandbox, &spec).await;
    })
    .await;
}

#[tokio::test]
async fn root_never_runs() {
    with_rig(|rig| async move {
        let rooted = DockerSandbox::new(DockerOptions { user: (0, 0), ..options(&rig.install) });
        assert_weak(&rooted, &rig.spec).await;
    })
    .await;
}

#[tokio::test]
async fn the_engines_own_folder_is_never_mounted() {
    with_rig(|rig| async move {
        let mut spec = rig.spec.clone();
        spec.mounts.workspace = "/var/run".into();
        assert_weak(&rig.sandbox, &spec).await;
    })
    .await;
}
