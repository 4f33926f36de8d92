//! The central database on a real file.

mod chats;
mod heard;
mod migration;
mod pairing;
mod people;
mod wirings;

use domain::AgentName;
use domain::agent::{AdminScope, AgentGroup};
use domain::message::{Address, ChatInfo};
use domain::people::Handle;
use domain::sealed::SealedRow;
use domain::session_key::{ChatId, SessionKey};
use domain::time::Timestamp;

use super::*;
use crate::step::atomically;

const NOW: Timestamp = Timestamp(1_000);

fn store() -> (tempfile::TempDir, CentralStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    (dir, store)
}

/// A store with these agents.
fn store_with(agents: &[&str]) -> (tempfile::TempDir, CentralStore) {
    let (dir, store) = store();
    for name in agents {
        assert!(store.add_agent(&AgentGroup::new(agent(name))).unwrap());
    }
    (dir, store)
}

/// The agents that a chat is wired to, by name.
fn wired(store: &CentralStore, at: &Address) -> Vec<AgentName> {
    let chat = store.chat(at).unwrap();
    let all = chat.map(|it| store.wirings_of(it.id).unwrap()).unwrap_or_default();
    all.into_iter().map(|it| it.wiring.agent).collect()
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn andy() -> AgentGroup {
    AgentGroup::new(agent("andy"))
}

fn at(channel: &str, chat: &str) -> Address {
    Address { channel: channel.into(), account: "main".into(), chat: chat.into(), thread: None }
}

fn chat(name: &str) -> Address {
    at("cli", name)
}

fn group(title: &str) -> ChatInfo {
    ChatInfo { title: title.into(), is_group: true }
}

fn telegram(id: &str) -> Handle {
    Handle::new("telegram", id)
}

#[test]
fn a_removed_agent_comes_back_as_it_was() {
    let (_dir, store) = store();
    let mut agent = andy();
    assert!(store.add_agent(&agent).unwrap());
    assert!(!store.add_agent(&agent).unwrap(), "there already");
    agent.model = Some("opus".into());
    agent.trigger = Some("hey".into());
    agent.admin_scope = AdminScope::All;
    assert!(store.set_agent(&agent).unwrap());
    assert!(store.remove_agent(&agent.name, Timestamp(2)).unwrap());
    assert_eq!(store.agents().unwrap(), []);
    assert!(store.add_agent(&andy()).unwrap());
    assert_eq!(store.agents().unwrap(), [agent]);
}

#[test]
fn a_chat_has_one_session_per_agent() {
    let (_dir, mut store) = store();
    let agent = andy();
    store.add_agent(&agent).unwrap();
    store.wire(&chat("a"), &agent.name, Timestamp(1)).unwrap();
    store.wire(&chat("a"), &agent.name, Timestamp(2)).unwrap();
    assert_eq!(wired(&store, &chat("a")), std::slice::from_ref(&agent.name));
    let first = store.create_session(&chat("a"), &agent.name, Timestamp(1)).unwrap();
    assert_eq!(store.create_session(&chat("a"), &agent.name, Timestamp(2)).unwrap(), first);
    assert_eq!(store.session(first).unwrap().unwrap().chat, Some(chat("a")));
    assert!(store.create_session(&chat("b"), &agent.name, Timestamp(1)).is_err(), "not known");
}

#[test]
fn every_key_has_one_session_of_its_own() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let a = store.ensure_chat(&chat("a"), &ChatInfo::default(), None, NOW).unwrap().id;
    let b = store.ensure_chat(&chat("b"), &ChatInfo::default(), None, NOW).unwrap().id;
    let key = |name, chat: Option<ChatId>, thread: Option<&str>| SessionKey {
        agent: agent(name),
        chat,
        thread: thread.map(Into::into),
    };
    let keys = [
        key("andy", Some(a), None),
        key("andy", Some(a), Some("t")),
        key("andy", Some(b), None),
        key("andy", None, None),
        key("ben", Some(a), None),
        key("ben", None, None),
    ];
    let rows: Vec<SessionRow> = keys.iter().map(|it| store.session_for(it, NOW).unwrap()).collect();
    assert_eq!(store.session_count().unwrap(), 6);
    for (key, row) in keys.iter().zip(&rows) {
        assert_eq!(store.session_for(key, NOW).unwrap(), *row);
        assert_eq!(store.session(row.id).unwrap().as_ref(), Some(row));
    }
    assert_eq!(store.session_count().unwrap(), 6);
    assert_eq!((&rows[1].chat, rows[1].thread.as_deref()), (&Some(chat("a")), Some("t")));
    assert_eq!((&rows[3].chat, &rows[3].thread), (&None, &None));
    assert_eq!(store.sessions_in_chat(a).unwrap().len(), 3);

    let wake = "UPDATE session SET awake = 1 WHERE id = ?1";
    store.conn.execute(wake, [rows[3].id.0]).unwrap();
    assert_eq!(store.awake().unwrap(), rows[3..4]);
    assert_eq!(store.awake_session(rows[3].id).unwrap().as_ref(), Some(&rows[3]));
    assert_eq!(store.awake_session(rows[2].id).unwrap(), None);
}

