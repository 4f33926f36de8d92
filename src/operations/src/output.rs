//! What an operation gives back.

use std::fmt::Display;

use chrono::DateTime;
use domain::plain::{cut, one_line};
use domain::time::Timestamp;
use schedule::{Zone, local};
use serde_json::Value;
use store::StoreError;

/// What doing an operation, or a part of it, comes to.
pub type Result<T = Output, E = OperationError> = std::result::Result<T, E>;

/// A result, for people and for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub text: String,
    pub json: Value,
    /// What can be done next, or how to undo it.
    pub hint: Option<String>,
}

impl Output {
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, hint: None }
    }

    /// A list. People see the fields that `keys` names, in columns, or a sentence where there is
    /// nothing to show; `key=label` calls one otherwise.
    pub fn list(all: Vec<Value>, keys: &str, none: &str) -> Self {
        let head = fields(keys).map(|it| it.1.to_uppercase()).collect();
        let row = |value: &Value| fields(keys).map(|it| shown(value, it.0)).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.iter().map(row)).collect();
        let text = if all.is_empty() { none.to_owned() } else { table(&rows) };
        Self::new(text, Value::Array(all))
    }

    /// One thing. People see the fields that `keys` names, as for [`Self::list`], a line each.
    pub fn record(json: Value, keys: &str) -> Self {
        let rows: Vec<Vec<String>> =
            fields(keys).map(|(key, label)| vec![label, shown(&json, key)]).collect();
        Self::new(table(&rows), json)
    }

    /// People read the instants of `json` on the clock of this zone.
    pub fn in_zone(mut self, zone: &Zone) -> Self {
        let one = std::slice::from_ref(&self.json);
        let fields = self.json.as_array().map_or(one, Vec::as_slice).iter();
        for (key, value) in fields.filter_map(Value::as_object).flatten() {
            let text = value.as_str().filter(|_| key.ends_with("_at")).unwrap_or_default();
            if let Ok(at) = DateTime::parse_from_rfc3339(text) {
                let at = Timestamp(at.timestamp_millis());
                self.text = self.text.replace(text, &local(at, zone));
            }
        }
        self
    }

    /// All of it in one text: as JSON, or for people with the hint.
    pub fn render(&self, as_json: bool) -> String {
        match (as_json, &self.hint) {
            (true, _) => format!("{:#}", self.json),
            (false, Some(hint)) => format!("{}\nhint: {hint}", self.text),
            (false, None) => self.text.clone(),
        }
    }

    /// `line` brings back what was before.
    pub fn undo(self, line: impl Display) -> Self {
        self.hint(format!("undo with `nanoclaw {line}`"))
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Why an operation was not done, sorted by what to do.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// Say another name. Also for what the caller may not see.
    #[error("{what}")]
    NotFound { what: String, hint: String },
    /// Say it differently, do something else first, or ask somebody who may.
    #[error("{what}")]
    Refused { what: String, hint: String },
    /// Try again; the error says more.
    #[error("the change could not be stored, or something not be read")]
    Store(#[from] StoreError),
}

impl OperationError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { hint, .. } | Self::Refused { hint, .. } => Some(hint),
            Self::Store(_) => None,
        }
    }
}

/// An error of another crate, which says what is wrong, with what to do about it.
pub(crate) trait OrRefuse<T> {
    fn or_refuse(self, hint: &str) -> Result<T>;
}

impl<T, E: Display> OrRefuse<T> for Result<T, E> {
    fn or_refuse(self, hint: &str) -> Result<T> {
        self.map_err(|err| refused(err.to_string(), hint))
    }
}

pub(crate) fn not_found(what: impl Into<String>, hint: impl Into<String>) -> OperationError {
    OperationError::NotFound { what: what.into(), hint: hint.into() }
}

pub(crate) fn refused(what: impl Into<String>, hint: impl Into<String>) -> OperationError {
    OperationError::Refused { what: what.into(), hint: hint.into() }
}

