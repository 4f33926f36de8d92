//! Backups, and how long things are kept.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::{Address, Admitted, Author, Body, InboundKind, Incoming};
use domain::stop::Scope;
use domain::time::Timestamp;
use store::SessionStore;
use store::layout::Layout;

use crate::Home;

const PHRASE: &[u8] = b"correct horse battery\n";
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A directory with an agent, a session with a message, a workspace with a link, and a credential.
fn home() -> (Home, PathBuf) {
    let home = Home::new();
    home.feed(&["vault", "add", "anthropic"], b"sk-ant-api03-very-secret").fine();
    let layout = Layout::new(home.path());
    let agent = AgentName::parse("andy").unwrap();
    let chat =
        Address { channel: "cli".into(), account: "local".into(), chat: "c".into(), thread: None };
    let mut central = home.store();
    central.add_agent(&AgentGroup::new(agent.clone())).unwrap();
    central.wire(&chat, &agent, NOW).unwrap();
    let session = central.create_session(&chat, &agent, NOW).unwrap();
    fs::create_dir_all(layout.session(session).inbound_dir()).unwrap();
    let message = Incoming {
        from: chat,
        platform_id: "m1".into(),
        body: Body::new(Author::new("ann", "Ann"), "hello"),
        ..Incoming::default()
    };
    let mut store = SessionStore::open(&layout, session).unwrap();
    let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
    store.posting().insert(&[admitted], NOW).unwrap();
    let workspace = layout.workspace(&agent);
    fs::create_dir_all(workspace.join("deep")).unwrap();
    fs::write(workspace.join("deep/notes.md"), "remember").unwrap();
    fs::write(workspace.join("x".repeat(180)), "a long name").unwrap();
    symlink("/etc/passwd", workspace.join("link")).unwrap();
    let file = home.0.path().join("backup.tar");
    (home, file)
}

fn create(home: &Home, file: &Path) {
    let file = file.to_str().unwrap();
    home.feed(&["backup", "create", file, "--passphrase-stdin"], PHRASE).fine();
}

/// An agent can neither hold up a backup, which has no mailbox in it, nor a look at what is wrong.
#[test]
fn a_mailbox_that_an_agent_damaged_holds_up_no_backup_and_is_named_by_doctor() {
    let (home, file) = home();
    let session = Layout::new(home.path()).session(domain::SessionId(1));
    fs::create_dir_all(session.outbound_dir()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, session.outbound(), rustix::fs::Mode::RWXU).unwrap();
    let path = file.to_str().unwrap();
    home.feed(&["backup", "create", path, "--passphrase-stdin"], PHRASE).fine();
    check(&home, &file, PHRASE).fine();
    let said = home.run(&["doctor"]).out;
    assert!(said.contains("s1: outbound.db cannot be read"), "{said}");
}

fn check(home: &Home, file: &Path, phrase: &[u8]) -> crate::Said {
    let program = Path::new(env!("CARGO_BIN_EXE_nanoclaw")).with_file_name("nanoclaw-selftest");
    assert!(
        program.is_file(),
        "missing: `cargo build -p simulation` with the profile of the tests"
    );
    let file = file.to_str().unwrap();
    home.feed(&["backup", "verify", file, "--passphrase-stdin"], phrase)
}

#[test]
fn a_backup_is_not_blamed_for_a_program_that_is_missing_or_broken() {
    let (home, file) = home();
    home.run(&["backup", "create", file.to_str().unwrap(), "--without-key"]).fine();
    let alone = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = alone.path().join("nanoclaw");
    fs::hard_link(env!("CARGO_BIN_EXE_nanoclaw"), &program).unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(&program);
        let output = command.args(args).env("NANOCLAW_HOME", home.path()).output();
        crate::Said::from(output.unwrap())
    };
    let verify = ["backup", "verify", file.to_str().unwrap()];
    for args in [&verify[..], &["selftest", "--runs", "1"]] {
        run(args).refused(1, "./nanoclaw.sh");
    }
    let other = program.with_file_name("nanoclaw-selftest");
    let own = concat!("echo nanoclaw-selftest ", env!("CARGO_PKG_VERSION"));
    for (script, said) in [
        ("exit 0", "is not of this version"),
        ("echo nanoclaw-selftest 7; echo all is well", "is not of this version"),
        ("echo no >&2; exit 1", "is not of this version"),
        (&format!("{own}; exit 2"), "broke off"),
        (&format!("{own}; kill -9 $$"), "broke off"),
        (&format!("{own}; echo a law was broken >&2; exit 1"), "a law was broken"),
    ] {
        fs::write(&other, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
        run(&verify).refused(1, said);
    }
}