fn sealed(name: &str, byte: u8) -> SealedRow {
    let (kind, base_url) = ("channel-field".into(), String::new());
    SealedRow { name: name.into(), kind, base_url, sealed: vec![byte], created_at: NOW }
}

#[test]
fn an_account_keeps_its_cursor_while_it_is_the_same_on_its_platform() {
    let (_dir, mut store) = store();
    let mut account = AccountRow::new("telegram", "main", NOW);
    account.urls.insert("api".into(), "http://127.0.0.1:1".into());
    account.fields.insert("server".into(), "x".into());
    assert!(store.put_account(&account).unwrap());
    assert_eq!(store.accounts().unwrap(), std::slice::from_ref(&account));
    store.set_cursor("telegram", "main", "99", 1).unwrap();
    store.set_cursor("cli", "local", "1", 0).unwrap();
    assert!(!store.meet_account("telegram", "main", "7", "@bot").unwrap());
    store.put_on_shelf("telegram", "main", "k", Some("v")).unwrap().unwrap();

    // Nobody said who it is now: the platform will.
    account.urls.clear();
    assert!(!store.put_account(&account).unwrap(), "there already");
    let known = store.account("telegram", "main").unwrap().unwrap();
    assert!(account.renewed_at < known.renewed_at, "at the same instant");
    assert_eq!((known.me_name.as_str(), known.urls.len()), ("@bot", 0));
    assert!(!store.meet_account("telegram", "main", "7", "@renamed").unwrap());
    let kept = |store: &CentralStore| {
        let (cursor, _) = store.cursor("telegram", "main").unwrap().unwrap();
        (cursor, store.on_shelf("telegram", "main", "k").unwrap())
    };
    assert_eq!(kept(&store), (Some("99".into()), Some("v".into())));
    assert!(store.meet_account("telegram", "main", "8", "@other").unwrap());
    assert_eq!(kept(&store), (None, None));
    store.set_cursor("telegram", "main", "100", 1).unwrap();
    assert_eq!(kept(&store).0, None, "what the former one read says nothing about this one");
    store.set_cursor("telegram", "main", "5", 2).unwrap();
    assert_eq!(kept(&store).0.as_deref(), Some("5"));
    account.me_id = "9".into();
    store.put_account(&account).unwrap();
    assert_eq!(kept(&store).0, None, "it is another one");

    assert!(store.remove_account("telegram", "main").unwrap());
    assert!(!store.remove_account("telegram", "main").unwrap());
    store.put_account(&account).unwrap();
    store.set_cursor("telegram", "main", "6", 3).unwrap();
    assert_eq!(kept(&store).0, None, "one that was removed and added again starts over too");
    store.remove_account("telegram", "main").unwrap();
    assert_eq!(store.cursor("cli", "local").unwrap().unwrap().0.as_deref(), Some("1"));
    assert!(!store.meet_account("telegram", "main", "9", "x").unwrap(), "it is gone");
}

#[test]
fn secrets_belong_to_one_account_and_an_outdated_connection_renews_none() {
    let (_dir, mut store) = store();
    store.put_account(&AccountRow::new("telegram", "main", NOW)).unwrap();
    for name in ["channel/telegram/main/token", "channel/telegram/main2/token", "anthropic"] {
        store.put_secret(&sealed(name, 1)).unwrap();
    }
    let (account, secrets) = store.sealed_account("telegram", "main").unwrap().unwrap();
    assert_eq!(secrets, [sealed("channel/telegram/main/token", 1)]);
    let renewed = sealed("channel/telegram/main/token", 2);
    let since = account.renewed_at;
    assert!(store.renew_secret("telegram", "main", since, &renewed).unwrap());
    assert_eq!(store.account_secrets("telegram", "main").unwrap(), [renewed]);
    store.put_account(&account).unwrap();
    let late = sealed("channel/telegram/main/token", 3);
    assert!(!store.renew_secret("telegram", "main", since, &late).unwrap());
    assert_eq!(store.account_secrets("telegram", "main").unwrap()[0].sealed, [2]);
    store.remove_account("telegram", "main").unwrap();
    assert!(!store.renew_secret("telegram", "main", since, &late).unwrap());
    let left: Vec<String> = store.secrets().unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(left, ["anthropic", "channel/telegram/main2/token"]);
}

