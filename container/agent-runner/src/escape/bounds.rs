//! What an agent may use, up to a limit.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, getrlimit};

use super::List;

/// More than any container may have of these.
const PROCESSES: usize = 2_000;
const TMP_MIB: usize = 2 * 1024;
/// Takes memory until it is killed.
const EAT: &str = "x = [bytearray(b'x' * (64 << 20)) for _ in range(1024)]";

pub(super) fn attempts(list: &mut List) {
    processes(list);
    let eaten = quiet("python3", &["-c", EAT]).status();
    // Killed, or refused by the allocator.
    let held = eaten.as_ref().is_ok_and(|it| !it.success());
    let got = eaten.map_or_else(|err| format!("not tried: {err}"), |it| it.to_string());
    list.bounded("take memory without end", held, got);
    tmp(list);
    // In a program of its own, since the kernel ends a program that tries.
    let path = "/workspace/escape-large";
    let held = quiet("truncate", &["-s", "1P", path]).status().is_ok_and(|it| !it.success());
    let length = fs::metadata(path).map_or(0, |it| it.len());
    let _ = fs::remove_file(path);
    list.bounded("make a file of a petabyte", held, format!("{length} bytes"));
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

fn tmp(list: &mut List) {
    let path = "/tmp/escape-fill";
    let chunk = vec![b'x'; 1 << 20];
    let mut written = 0;
    let ended = File::create(path).and_then(|mut file| {
        while written < TMP_MIB {
            file.write_all(&chunk)?;
            written += 1;
        }
        Ok(())
    });
    let _ = fs::remove_file(path);
    list.bounded("fill /tmp", ended.is_err(), format!("{written} MiB"));
}
