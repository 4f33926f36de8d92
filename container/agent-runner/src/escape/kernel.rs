//! Rights: signals, other users, capabilities, and system calls that no agent needs; and what may be used
//! up to a limit.
//!
//! Most of these calls cannot be made from safe Rust, so that the Python of the image makes them.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Signal, Uid, getrlimit, getuid, kill_process, kill_process_group,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_thread_uid,
};
use serde_json::json;

use super::List;

/// More than any container may have.
const PROCESSES: usize = 2_000;
/// Takes memory until it is killed.
const EAT: &str = "x = [bytearray(b'x' * (64 << 20)) for _ in range(1024)]";

const CALLS: &str = r"
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
for name, number, args in json.loads(sys.argv[1]):
    ctypes.set_errno(0)
    result = libc.syscall(number, *[ctypes.c_long(it) for it in args])
    print(json.dumps([name, result, ctypes.get_errno()]), flush=True)
";

/// A call, its number on x86-64 and elsewhere (<https://docs.kernel.org/process/adding-syscalls.html>:
/// newer architectures share one table), and arguments. `-1` stands for the runner's process.
const NUMBERS: [(&str, u32, u32, &[i64]); 40] = [
    ("io_uring_setup", 425, 425, &[4, 0]),
    ("io_uring_enter", 426, 426, &[0, 0, 0, 0]),
    ("userfaultfd", 323, 282, &[1]),
    ("bpf", 321, 280, &[0, 0, 0]),
    ("perf_event_open", 298, 241, &[0, 0, 0, 0, 0]),
    ("keyctl", 250, 219, &[0, -3, 0]),
    ("add_key", 248, 217, &[0, 0, 0, 0, -3]),
    ("request_key", 249, 218, &[0, 0, 0, -3]),
    ("ptrace the runner", 101, 117, &[16, -1, 0, 0]),
    ("process_vm_readv the runner", 310, 270, &[-1, 0, 0, 0, 0, 0]),
    ("process_vm_writev the runner", 311, 271, &[-1, 0, 0, 0, 0, 0]),
    ("pidfd_getfd", 438, 438, &[0, 0, 0]),
    ("process_madvise", 440, 440, &[0, 0, 0, 0, 0]),
    ("kcmp with the runner", 312, 272, &[-1, -1, 0, 0, 0]),
    ("unshare users", 272, 97, &[0x1000_0000]),
    ("unshare network", 272, 97, &[0x4000_0000]),
    ("unshare mounts", 272, 97, &[0x2_0000]),
    ("setns", 308, 268, &[0, 0]),
    ("clone with users of its own", 56, 220, &[0x1000_0011, 0, 0, 0, 0]),
    ("clone3", 435, 435, &[0, 0]),
    ("mount", 165, 40, &[0, 0, 0, 0, 0]),
    ("umount2", 166, 39, &[0, 0]),
    ("pivot_root", 155, 41, &[0, 0]),
    ("chroot", 161, 51, &[0]),
    ("fsopen", 430, 430, &[0, 0]),
    ("open_tree", 428, 428, &[-100, 0, 0]),
    ("move_mount", 429, 429, &[0, 0, 0, 0, 0]),
    ("open_by_handle_at", 304, 265, &[0, 0, 0]),
    ("fanotify_init", 300, 262, &[0, 0]),
    ("kexec_load", 246, 104, &[0, 0, 0, 0]),
    ("init_module", 175, 105, &[0, 0, 0]),
    ("finit_module", 313, 273, &[-1, 0, 0]),
    ("delete_module", 176, 106, &[0, 0]),
    ("swapon", 167, 224, &[0, 0]),
    ("acct", 163, 89, &[0]),
    ("syslog", 103, 116, &[3, 0, 0]),
    ("settimeofday", 164, 170, &[0, 0]),
    ("sethostname", 170, 161, &[0, 0]),
    ("quotactl", 179, 60, &[0, 0, 0, 0]),
    ("personality without random addresses", 135, 92, &[0x4_0000]),
];

pub(super) fn attempts(list: &mut List, runner: Option<Pid>) {
    if let Some(runner) = runner {
        list.refused("stop the runner", kill_process(runner, Signal::STOP));
        list.refused("kill the runner", kill_process(runner, Signal::KILL));
        list.refused("kill the runner's group", kill_process_group(runner, Signal::KILL));
        list.refused("kill the first process", kill_process(Pid::INIT, Signal::KILL));
    }
    let own = getuid().as_raw();
    for (name, uid) in [("root", 0), ("the user of most hosts", 1000), ("another user", own + 1)] {
        list.refused(format!("become {name}"), set_thread_uid(Uid::from_raw(uid)));
    }
    let one = CapabilitySet::SETUID;
    let sets = CapabilitySets { effective: one, permitted: one, inheritable: one };
    list.refused("take a capability", set_capabilities(None, sets));
    list.refused("pass a capability on", configure_capability_in_ambient_set(one, true));
    status(list);
    calls(list, runner);
    bounds(list);
}