#[test]
fn a_shelf_is_bounded_and_belongs_to_an_account() {
    let (_dir, mut store) = store();
    let mut put =
        |key: &str, value: Option<&str>| store.put_on_shelf("x", "main", key, value).unwrap();
    put("k", Some("v")).unwrap_err();
    put("k", None).unwrap();
    drop(store);
    let (_dir, mut store) = self::store();
    store.put_account(&AccountRow::new("x", "main", NOW)).unwrap();
    let mut put =
        |key: &str, value: Option<&str>| store.put_on_shelf("x", "main", key, value).unwrap();
    put(&"k".repeat(200), Some(&"v".repeat(64 * 1024))).unwrap();
    put(&"k".repeat(201), Some("v")).unwrap_err();
    put("k", Some(&"v".repeat(64 * 1024 + 1))).unwrap_err();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        INSERT INTO shelf SELECT 'x', 'main', CAST(i AS TEXT), 'v' FROM n";
    store.conn.execute(many, []).unwrap();
    let mut put =
        |key: &str, value: Option<&str>| store.put_on_shelf("x", "main", key, value).unwrap();
    assert!(put("k", Some("v")).unwrap_err().contains("10000"));
    put("1", Some("w")).unwrap();
    put("2", None).unwrap();
    put("k", Some("v")).unwrap();
    assert_eq!(store.on_shelf("x", "main", "1").unwrap().as_deref(), Some("w"));
    assert_eq!(store.on_shelf("x", "main", "2").unwrap(), None);
}

#[test]
fn dropped_messages_are_counted_by_sender_chat_and_reason() {
    let (_dir, mut store) = store();
    let eve = domain::message::Author::new("66", "Eve");
    let mut record = |chat: &str, reason: &str, now: i64| {
        store.record_drop(&at("telegram", chat), &eve, reason, Timestamp(now)).unwrap()
    };
    assert!(record("1", "unknown-strict", 1));
    assert!(!record("1", "unknown-strict", 2));
    assert!(record("1", "not-called", 3));
    assert!(record("2", "unknown-strict", 4));
    let rows = store.dropped().unwrap();
    let counts: Vec<(&str, u64)> = rows.iter().map(|it| (&*it.from.chat, it.count)).collect();
    assert_eq!(counts, [("2", 1), ("1", 1), ("1", 2)]);
    assert_eq!((rows[2].first_at, rows[2].last_at), (Timestamp(1), Timestamp(2)));
    assert_eq!(store.clear_dropped(Some(&at("telegram", "1"))).unwrap(), 2);
    assert_eq!(store.clear_dropped(None).unwrap(), 1);
}

