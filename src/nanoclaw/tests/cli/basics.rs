//! Help, usage, and every command without a host.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use crate::{Home, Said};

#[test]
fn help_teaches() {
    let home = Home::empty();
    let text = home.run(&["--help"]).fine();
    for part in ["People:", "Examples:", "nanoclaw setup", "vault add", "doctor", "NANOCLAW_HOME"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("selftest"), "{text}");
    assert_eq!(home.run(&["help"]).fine(), text);
    let all = home.run(&["help", "--all"]).fine();
    for part in ["selftest", "chats connect", "users set", "tasks remove", "agents stop"] {
        assert!(all.contains(part), "{part} is missing in\n{all}");
    }
    assert!(home.run(&["help", "chats", "set"]).fine().contains("--policy"));
    assert!(home.run(&["chat", "--help"]).fine().contains("nanoclaw chat -"));
    assert_eq!(home.run(&["version"]).fine(), home.run(&["--version"]).fine());
    assert!(!home.path().exists());
}

#[test]
fn the_data_directory_is_in_no_usage_and_an_empty_name_of_it_is_none() {
    let home = Home::empty();
    let said = home.run(&["agents", "show"]);
    assert!(said.err.contains("Usage: ") && !said.err.contains("--home"), "{}", said.err);
    let mut command = home.command(&["status"]);
    let out = command.env("NANOCLAW_HOME", "").env("HOME", home.path()).output().unwrap();
    Said::from(out).refused(1, "/.nanoclaw is not set up yet");
    home.run(&["chat", "--timeout", "0", "x"]).refused(64, "invalid value '0'");
}

