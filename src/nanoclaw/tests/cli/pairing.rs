//! Codes that let people in.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use domain::approval::{chat_options, consent_options};
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use domain::time::{Clock, SystemClock};
use store::{AccountRow, CentralStore, PairingRow, Question, QuestionKind};

use crate::Home;

fn open(store: &CentralStore) -> Vec<PairingRow> {
    store.open_pairings(SystemClock.now()).unwrap()
}

/// What the host does when the code is sent to the bot.
fn send(store: &mut CentralStore, id: &str) {
    let row = open(store).remove(0);
    let (channel, account) = ("telegram".to_owned(), "main".to_owned());
    let from = Address { channel, account, chat: id.into(), thread: None };
    let body = Body::new(Author::new(id, "Ann"), "");
    let by = Incoming { from, body, ..Incoming::default() };
    assert!(store.use_pairing(row.id, &by, SystemClock.now()).unwrap());
}

#[test]
fn the_first_code_makes_an_owner_and_the_wait_ends_with_its_use() {
    let home = Home::new();
    home.run(&["pair", "--channel", "telegram"]).refused(1, "there is no account of `telegram`");
    assert!(open(&home.store()).is_empty());
    let account = AccountRow::new("telegram", "main", SystemClock.now());
    home.store().put_account(&account).unwrap();
    let said = home.run(&["pair", "--no-wait", "--no-wire"]);
    assert!(!said.err.contains("no messenger"), "{}", said.err);
    home.store().close_pairings(None, SystemClock.now()).unwrap();
    let mut command = home.command(&["pair", "--channel", "telegram"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let mut store = home.store();
    let code = open(&store)[0].pairing.code.clone();
    assert_eq!(code.len(), 6);
    assert!(first.starts_with(&format!("send {code} to the telegram bot")), "{first}");

    send(&mut store, "7");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rest.contains("becomes owner") && rest.contains("telegram:7 is owner now"), "{rest}");
    assert!(rest.contains("connected to andy"), "{rest}");
    assert_eq!(home.run(&["chats", "list", "--json"]).json()[0]["agents"][0], "andy");
}

#[test]
fn later_codes_make_members_unless_more_is_said() {
    let home = Home::new();
    home.run(&["roles", "add", "telegram:7", "owner"]).fine();
    let said = home.run(&["pair", "--no-wait"]);
    assert!(
        said.err.contains("makes a member") && said.err.contains("no host runs"),
        "{}",
        said.err
    );
    assert!(said.err.contains("no messenger is connected yet"), "{}", said.err);
    assert!(said.fine().contains("becomes member of andy"));
    let shown = home.run(&["pair", "--role", "admin", "--no-wire", "--no-wait", "--json"]).json();
    assert_eq!((&shown["role"], shown["code"].as_str().unwrap().len()), (&"admin".into(), 6));
    let rows = open(&home.store());
    assert_eq!((rows[1].pairing.wires, &rows[1].pairing.agent), (false, &None));
    home.run(&["pair", "--agent", "eve"]).refused(1, "there is no agent `eve`");
}

#[test]
fn a_code_for_an_agent_that_others_use_says_what_it_shares_and_asks() {
    let home = Home::new();
    home.run(&["roles", "add", "telegram:7", "owner"]).fine();
    let mut store = home.store();
    let (channel, account) = ("telegram".to_owned(), "main".to_owned());
    let at = Address { channel, account, chat: "7".into(), thread: None };
    let now = SystemClock.now();
    store.ensure_chat(&at, &ChatInfo::default(), Some("7"), now).unwrap();
    home.run(&["chats", "connect", "telegram:7", "andy", "--yes"]).fine();
    let said = home.run(&["pair", "--role", "member", "--no-wait"]);
    assert!(said.err.contains("read its memory and files"), "{}", said.err);
    said.refused(1, "nobody is there to agree");
    assert!(open(&home.store()).is_empty());
    home.run(&["pair", "--role", "member", "--no-wait", "--yes"]).fine();
    home.run(&["agents", "add", "cleo"]).fine();
    home.run(&["pair", "--role", "member", "--agent", "cleo", "--no-wait"]).fine();
}

#[test]
fn an_answer_that_shares_an_agent_says_so_and_asks() {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    let mut store = home.store();
    let from = Address { channel: "telegram".into(), chat: "9".into(), ..Address::default() };
    let body = Body::new(Author::new("9", "Cleo"), "");
    let message = Incoming { from, body, platform_id: "m1".into(), ..Incoming::default() };
    let andy = domain::AgentName::parse("andy").unwrap();
    let question = Question {
        kind: QuestionKind::Chat,
        agent: None,
        chat: None,
        thread: None,
        session: None,
        requester: "telegram:9".into(),
        requester_name: "Cleo".into(),
        text: "Which one?".into(),
        options: chat_options(&[andy], &domain::AgentName::parse("cleo").unwrap()),
        payload: String::new(),
        asked_at: SystemClock.now(),
        expires_at: SystemClock.now(),
    };
    store.request_access(&question, &message, Some("9"), None::<fn(_) -> _>).unwrap();
    let shown = home.run(&["approvals", "show", "1"]).fine();
    assert!(shown.contains("  new:cleo, refuse, connect:andy\n"), "{shown}");
    for answer in ["connect:andy", "Share andy…"] {
        let said = home.run(&["approvals", "answer", "1", answer]);
        assert!(said.err.contains("Share `andy` with `Cleo`?"), "{}", said.err);
        said.refused(1, "nobody is there to agree");
    }
    let said = home.run(&["approvals", "answer", "1", "connect:andy", "--yes"]).fine();
    assert!(said.contains("Undo: `nanoclaw chats disconnect 1 andy`"), "{said}");
    home.run(&["approvals", "answer", "1", "refuse"]).refused(1, "is closed already");
}

#[test]
fn a_change_that_waits_is_shown_as_the_line_that_does_it() {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    let change = serde_json::json!({ "members": { "json": false, "operation": { "add":
        { "user": "telegram:9", "agent": "andy" } } } });
    let at = Address { channel: "telegram".into(), chat: "7".into(), ..Address::default() };
    let mut store = home.store();
    store.ensure_chat(&at, &ChatInfo::default(), Some("7"), SystemClock.now()).unwrap();
    let andy = domain::AgentName::parse("andy").unwrap();
    let session = store.create_session(&at, &andy, SystemClock.now()).unwrap();
    let question = Question {
        kind: QuestionKind::Change,
        agent: None,
        chat: None,
        thread: None,
        session: Some((session, domain::OutSeq(1))),
        requester: "telegram:7".into(),
        requester_name: "Ann".into(),
        text: "May it?".into(),
        options: consent_options(),
        payload: change.to_string(),
        asked_at: SystemClock.now(),
        expires_at: SystemClock.now(),
    };
    store.ask(&question).unwrap();
    let shown = home.run(&["approvals", "show", "1"]).fine();
    assert!(shown.contains("  members add telegram:9 andy\n"), "{shown}");
    assert_eq!(home.run(&["approvals", "show", "1", "--json"]).json()["change"], change);
    home.run(&["approvals", "answer", "1", "refuse"]).fine();
    let history = home.run(&["history"]).fine();
    assert!(history.contains("(change: telegram:7, members add telegram:9 andy)"), "{history}");
}

#[test]
fn a_code_that_was_closed_ends_the_wait() {
    let home = Home::new();
    let mut command = home.command(&["pair", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    err.read_line(&mut first).unwrap();
    assert!(first.contains("send "), "{first}");
    home.store().close_pairings(None, SystemClock.now()).unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(rest.contains("the code was closed"), "{rest}");
}

#[test]
fn shells_complete_every_command() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]).fine();
        for command in ["chats", "connect", "pair", "channels", "destinations"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    home.run(&["completions", "dos"]).refused(64, "fish");
    assert!(!home.path().exists());
}