#[test]
fn a_backup_comes_back_with_everything_and_can_be_undone() {
    let (home, file) = home();
    create(&home, &file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
    assert!(!text.contains("very-secret"));
    let said = check(&home, &file, PHRASE).fine();
    assert!(said.contains("is good") && said.contains("1 credential"), "{said}");

    let present = home.path().join("agents/andy/later.md");
    fs::write(&present, "after the backup").unwrap();
    let path = file.to_str().unwrap();
    let args = ["backup", "restore", path, "--passphrase-stdin"];
    home.feed(&args, PHRASE).refused(1, "has data already");
    let force = ["backup", "restore", path, "--passphrase-stdin", "--force"];
    let said = home.feed(&force, PHRASE).fine();
    assert!(said.contains("1 message had no answer"), "{said}");
    assert!(!present.exists());
    let workspace = home.path().join("agents/andy");
    assert_eq!(fs::read_to_string(workspace.join("deep/notes.md")).unwrap(), "remember");
    assert!(workspace.join("x".repeat(180)).exists());
    assert_eq!(fs::read_link(workspace.join("link")).unwrap(), PathBuf::from("/etc/passwd"));
    assert!(home.run(&["vault", "list"]).fine().contains("anthropic"));
    assert_eq!(home.store().awake().unwrap().len(), 1, "every session looks");
    let layout = Layout::new(home.path());
    let mut session = SessionStore::open(&layout, domain::SessionId(1)).unwrap();
    assert_eq!(session.snapshot().unwrap().waiting.len(), 1);

    let aside = fs::read_dir(home.0.path())
        .unwrap()
        .map(|it| it.unwrap().path())
        .find(|it| it.to_string_lossy().contains("before-restore"))
        .unwrap();
    assert!(aside.join("agents/andy/later.md").exists(), "nothing was destroyed");
    fs::remove_dir_all(home.path()).unwrap();
    fs::rename(aside, home.path()).unwrap();
    assert!(home.run(&["vault", "list"]).fine().contains("anthropic"));
}

#[test]
fn a_backup_with_an_agent_that_was_stopped_by_name_is_good() {
    let (home, file) = home();
    let andy = Scope::Agent(AgentName::parse("andy").unwrap());
    home.store().stop(&andy, "Ann", "", NOW).unwrap();
    create(&home, &file);
    let said = check(&home, &file, PHRASE).fine();
    assert!(said.contains("is good"), "{said}");
}

#[test]
fn a_damaged_cut_off_or_foreign_file_is_refused() {
    let (home, file) = home();
    create(&home, &file);
    let good = fs::read(&file).unwrap();
    check(&home, &file, b"another phrase\n").refused(1, "does not open");
    // A byte of a database, of a file, and of the manifest.
    let find = |what: &[u8]| good.windows(what.len()).position(|it| it == what).unwrap();
    for at in [find(b"SQLite format 3") + 5_000, find(b"remember"), find(b"\"links\"") + 12] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, bad).unwrap();
        check(&home, &file, PHRASE).refused(1, "cannot be used");
    }
    for length in [good.len() / 2, 600, 0] {
        fs::write(&file, &good[..length]).unwrap();
        check(&home, &file, PHRASE).refused(1, "cannot be used");
    }
    fs::write(&file, "this is no tar at all").unwrap();
    check(&home, &file, PHRASE).refused(1, "cannot be used");
    // Nothing is left of it.
    assert_eq!(fs::read_dir(home.path().join("cache")).unwrap().count(), 0);
}

#[test]
fn a_backup_of_a_newer_schema_is_refused() {
    let (home, file) = home();
    home.store();
    let central = home.path().join("central.db");
    // `user_version` lies at 60 of the header; the log must not hold a newer first page.
    let copy = home.0.path().join("copy.db");
    store::copies::copy_database(&central, &copy).unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    for name in ["central.db-wal", "central.db-shm"] {
        let _ = fs::remove_file(home.path().join(name));
    }
    fs::write(&central, bytes).unwrap();
    let path = file.to_str().unwrap();
    home.run(&["backup", "create", path, "--without-key"]).fine();
    home.run(&["backup", "verify", path]).refused(1, "cannot be opened");
}