#[test]
fn alone_it_says_how_things_are_and_what_to_do_next() {
    let home = Home::empty();
    let text = home.run(&[]).fine();
    assert!(text.contains("is not set up yet") && text.contains("nanoclaw setup"), "{text}");
    assert!(!home.path().exists());
    let home = Home::new();
    let text = home.run(&[]).fine();
    for part in ["does not run", "No messenger", "0 chats", "waiting: nothing", "no model"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let next = home.run(&["--json"]).json()["next"].clone();
    let steps = ["nanoclaw image build", "nanoclaw start", "nanoclaw channels add telegram"];
    assert_eq!(next, serde_json::json!(steps));
    home.store().set_setting("image", "x").unwrap();
    let next = home.run(&["--json"]).json()["next"].clone();
    let steps = ["nanoclaw start", "nanoclaw channels add telegram", "nanoclaw vault add"];
    assert_eq!(next, serde_json::json!(steps));
}

#[test]
fn what_only_reads_makes_no_home() {
    let home = Home::empty();
    for line in ["agents list", "chats show 1", "outbox list", "why last", "history", "pair"] {
        let words: Vec<&str> = line.split(' ').collect();
        home.run(&words).refused(1, "is not set up yet");
    }
    for line in ["vault list", "channels list", "keep", "timezone", "image show", "status", "panic"]
    {
        let words: Vec<&str> = line.split(' ').collect();
        home.run(&words).refused(1, "is not set up yet");
    }
    home.run(&["agents", "add", "ben", "--dry-run"]).refused(1, "is not set up yet");
    assert!(!home.path().exists());
    std::fs::create_dir(home.path()).unwrap();
    drop(home.store());
    home.run(&["agents", "add", "ben", "--dry-run"]);
    assert!(home.store().agents().unwrap().is_empty(), "not even the first agent is made");
    home.run(&["agents", "add", "ben"]).fine();
    assert_eq!(home.store().agents().unwrap().len(), 2);
}

#[test]
fn commands_are_found_by_former_names_and_by_guesses() {
    let home = Home::new();
    assert_eq!(home.run(&["agent", "ls"]).fine(), home.run(&["agents", "list"]).fine());
    home.run(&["--json", "agents", "new", "ben"]).fine();
    let path = home.path();
    home.run(&["--home", path.to_str().unwrap(), "resume", "ben"]).fine();
    home.run(&["agent", "rm", "ben"]).fine();
    assert!(home.run(&["model", "ls"]).fine().contains("is empty"));
    home.run(&["wire", "1"]).refused(1, "there is no chat `1`");
    for line in ["start --dry-run", "agents stop andy --dry-run", "agents resume andy --dry-run"] {
        let words: Vec<&str> = line.split(' ').collect();
        home.run(&words).refused(1, "cannot be tried");
    }
    for line in ["keep --messages 2y", "timezone berlin", "vault remove", "outbox retry --all-dead"]
    {
        let words: Vec<&str> = line.split(' ').chain(["--dry-run"]).collect();
        home.run(&words).refused(1, "cannot be tried");
    }
    for line in
        ["history", "outbox list", "channels list", "vault list", "version", "keep", "timezone"]
    {
        let words: Vec<&str> = line.split(' ').chain(["--dry-run"]).collect();
        home.run(&words).fine();
    }
    for (word, why) in [("status", "no host runs"), ("logs", "there is no log")] {
        home.run(&[word, "--dry-run"]).refused(1, why);
    }
    home.run(&["image", "show", "--dry-run"]).refused(1, "no image was built");
    assert!(home.run(&["doctor", "--dry-run"]).out.contains(" checks: "));
    let said = home.run(&["task", "add", "in 1 hour", "x", "--dry-run"]);
    said.refused(1, "no chat given");
}

#[test]
fn a_wrong_command_line_exits_64() {
    let home = Home::new();
    home.run(&["fly"]).refused(64, "unrecognized subcommand");
    home.run(&["agents", "add", "../x"]).refused(64, "an agent name has");
    home.run(&["agents", "set", "andy", "--cpus", "many"]).refused(64, "write a number");
    home.run(&["chat", "--timeout", "soon", "hi"]).refused(64, "--timeout");
}

#[test]
fn a_command_whose_result_cannot_be_written_is_done_and_exits_1() {
    let home = Home::new();
    home.run(&["agents", "add", "ben"]).fine();
    for args in [&["agents", "remove", "ben"][..], &["agents", "list"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = Said::from(home.command(args).stdout(full).output().unwrap());
        assert_eq!(said.code, 1, "{}", said.err);
        let told = said.err.lines().filter(|it| it.contains("could not be written"));
        assert_eq!(told.count(), 1, "{}", said.err);
    }
    assert!(!home.run(&["agents", "list"]).fine().contains("ben"));
}

/// What apt-get would install is in no folder that this finds.
#[test]
fn an_engine_that_answers_with_an_error_gets_no_other_one_beside_it() {
    let home = Home::new();
    let socket = home.0.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let body = r#"{"message":"no space"}"#;
        let head = "HTTP/1.1 500 Error\r\nConnection: close\r\nContent-Type: application/json";
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let mut command = home.command(&["setup", "--only", "engine"]);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display())).env("PATH", "/none");
    Said::from(command.output().unwrap()).refused(1, "no space");
}

