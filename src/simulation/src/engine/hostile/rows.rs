//! Rows as no runner writes them. The schema looks as it should afterwards, and what is in it does not.

use std::path::Path;

use domain::Incarnation;
use rusqlite::Connection;

use super::{MARK, pick};
use crate::rng::Rng;

/// As many as a flood has.
const FLOOD: u64 = 2_000;

/// A few statements.
pub(super) fn random(rng: &mut Rng, incarnation: Incarnation) -> String {
    (0..=rng.below(5)).map(|_| one(rng, incarnation)).collect()
}

fn one(rng: &mut Rng, incarnation: Incarnation) -> String {
    match rng.below(12) {
        0..5 => message(rng, incarnation),
        5..8 => claim(rng, incarnation),
        8 => wait(rng, incarnation),
        9 => "UPDATE claims SET outcome = 'answered', reply = 1;".into(),
        10 => pick(
            rng,
            &[
                "DELETE FROM messages_out;",
                "DELETE FROM claims;",
                "UPDATE messages_out SET seq = -seq;",
                "UPDATE claims SET message = message + 2;",
                "INSERT OR REPLACE INTO session_state VALUES (hex(zeroblob(9000)), 1.5);",
                "INSERT OR REPLACE INTO session_state VALUES ('continuation', x'ff00');",
                "INSERT INTO tool_calls VALUES (NULL, 'x', x'00', NULL, 7, -1, 9, 5);",
            ],
        )
        .into(),
        _ => flood(rng),
    }
}

/// What is no form, however it is read.
const BAD_FORMS: [&str; 7] = [
    "CAST(x'22ff22' AS TEXT)",
    "'{\"file\":\"' || hex(zeroblob(3000)) || '\"}'",
    "replace(hex(zeroblob(500)), '0', '[')",
    "hex(zeroblob(70000))",
    "''",
    "'{\"text\":null,\"file\":\"own\"}'",
    "'\"admin\"'",
];

fn message(rng: &mut Rng, incarnation: Incarnation) -> String {
    let seq = seq(rng);
    let to = number(rng);
    let kind = pick(rng, &["'interim'", "'answer'", "'notice'", "'dance'", "7", "x'00'"]);
    let text = pick(
        rng,
        &[
            "'words'",
            "''",
            "NULL",
            "9",
            "x'4142'",
            "CAST(x'ff' AS TEXT)",
            "hex(zeroblob(90000))",
            "hex(zeroblob(600000))",
            "char(0) || 'x'",
        ],
    );
    let text = if text == "'words'" { format!("'{MARK} words'") } else { text.to_owned() };
    let form =
        pick(rng, &["text", "text", "text", "file", "edit", "reaction", "question", "dance"]);
    let place = pick(rng, &["NULL", "NULL", "NULL", "'a'", "'owner'", "8", "hex(zeroblob(4000))"]);
    let file = pick(
        rng,
        &[
            "\"own\"",
            "\"link\"",
            "\"pipe\"",
            "\"endless\"",
            "\"folder/etc/passwd\"",
            "\"../outbound.db\"",
            "\"/\"",
            "null",
            "7",
        ],
    );
    let options =
        pick(rng, &["null", "[\"yes\",\"no\"]", "[", "7", "[\"' || hex(zeroblob(70000)) || '\"]"]);
    let target = pick(rng, &["0", "2", "4", "6", "1", "null", "-2", "9223372036854775807", "1.5"]);
    let turn = number(rng);
    let wait = pick(rng, &["null", "-1", "60", "18446744073709551615", "\"x\""]);
    let form = match form {
        "file" => format!("{{\"file\":{file}}}"),
        "edit" | "reaction" => format!("{{\"{form}\":{target}}}"),
        "question" => {
            let timeout = format!("{{\"secs\":{wait},\"nanos\":0}}");
            format!("{{\"question\":{{\"options\":{options},\"timeout\":{timeout}}}}}")
        }
        plain => format!("\"{plain}\""),
    };
    let form = match rng.below(8) {
        0 => pick(rng, &BAD_FORMS).to_owned(),
        _ => format!("'{form}'"),
    };
    format!(
        "INSERT OR IGNORE INTO messages_out VALUES
         ({seq}, {to}, {kind}, {text}, 0, {form}, {place}, {turn}, {incarnation}, 1);"
    )
}