/// What the kernel says of this process.
fn status(list: &mut List) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).unwrap_or_default().to_owned()
    };
    let none = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|it| (it, "0"));
    for (name, wanted) in none.into_iter().chain([("NoNewPrivs", "1"), ("Seccomp", "2")]) {
        let got = field(name);
        let held = got.trim_start_matches('0') == wanted.trim_start_matches('0');
        list.bounded(format!("{name} is {wanted}"), held, got);
    }
    let groups = field("Groups");
    let own = rustix::process::getgid().as_raw().to_string();
    let none = groups.split_whitespace().all(|it| it == own);
    list.bounded("there are no further groups", none, groups);
}

/// Refused by its number, or not there at all. Any other complaint means that the kernel looked at
/// the arguments.
fn calls(list: &mut List, runner: Option<Pid>) {
    let runner = runner.map_or(1, |it| i64::from(it.as_raw_nonzero().get()));
    let ask = NUMBERS.map(|(name, x86, other, args)| {
        let number = if cfg!(target_arch = "x86_64") { x86 } else { other };
        let args: Vec<_> = args.iter().map(|it| if *it == -1 { runner } else { *it }).collect();
        json!([name, number, args])
    });
    let answers = python(&json!(ask.as_slice()).to_string());
    for (name, ..) in NUMBERS {
        let (held, got) = match answers.as_ref().map(|all| all.iter().find(|it| it.0 == name)) {
            Ok(Some((_, -1, errno))) => {
                let err = Errno::from_raw_os_error(*errno);
                let held = matches!(err, Errno::PERM | Errno::NOSYS);
                (held, io::Error::from(err).to_string())
            }
            Ok(Some(_)) => (false, "it worked".to_owned()),
            Ok(None) => (false, "not tried: it ended the program".to_owned()),
            Err(err) => (false, format!("not tried: {err}")),
        };
        list.add(format!("call {name}"), "refused", held, got);
    }
}

fn python(ask: &str) -> io::Result<Vec<(String, i64, i32)>> {
    let mut command = Command::new("python3");
    let out = command.args(["-c", CALLS, ask]).stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8_lossy(&out.stdout);
    Ok(lines.lines().filter_map(|it| serde_json::from_str(it).ok()).collect())
}

fn bounds(list: &mut List) {
    processes(list);
    let eaten = quiet("python3", &["-c", EAT]).status();
    // Killed, or refused by the allocator.
    let held = eaten.as_ref().is_ok_and(|it| !it.success());
    let got = eaten.map_or_else(|err| format!("not tried: {err}"), |it| it.to_string());
    list.bounded("take memory without end", held, got);
    // In programs of their own, since the kernel ends a program that tries.
    const FILL: &[&str] = &["if=/dev/zero", "of=/tmp/escape-fill", "bs=1M", "count=2048"];
    const LARGE: &[&str] = &["-s", "1P", "/workspace/escape-large"];
    for (attack, path, program, args) in [
        ("fill /tmp", "/tmp/escape-fill", "dd", FILL),
        ("make a file of a petabyte", "/workspace/escape-large", "truncate", LARGE),
    ] {
        let tried = quiet(program, args).status();
        let length = fs::metadata(path).map_or(0, |it| it.len());
        let _ = fs::remove_file(path);
        let held = tried.is_ok_and(|it| !it.success());
        list.bounded(attack, held, format!("{length} bytes"));
    }
    let core = getrlimit(Resource::Core).maximum;
    let got = core.map_or_else(|| "unlimited".to_owned(), |it| format!("{it} bytes"));
    list.bounded("leave a picture of memory", core == Some(0), got);
}

fn quiet(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn processes(list: &mut List) {
    let mut running: Vec<Child> = Vec::new();
    while running.len() < PROCESSES
        && let Ok(child) = quiet("sleep", &["60"]).spawn()
    {
        running.push(child);
    }
    for child in &mut running {
        let _ = child.kill();
    }
    for child in &mut running {
        let _ = child.wait();
    }
    let held = running.len() < PROCESSES;
    list.bounded("start processes without end", held, format!("{} at a time", running.len()));
}