#[test]
fn nothing_is_replaced_or_left_behind_unasked() {
    let (home, file) = home();
    let path = file.to_str().unwrap();
    home.run(&["backup", "create", path]).refused(1, "a passphrase is needed");
    home.feed(&["backup", "create", path, "--passphrase-stdin"], b"short\n")
        .refused(1, "cannot go along");
    assert!(!file.exists());
    let said = home.run(&["backup", "create", path, "--without-key"]).fine();
    assert!(said.contains("not in it"), "{said}");
    home.run(&["backup", "create", path, "--without-key"]).refused(1, "there already");
    home.run(&["backup", "create", path, "--without-key", "--force"]).fine();
    let left: Vec<_> = fs::read_dir(home.0.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let doctor = |home: &Home| {
        let all = home.run(&["doctor", "--json"]).json();
        let checks = all["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|it| it["name"] == "backup").unwrap()["state"].clone()
    };
    assert_eq!(doctor(&home), "warn");
    home.run(&["backup", "verify", path]).fine();
    assert_eq!(doctor(&home), "ok");
}

#[test]
fn a_restore_waits_for_the_host_to_stop() {
    let (home, file) = home();
    let path = file.to_str().unwrap();
    home.run(&["backup", "create", path, "--without-key"]).fine();
    let lock = fs::File::create(home.path().join("run/host.lock")).unwrap();
    lock.lock().unwrap();
    home.run(&["backup", "restore", path, "--force"]).refused(1, "a host runs");
    assert!(home.path().join("central.db").exists());
}

#[test]
fn the_rule_is_shown_and_set() {
    let home = Home::new();
    assert_eq!(home.run(&["keep", "--json"]).json()["messages"], "365d");
    home.run(&["keep", "--messages", "2y", "--machinery", "7d"]).fine();
    let rule = home.run(&["keep", "--json"]).json();
    assert_eq!((&rule["messages"], &rule["machinery"]), (&"730d".into(), &"7d".into()));
    home.run(&["keep", "--messages", "7d"]).refused(1, "at least 30d");
    home.run(&["keep", "--messages", "soon"]).refused(1, "is no age");
    home.run(&["keep", "--machinery", "30h"]).refused(1, "is no age");
    home.run(&["keep", "--messages", "101y"]).refused(1, "at most");
}

/// Puts into the folders of an agent what could hold up, blow up or spoil a backup.
fn sabotage(home: &Home) {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::FileExt;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let layout = Layout::new(home.path());
    let workspace = home.path().join("agents/andy");
    let session = layout.session(domain::SessionId(1));
    fs::create_dir_all(session.outbound_dir().join("files")).unwrap();
    for pipe in [session.outbound(), workspace.join("pipe")] {
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from(0o666), 0).unwrap();
    }
    let big = fs::File::create(workspace.join("big")).unwrap();
    big.set_len(900 << 30).unwrap();
    big.write_all_at(b"in the middle", 500 << 30).unwrap();
    fs::File::create(workspace.join("claims")).unwrap().set_len(3 << 40).unwrap();
    for name in [b"\xfe", b"\xff"] {
        fs::write(workspace.join(OsStr::from_bytes(name)), "no text").unwrap();
    }
    let mut deep = workspace;
    for _ in 0..25 {
        deep.push("d".repeat(120));
    }
    fs::create_dir_all(&deep).unwrap();
    symlink("/etc", session.outbound_dir().join("files/link")).unwrap();
}

#[test]
fn whatever_an_agent_leaves_is_named_and_the_rest_is_backed_up() {
    let (home, file) = home();
    sabotage(&home);
    let path = file.to_str().unwrap();
    let said = home.feed(&["backup", "create", path, "--passphrase-stdin"], PHRASE).fine();
    for left_out in ["pipe: ", "claims: ", "its path is too long"] {
        assert!(said.contains(left_out), "{left_out} in {said}");
    }
    assert!(fs::metadata(&file).unwrap().len() < 20_000_000);
    let said = check(&home, &file, PHRASE).fine();
    assert!(said.contains("is good") && said.contains("not in it"), "{said}");
    let force = ["backup", "restore", path, "--passphrase-stdin", "--force"];
    home.feed(&force, PHRASE).fine();
    let workspace = home.path().join("agents/andy");
    assert_eq!(fs::read_to_string(workspace.join("deep/notes.md")).unwrap(), "remember");
    let big = fs::File::open(workspace.join("big")).unwrap();
    let mut middle = [0; 13];
    std::os::unix::fs::FileExt::read_exact_at(&big, &mut middle, 500 << 30).unwrap();
    assert_eq!((&middle, big.metadata().unwrap().len()), (b"in the middle", 900 << 30));
    assert!(!workspace.join("pipe").exists());
}

#[test]
fn a_backup_that_somebody_else_made_is_refused_unless_it_is_wanted() {
    let (home, file) = home();
    let (other, forged) = self::home();
    let forged = forged.to_str().unwrap();
    other.run(&["backup", "create", forged, "--without-key"]).fine();
    home.run(&["backup", "verify", forged]).refused(1, "was not made with this key");
    home.run(&["backup", "restore", forged, "--force"]).refused(1, "was not made with this key");
    let said = home.run(&["backup", "verify", forged, "--untrusted"]).fine();
    assert!(said.contains("who made it was not checked"), "{said}");
    // With no key at all nobody can tell.
    let third = Home::empty();
    third.run(&["backup", "restore", forged]).refused(1, "nobody can tell");
    home.run(&["backup", "create", file.to_str().unwrap(), "--without-key"]).fine();
    home.run(&["backup", "verify", file.to_str().unwrap()]).fine();
}

#[test]
fn a_home_keeps_its_install_name_whatever_is_restored_into_it() {
    let (original, file) = home();
    let name = |home: &Home| home.store().setting("install").unwrap().unwrap();
    let theirs = name(&original);
    let path = file.to_str().unwrap();
    original.run(&["backup", "create", path, "--without-key"]).fine();
    let home = Home::new();
    let own = name(&home);
    home.run(&["backup", "restore", path, "--untrusted", "--force"]).fine();
    assert_eq!(name(&home), own);
    let beside = Home::empty();
    beside.run(&["backup", "restore", path, "--untrusted"]).fine();
    assert!(![own, theirs].contains(&name(&beside)));
}

#[test]
fn a_backup_that_comes_through_a_pipe_is_not_called_damaged() {
    let (home, file) = home();
    create(&home, &file);
    let bytes = fs::read(&file).unwrap();
    home.feed(&["backup", "verify", "/dev/stdin"], &bytes).refused(1, "/dev/stdin is a pipe");
}

#[test]
fn a_backup_that_would_be_too_large_is_an_error_with_what_to_do() {
    let (home, file) = home();
    let path = file.to_str().unwrap();
    home.run(&["backup", "create", path, "--without-key", "--max-gb", "0"])
        .refused(1, "would be larger than");
    assert!(!file.exists());
}

#[test]
fn what_an_adapter_keeps_goes_along_and_its_ratchet_never_does() {
    let (home, file) = home();
    home.store().put_account(&store::AccountRow::new("signal", "main", NOW)).unwrap();
    let folders = Layout::new(home.path()).account("signal", "main");
    for folder in ["kept/deep", "ratchet"] {
        fs::create_dir_all(folders.join(folder)).unwrap();
    }
    fs::write(folders.join("kept/deep/note"), "remember").unwrap();
    fs::write(folders.join("ratchet/key"), "moves on").unwrap();
    symlink("note", folders.join("kept/deep/link")).unwrap();
    // A database with a journal that nobody has written back, as one in use has.
    let state = folders.join("kept/state.db");
    let central = store::CentralStore::open(&state).unwrap();
    central.set_setting("colour", "red").unwrap();
    assert!(folders.join("kept/state.db-wal").exists());
    create(&home, &file);
    drop(central);
    let target = file.to_str().unwrap();
    let back = home.0.path().join("back");
    let restored = home.feed(
        &["--home", back.to_str().unwrap(), "backup", "restore", target, "--passphrase-stdin"],
        PHRASE,
    );
    let said = restored.fine();
    assert!(said.contains("channels/signal/main/ratchet"), "{said}");
    assert!(said.contains("link the account again"), "{said}");
    assert!(said.contains("channels/signal/main/kept/deep/link"), "{said}");
    let folders = Layout::new(&back).account("signal", "main");
    assert_eq!(fs::read_to_string(folders.join("kept/deep/note")).unwrap(), "remember");
    assert!(!folders.join("ratchet").exists() && !folders.join("kept/state.db-wal").exists());
    let state = store::CentralStore::open(&folders.join("kept/state.db")).unwrap();
    assert_eq!(state.setting("colour").unwrap().as_deref(), Some("red"));
}