/// Characters of a cell that a list shows; a name may be of any length. All of it is in `--json`.
const CELL_CHARS_MAX: usize = 60;

/// Rows in columns as wide as their widest cell, the last one open. Long cells are cut, but for the last
/// one of a row with all columns. A terminal executes nothing in them: unknown users choose their
/// names.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let shown = |(at, cell): (usize, &String)| match one_line(cell) {
        last if at + 1 == columns => last,
        cell => cut(&cell, CELL_CHARS_MAX),
    };
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().enumerate().map(shown).collect()).collect();
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let width = |at: usize| cells(at).map(|it| it.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Units that end the names of fields, and how people write them.
const UNITS: [(&str, &str); 2] = [("_mib", " MiB"), ("_gib", " GiB")];

/// The fields that `keys` names, and what people call them.
fn fields(keys: &str) -> impl Iterator<Item = (&str, String)> {
    keys.split(' ').map(|field| {
        let (key, name) = field.split_once('=').unwrap_or((field, field));
        (key, label(name))
    })
}

/// The name of a field as people read it.
pub(crate) fn label(key: &str) -> String {
    let unit = UNITS.iter().find_map(|it| key.strip_suffix(it.0));
    unit.unwrap_or(key).replace('_', " ")
}

/// The value of a field as people read it, with its unit.
pub(crate) fn shown(value: &Value, key: &str) -> String {
    let unit = UNITS.iter().find(|it| key.ends_with(it.0)).map_or("", |it| it.1);
    format!("{}{unit}", plain(&value[key]))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => joined(all.iter().map(plain)),
        Value::Object(all) => {
            joined(all.iter().map(|(key, value)| format!("{key}={}", plain(value))))
        }
        Value::Number(_) => value.to_string(),
    }
}

/// Names, one after the other; a dash where there is none.
pub(crate) fn joined(names: impl IntoIterator<Item = impl ToString>) -> String {
    let all: Vec<String> = names.into_iter().map(|it| it.to_string()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// An instant as programs read it, in UTC.
pub fn instant(at: Timestamp) -> String {
    let at = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_times_in_their_zone_and_programs_in_utc() {
        let row = serde_json::json!({ "name": "x", "asked_at": instant(Timestamp(0)) });
        let output = Output::list(vec![row], "name asked_at", "none");
        let output = output.in_zone(&Zone::parse("Asia/Tokyo").unwrap());
        assert!(output.text.ends_with("Thu 1 Jan 1970 09:00 JST"), "{}", output.text);
        assert_eq!(output.json[0]["asked_at"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn columns_line_up() {
        let rows = [["a", "long one", "x"], ["bbb", "c", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "a    long one  x\nbbb  c");
    }

    #[test]
    fn an_object_is_shown_by_its_fields() {
        let row = serde_json::json!({ "name": "x", "none": {}, "urls": { "api": "https://x" } });
        assert_eq!(Output::record(row, "none urls").text, "none  -\nurls  api=https://x");
    }

    #[test]
    fn a_name_gives_a_terminal_no_orders() {
        let rows = [vec!["e\x1b[31mX\x07".to_owned(), "two\nlines".to_owned()]];
        assert_eq!(table(&rows), "e [31mX  two lines");
    }

    #[test]
    fn a_long_name_is_cut_and_widens_no_list() {
        let name = "n".repeat(4_000);
        let rows = [vec![name.clone(), "x".to_owned()], vec!["a".to_owned(), name.clone()]];
        let shown = table(&rows);
        let first = format!("{}…  x", "n".repeat(CELL_CHARS_MAX - 1));
        assert_eq!(shown.lines().next(), Some(first.as_str()));
        assert!(shown.ends_with(&name), "the last column is open");
    }

    #[test]
    fn an_instant_is_written_in_utc() {
        assert_eq!(instant(Timestamp(86_400_000)), "1970-01-02T00:00:00Z");
    }
}
