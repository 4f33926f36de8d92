//! What an agent may use, up to a limit.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, getrlimit};

use super::Attempt;

/// More than any container may have of these.
const PROCESSES: usize = 2_000;
const TMP_MIB: usize = 2 * 1024;
/// Takes memory until it is killed.
const EAT: &str = "x = [bytearray(b'x' * (64 << 20)) for _ in range(1024)]";

pub(super) fn attempts() -> Vec<Attempt> {
    vec![processes(), memory(), tmp(), file(), core()]
}

fn quiet(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn processes() -> Attempt {
    let mut running: Vec<Child> = Vec::new();
    let stopped = loop {
        match quiet("sleep", &["60"]).spawn() {
            Ok(child) => running.push(child),
            Err(err) => break Some(err),
        }
        if running.len() == PROCESSES {
            break None;
        }
    };
    for child in &mut running {
        let _ = child.kill();
    }
    for child in &mut running {
        let _ = child.wait();
    }
    let got = format!("{} at a time", running.len());
    Attempt::bounded("start processes without end", stopped.is_some(), got)
}

fn memory() -> Attempt {
    let attack = "take memory without end";
    match quiet("python3", &["-c", EAT]).status() {
        // Killed, or refused by the allocator.
        Ok(status) => Attempt::bounded(attack, !status.success(), status.to_string()),
        Err(err) => Attempt::bounded(attack, false, format!("not tried: {err}")),
    }
}

fn tmp() -> Attempt {
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
    Attempt::bounded("fill /tmp", ended.is_err(), format!("{written} MiB"))
}

/// In a program of its own, since the kernel ends a program that tries.
fn file() -> Attempt {
    let path = "/workspace/escape-large";
    let ended = quiet("truncate", &["-s", "1P", path]).status();
    let length = fs::metadata(path).map_or(0, |it| it.len());
    let _ = fs::remove_file(path);
    let held = ended.is_ok_and(|it| !it.success());
    Attempt::bounded("make a file of a petabyte", held, format!("{length} bytes"))
}

fn core() -> Attempt {
    let limit = getrlimit(Resource::Core);
    let none = limit.maximum == Some(0);
    let got = limit.maximum.map_or_else(|| "unlimited".to_owned(), |it| format!("{it} bytes"));
    Attempt::bounded("leave a picture of memory", none, got)
}