#[test]
fn a_newer_database_is_refused_and_a_damaged_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("central.db");
    drop(CentralStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(CentralStore::open(&path), Err(StoreError::Newer { .. })));
    for file in ["central.db", "central.db-wal", "central.db-shm"] {
        fs::remove_file(dir.path().join(file)).ok();
    }
    fs::write(&path, "this is not a database, whatever its name says").unwrap();
    assert!(matches!(CentralStore::open(&path), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_database_whose_tables_were_made_otherwise_is_refused() {
    for made in ["PRAGMA application_id = 7", "PRAGMA application_id = 0; PRAGMA user_version = 0"]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.db");
        drop(CentralStore::open(&path).unwrap());
        drop(CentralStore::open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch(made).unwrap();
        assert!(matches!(CentralStore::open(&path), Err(StoreError::Newer { .. })), "{made}");
    }
}

#[test]
fn a_new_database_gives_nobody_the_folders_of_an_old_one() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["s1", "s7", "elsewhere"] {
        fs::create_dir_all(dir.path().join("sessions").join(name)).unwrap();
    }
    let mut store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    store.add_agent(&AgentGroup::new(agent("andy"))).unwrap();
    let key = SessionKey { agent: agent("andy"), chat: None, thread: None };
    assert_eq!(store.session_for(&key, NOW).unwrap().id, SessionId(8));
}

#[test]
fn a_step_within_another_is_undone_alone() {
    let (_dir, store) = store();
    let set = |conn: &Connection, key: &str| {
        conn.execute("INSERT INTO setting (key, value) VALUES (?1, '')", [key]).map(drop)
    };
    let done = atomically(&store.conn, |tx| {
        set(tx, "a")?;
        let undone = atomically(tx, |tx| {
            set(tx, "b")?;
            set(tx, "a")
        });
        assert!(undone.is_err(), "it is there already");
        atomically(tx, |tx| set(tx, "c"))
    });
    assert!(done.is_ok());
    let keys = ["a", "b", "c"].map(|it| store.setting(it).unwrap().is_some());
    assert_eq!(keys, [true, false, true]);
}

#[test]
fn a_log_that_somebody_reads_stays_for_the_next_time() {
    let (dir, store) = store();
    let reader = Connection::open(dir.path().join("central.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM setting").unwrap();
    store.add_agent(&andy()).unwrap();
    assert!(store.truncate_log().is_ok());
    reader.execute_batch("COMMIT").unwrap();
    assert!(store.truncate_log().is_ok());
    assert_eq!(fs::metadata(dir.path().join("central.db-wal")).unwrap().len(), 0);
}

#[test]
fn a_file_that_cannot_be_closed_to_others_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("central.db");
    assert!(keep_private(&path).is_ok(), "no log is there yet");
    // A link to itself cannot be followed.
    std::os::unix::fs::symlink("central.db-wal", dir.path().join("central.db-wal")).unwrap();
    assert!(keep_private(&path).is_err());
}

/// The locks of a process on a file go when it closes any handle of that file. Without them another
/// program that looks into the database believes that it is alone, and removes the write-ahead log.
#[cfg(target_os = "linux")]
#[test]
fn a_second_connection_takes_no_lock_of_the_first_away() {
    use std::os::unix::fs::MetadataExt;

    let (dir, first) = store_with(&["andy"]);
    let path = dir.path().join("central.db");
    let inode = format!(":{} ", fs::metadata(&path).unwrap().ino());
    // The kernel tells in pieces, and leaves lines out when others change their locks between two.
    let reads = || fs::read_to_string("/proc/locks").unwrap().contains(&inode);
    let is_locked = || (0..20).any(|_| reads());
    assert!(is_locked());
    let second = CentralStore::open(&path).unwrap();
    assert_eq!(second.agents().unwrap().len(), first.agents().unwrap().len());
    assert!(is_locked());
    drop(second);
    assert!(is_locked());
}

#[test]
fn each_agent_has_a_number_of_its_own_and_keeps_it() {
    let (_dir, store) = store_with(&["andy", "abby"]);
    let number = |name: &str| store.agent(&agent(name)).unwrap().unwrap().number;
    assert_eq!((number("andy"), number("abby")), (0, 1));
    assert!(store.remove_agent(&agent("abby"), Timestamp(1)).unwrap());
    assert!(store.add_agent(&AgentGroup::new(agent("dig"))).unwrap());
    assert!(store.add_agent(&AgentGroup::new(agent("abby"))).unwrap());
    assert_eq!((number("abby"), number("dig")), (1, 2));
    let changed =
        AgentGroup { trigger: Some("hey".into()), ..store.agent(&agent("dig")).unwrap().unwrap() };
    assert!(store.set_agent(&changed).unwrap());
    assert_eq!(number("dig"), 2);
}

#[test]
fn no_two_accounts_are_the_same_on_their_platform() {
    let (_dir, mut store) = store();
    let account = |channel: &str, name: &str, me: &str| AccountRow {
        me_id: me.to_owned(),
        ..AccountRow::new(channel, name, NOW)
    };
    for (channel, name, me) in [("telegram", "main", "7"), ("telegram", "other", "8")] {
        store.put_account(&account(channel, name, me)).unwrap();
    }
    for name in ["third", "other"] {
        let err = store.put_account(&account("telegram", name, "7")).unwrap_err();
        assert!(err.to_string().contains("telegram/main is the same account"), "{err}");
    }
    let err = store.meet_account("telegram", "other", "7", "@bot").unwrap_err();
    assert!(err.to_string().contains("telegram/main is the same account"), "{err}");
    assert_eq!(store.account("telegram", "other").unwrap().unwrap().me_id, "8", "it stays");
    for (channel, name, me) in
        [("telegram", "main", "7"), ("discord", "main", "7"), ("hook", "a", ""), ("hook", "b", "")]
    {
        store.put_account(&account(channel, name, me)).unwrap();
    }
}