/// Mostly the next one.
fn seq(rng: &mut Rng) -> String {
    let next = "(SELECT coalesce(max(seq), -1) + 2 FROM messages_out)";
    let odd = ["0", "-1", "2", "1000001", "9223372036854775807", "-9223372036854775808"];
    if rng.below(3) == 0 { pick(rng, &odd).to_owned() } else { next.to_owned() }
}

/// Numbers of messages are small and even, those of other sessions too.
fn number(rng: &mut Rng) -> String {
    match rng.below(6) {
        0 => pick(rng, &["NULL", "-2", "9223372036854775807", "'x'", "1.5", "x'00'"]).to_owned(),
        _ => (2 * rng.below(6)).to_string(),
    }
}

fn claim(rng: &mut Rng, incarnation: Incarnation) -> String {
    let (message, reply) = (number(rng), number(rng));
    let own = incarnation.0;
    let by = pick(rng, &[own, own, own, own + 1, 0, i64::MAX]);
    let outcome = pick(
        rng,
        &[
            "NULL",
            "'answered'",
            "'answered'",
            "'silent'",
            "'declined'",
            "'failed'",
            "'dance'",
            "7",
            "hex(zeroblob(50))",
        ],
    );
    let reason = pick(rng, &["NULL", "'because'", "hex(zeroblob(9000))", "x'ff'"]);
    format!(
        "INSERT OR REPLACE INTO claims VALUES
         ({message}, {by}, 0, {outcome}, {reason}, {reply}, -5);"
    )
}

fn wait(rng: &mut Rng, incarnation: Incarnation) -> String {
    let id = pick(rng, &["NULL", "NULL", "-1", "9223372036854775807"]);
    let message = number(rng);
    let class = pick(rng, &["'limit'", "'credit'", "'network'", "'dance'", "7"]);
    let until = pick(rng, &["NULL", "-1", "0", "1700003600000", "9223372036854775807", "'x'"]);
    format!(
        "INSERT OR IGNORE INTO waits VALUES ({id}, {message}, {incarnation}, {class}, {until});"
    )
}

fn flood(rng: &mut Rng) -> String {
    let most = if rng.below(8) == 0 { FLOOD } else { 40 };
    let rows = 1 + rng.below(most);
    let claims = rng.below(2) * rows;
    format!(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows})
         INSERT OR IGNORE INTO messages_out (seq, in_reply_to, kind, text, created_at)
         SELECT coalesce((SELECT max(seq) FROM messages_out), -1) + 2 * x, 2, 'interim',
                '{MARK} flood ' || x, 0 FROM n;
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {claims})
         INSERT OR IGNORE INTO claims SELECT x, 1, 0, NULL, NULL, NULL, NULL FROM n;"
    )
}

/// Runs SQL in a database, with no constraint in force, and leaves the schema as it was.
pub(super) fn forge(path: &Path, sql: &str) -> rusqlite::Result<()> {
    let conn = Connection::open(path)?;
    let version: i64 = conn.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    let schema: Vec<(String, String)> = conn
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    drop(conn);
    edit(path, &schema, version + 1, |text| {
        text.replace("STRICT", "")
            .replace("NOT NULL", "")
            .replace(") ,", ")")
            .replace("CHECK (", "CHECK (1 OR ")
    })?;
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "ignore_check_constraints", true)?;
    let done = conn.execute_batch(sql);
    drop(conn);
    edit(path, &schema, version + 2, str::to_owned)?;
    done
}

fn edit(
    path: &Path,
    schema: &[(String, String)],
    version: i64,
    to: impl Fn(&str) -> String,
) -> rusqlite::Result<()> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "writable_schema", true)?;
    for (name, sql) in schema {
        conn.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", (name, to(sql)))?;
    }
    conn.pragma_update(None, "schema_version", version)
}