#[test]
fn status_without_a_host_says_so() {
    let home = Home::new();
    home.run(&["status"]).refused(1, "no host runs on");
    let said = home.run(&["status", "--json"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json(), serde_json::json!({ "running": false }));
}

/// To root all homes are open: what it makes in one, its owner cannot read any more. To others `/` belongs to
/// another user.
#[test]
fn the_home_of_another_user_is_left_alone() {
    let home = Home::empty();
    std::fs::create_dir(home.path()).unwrap();
    let is_root = std::os::unix::fs::chown(home.path(), Some(65_534), None).is_ok();
    let path = if is_root { home.path() } else { "/".into() };
    for command in [["status"], ["stop"], ["run"]] {
        let said = home.run(&[&["--home", path.to_str().unwrap()], &command[..]].concat());
        said.refused(1, "belongs to another user");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_seed_after_which_the_runs_do_not_fit_is_refused() {
    let last = u64::MAX.to_string();
    let said = Home::new().run(&["selftest", "--runs", "1", "--seed", &last]);
    assert!(said.err.contains("at most 18446744073709551614"), "{}", said.err);
    said.refused(1, "past the last seed");
}

#[test]
fn stopping_nothing_is_fine() {
    assert_eq!(Home::new().run(&["stop"]).fine(), "no host runs\n");
}

#[test]
fn every_result_can_be_had_as_json_and_a_conversation_cannot() {
    let home = Home::new();
    assert_eq!(home.run(&["stop", "--json"]).json(), serde_json::json!({ "stopped": false }));
    assert_eq!(home.run(&["--json", "dropped", "list"]).json(), serde_json::json!([]));
    assert_eq!(home.run(&["chats", "disconnect", "1", "--json"]).code, 1);
    for line in ["logs --json", "chat --json hello"] {
        let words: Vec<&str> = line.split(' ').collect();
        home.run(&words).refused(64, "no result as JSON");
    }
}

#[test]
fn logs_before_the_first_start_say_so() {
    Home::new().run(&["logs"]).refused(1, "there is no log");
}

#[test]
fn the_image_cannot_be_built_without_an_engine() {
    let home = Home::new();
    home.run(&["image", "show"]).refused(1, "no image was built");
    home.run(&["image", "build"]).refused(1, "the container engine");
}

#[test]
fn doctor_finds_what_is_missing_and_says_how_to_fix_it() {
    let home = Home::empty();
    let said = home.run(&["doctor", "--json"]);
    assert_eq!(said.code, 1);
    let all = said.json();
    assert_eq!(all["ok"], false);
    let check = |name: &str| {
        all["checks"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!(check("engine")["state"], "fail");
    assert_eq!(check("data folder")["state"], "fail");
    assert_eq!(check("host")["state"], "warn");
    for check in all["checks"].as_array().unwrap() {
        assert_eq!(check["state"] == "ok", check["fix"].is_null(), "{check}");
    }
    assert!(home.run(&["doctor"]).out.contains("fix: "));
    // Looking changes nothing.
    assert!(!home.path().exists());
}

#[test]
fn doctor_finds_a_damaged_and_a_newer_database() {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    let database = home.path().join("central.db");
    let said = home.run(&["doctor", "--json"]).json();
    assert_eq!(said["checks"][2]["state"], "ok", "{said}");
    for file in ["central.db-wal", "central.db-shm"] {
        let _ = std::fs::remove_file(home.path().join(file));
    }
    std::fs::write(&database, "this is no database, however long one looks at it".repeat(99))
        .unwrap();
    let said = home.run(&["doctor", "--json"]).json();
    assert_eq!(said["checks"][2]["state"], "fail", "{said}");
    home.run(&["agents", "list"]).refused(1, "is damaged");
}

#[expect(clippy::disallowed_methods, reason = "a test of real processes waits in real time")]
fn wait(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}

/// The pid that `status` tells, once it is another than `old`.
fn pid_other_than(home: &Home, old: Option<u64>) -> u64 {
    for _ in 0..200 {
        let status = home.run(&["status", "--json"]);
        let pid = status.json()["pid"].as_u64();
        if let Some(pid) = pid.filter(|it| Some(*it) != old) {
            return pid;
        }
        wait(100);
    }
    panic!("no host came up");
}

#[test]
fn a_host_that_is_killed_is_started_again_until_it_is_stopped() {
    let home = Home::new();
    home.run(&["start"]).fine();
    let first = pid_other_than(&home, None);
    std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    let second = pid_other_than(&home, Some(first));
    home.run(&["stop"]).fine();
    wait(2_000);
    let gone = !std::path::Path::new(&format!("/proc/{second}")).exists();
    assert!(gone && home.run(&["status"]).code == 1, "a stop is not undone");
}

#[test]
fn a_stop_holds_while_a_killed_host_waits_to_be_started_again() {
    let home = Home::new();
    home.run(&["start"]).fine();
    let first = pid_other_than(&home, None);
    std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    // Not asked before the kernel let go of its lock.
    while std::path::Path::new(&format!("/proc/{first}")).exists() {
        wait(10);
    }
    home.run(&["stop"]).fine();
    wait(2_000);
    assert_eq!(home.run(&["status"]).code, 1, "it is not started again");
    // And one that is started meanwhile is the only one.
    home.run(&["start"]).fine();
    let second = pid_other_than(&home, None);
    std::process::Command::new("kill").args(["-9", &second.to_string()]).status().unwrap();
    home.run(&["start"]).fine();
    pid_other_than(&home, Some(second));
    home.run(&["stop"]).fine();
    wait(2_000);
    assert_eq!(home.run(&["status"]).code, 1, "no second keeper starts it");
}
