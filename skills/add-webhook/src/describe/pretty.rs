//! The beginning of a JSON value, written for reading.

use std::io;

use serde_json::Value;

#[derive(Debug)]
pub(super) struct Pretty {
    pub(super) text: String,
    /// Bytes that are missing at the end.
    pub(super) cut: usize,
}

pub(super) fn pretty(value: &Value, bytes_max: usize) -> Pretty {
    let mut beginning = Beginning { kept: Vec::new(), bytes_max, written: 0 };
    // Neither the value nor the writer can fail.
    let _ = serde_json::to_writer_pretty(&mut beginning, value);
    let Beginning { mut kept, written, .. } = beginning;
    // A character that was cut in two goes as a whole.
    kept.truncate(kept.utf8_chunks().next().map_or(0, |it| it.valid().len()));
    let cut = written - kept.len();
    Pretty { text: String::from_utf8_lossy(&kept).into_owned(), cut }
}

/// Takes away what GitHub says of its API beside every object and what would fill the page before
/// the event is told. Says whether there was any.
pub(super) fn drop_links(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let before = fields.len();
            fields
                .retain(|key, _| key != "_links" && (!key.ends_with("_url") || key == "html_url"));
            let mut any = fields.len() < before;
            for field in fields.values_mut() {
                any |= drop_links(field);
            }
            any
        }
        Value::Array(items) => {
            let mut any = false;
            for item in items {
                any |= drop_links(item);
            }
            any
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Counts everything and keeps the beginning: indentation can make much of a small body.
#[derive(Debug)]
struct Beginning {
    kept: Vec<u8>,
    bytes_max: usize,
    written: usize,
}

impl io::Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
