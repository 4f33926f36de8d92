//! No statement of the host reads a table that grows from end to end.
//!
//! The statements come from the sources, so that a new one is checked without being listed. SQLite
//! collects no statistics here, so a plan doesn't depend on what a database holds.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use self::sources::sources;
use crate::CentralStore;

mod sources;

/// Tables that grow with use, apart from settings that people make.
const GROWING: [&str; 14] = [
    "message",
    "part",
    "request",
    "launch",
    "attachment",
    "session",
    "question",
    "fire",
    "task",
    "dropped",
    "event",
    "question_card",
    "pending_message",
    "spool",
];

/// Partial indexes that hold what is open at present; the history isn't in them.
const OF_OPEN_ROWS: [&str; 13] = [
    "fire_fired",
    "fire_open",
    "fire_running",
    "message_waiting",
    "part_chat",
    "part_held",
    "part_open",
    "part_unreported",
    "pending_message_due",
    "question_unsettled",
    "session_awake",
    "spool_waiting",
    "task_heartbeat",
];

/// Statements that may read a whole table, by words of theirs, and why.
const MAY_SCAN: [(&str, &str); 14] = [
    (
        "FROM dropped\n                                ORDER BY last_at DESC LIMIT -1",
        "keeps a table short: 5,000 rows",
    ),
    ("FROM dropped ORDER BY last_at DESC, channel", "a list for a command, of 5,000 rows at most"),
    ("UPDATE session SET awake = 1", "a restore has every session look, while no host runs"),
    (
        "settled_at IS NOT NULL FROM question ORDER BY",
        "a list for a command; settled ones are pruned",
    ),
    ("m.id = s.messaging_group ORDER BY s.id", "every session for a command, `doctor` or a check"),
    ("SELECT count(*) FROM session", "a count for `status`"),
    ("next_at FROM task ORDER BY id", "`doctor` and lists of commands"),
    ("SELECT id FROM session ORDER BY id", "a backup copies the files of each session"),
    ("WHERE 1 ORDER BY p.id DESC LIMIT", "ends after the newest thousand"),
    ("by, detail FROM event WHERE", "the newest that were asked for, for a command"),
    ("FROM event WHERE kind = 'refused'", "a sum for `status`; one row for each hour and session"),
    ("state = 'dead' AND unreported IS NOT NULL", "a list for a command, read beside the writer"),
    ("FROM message WHERE kind <> 'context' ORDER BY id DESC LIMIT 1", "ends at the newest"),
    ("INSERT INTO agent_group", "a command makes an agent; its foreign keys are looked at"),
];

/// What a placeholder of a composed statement stands for, where it is no constant.
/// `""` is a `{}`.
const COMPOSED: [(&str, &str, &[&str]); 12] = [
    ("central/access.rs", "", &["too-many-requests"]),
    ("central/events.rs", "which", &["true", "kind IN ('change', 'stop')"]),
    ("central/lanes.rs", "which", &["", "AND chat = ?3"]),
    (
        "central/questions.rs",
        "filter",
        &[
            "WHERE settled_at IS NULL ORDER BY asked_at, id",
            "ORDER BY settled_at IS NOT NULL, asked_at DESC, id LIMIT 100",
            "WHERE id = ?1",
            "WHERE id IN (SELECT question FROM question_card
                 WHERE channel = ?1 AND account = ?2 AND chat = ?3)
               AND (settled_at IS NULL OR ?4 <= settled_at)
             ORDER BY asked_at DESC, id",
        ],
    ),
    (
        "central/sessions.rs",
        "index",
        &["session_awake_pruned WHERE awake = 1", "session_pruned WHERE true"],
    ),
    (
        "reading.rs",
        "which",
        &[
            "state NOT IN ('sent', 'dead') OR (state = 'dead' AND unreported IS NOT NULL)",
            "state = 'dead' AND unreported IS NOT NULL",
            "1",
            "p.session = ?1 AND key = ?2",
            "platform_id = ?1",
            "p.session = ?1 AND (cause = ?2 OR (?3 IS NOT NULL AND out_seq = ?3))",
        ],
    ),
    // See `rows.rs` for which they are.
    ("outbound.rs", "columns", &["*"]),
    ("outbound.rs", "outcome", &["outcome"]),
    ("outbound.rs", "reason", &["reason"]),
    ("outbound.rs", "class", &["class"]),
    ("outbound/checked.rs", "columns", &["*"]),
    ("outbound.rs", "name", &["name"]),
];

#[test]
fn no_statement_scans_a_table_that_grows() {
    let dir = tempfile::tempdir().unwrap();
    let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
    let (inbound, outbound) = (schema("inbound"), schema("outbound"));
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut wrong = Vec::new();
    let mut unused: Vec<&str> = MAY_SCAN.iter().map(|it| it.0).collect();
    let mut count = 0;
    for source in &sources {
        for sql in source.statements(&sources, &COMPOSED) {
            count += 1;
            let of = &source.name;
            let is_central = central.conn.prepare(&sql).is_ok();
            if !is_central && inbound.prepare(&sql).is_err() && outbound.prepare(&sql).is_err() {
                wrong.push(format!("{of}: this cannot be prepared\n    {sql}"));
            }
            let found = if is_central { scans(&central.conn, &sql) } else { Vec::new() };
            if !found.is_empty() && MAY_SCAN.iter().any(|it| sql.contains(it.0)) {
                unused.retain(|it| !sql.contains(it));
                continue;
            }
            wrong.extend(found.into_iter().map(|it| format!("{of}: {it}\n    {sql}")));
        }
    }
    assert!(count > 280, "only {count} statements were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "these scan nothing, so take them out of MAY_SCAN: {unused:#?}");
}

fn schema(name: &str) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(name);
    conn.execute_batch(&fs::read_to_string(path.join("0001_start.sql")).unwrap()).unwrap();
    conn
}

/// Lines of the plan that read all of something.
fn scans(conn: &Connection, sql: &str) -> Vec<String> {
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = plan.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let line: String = row.get(3).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        // A kind of events alone is most of them.
        if line.ends_with("event_about (kind=?)") {
            found.push(line);
            continue;
        }
        let ["SCAN", name, rest @ ..] = &words[..] else { continue };
        let is_open = rest.last().is_some_and(|index| OF_OPEN_ROWS.contains(index));
        if !is_open && GROWING.iter().any(|table| is_called(sql, table, name)) {
            found.push(line);
        }
    }
    found
}

/// Whether a statement calls a table so.
fn is_called(sql: &str, table: &str, name: &str) -> bool {
    let mut before = "";
    let words = sql.split(|it: char| !it.is_alphanumeric() && it != '_');
    words.filter(|it| !it.is_empty()).any(|word| {
        let is_alias = before == table && word == name;
        before = word;
        is_alias
    }) || name == table
}
