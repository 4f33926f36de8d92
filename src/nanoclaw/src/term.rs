//! The one place that writes to the terminal. A command whose result cannot be written goes on, so that
//! no work is cut in half, but exits as failed ([`has_failed`]).

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use domain::plain::{for_a_terminal, is_invisible};

use crate::error::{fail, hint_of, lines};

const UNREAD: &str = "the terminal could not be read";

static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Whether a part of the result could not be written. Nobody reads the rest either.
pub(crate) fn has_failed() -> bool {
    HAS_FAILED.load(Ordering::Relaxed)
}

/// One line of a result; texts of others in it give no orders to the terminal.
pub(crate) fn out(line: &str) {
    out_piece(&format!("{}\n", for_a_terminal(line)));
}

fn written(result: io::Result<()>) {
    if let Err(err) = result
        && !HAS_FAILED.swap(true, Ordering::Relaxed)
        && err.kind() != io::ErrorKind::BrokenPipe
    {
        note(&format!("error: the result could not be written: {err}"));
    }
}

/// A piece of a result, without a line end.
pub(crate) fn out_piece(text: &str) {
    let mut to = io::stdout().lock();
    written(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}

/// One line that belongs to no result of this command, and must not be lost either.
pub(crate) fn aside(line: &str) {
    written(writeln!(io::stderr().lock(), "{}", for_a_terminal(line)));
}

/// One line about what is going on.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", for_a_terminal(line));
}

/// A piece of a line about what is going on. The standard error is not buffered.
fn note_piece(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Overwrites the line that says what is going on, where that can be done; returns whether it can.
pub(crate) fn rewrite(line: &str) -> bool {
    let is_seen = notes_are_seen();
    if is_seen {
        note_piece(&format!("\r\x1b[K{line}"));
    }
    is_seen
}

/// Whether somebody sees [`note`] on a terminal, where lines can be overwritten.
pub(crate) fn notes_are_seen() -> bool {
    io::stderr().is_terminal()
}

/// Whether somebody sits there who can be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

pub(crate) fn error(err: &anyhow::Error) {
    let mut all = lines(err).into_iter();
    note(&format!("error: {}", all.next().unwrap_or_default()));
    for cause in all {
        note(&format!("  because: {cause}"));
    }
    note(&format!("hint: {}", hint_of(err).unwrap_or("`nanoclaw doctor` checks everything")));
}

pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    out_piece(&format!("{}\n", escaped(&serde_json::to_string_pretty(value)?)));
    Ok(())
}

/// The same JSON, with what a terminal must not get escaped: JSON itself leaves control characters from
/// U+007F on and those that nobody sees as they are.
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if (c.is_control() && c != '\n') || is_invisible(c) {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            safe.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Asks a question that is answered with yes or no; an empty answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    note_piece(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks for a line, which is shown as it is typed.
pub(crate) fn ask(question: &str) -> anyhow::Result<String> {
    note_piece(question);
    let mut line = String::new();
    match io::stdin().read_line(&mut line).context(UNREAD)? {
        0 => Err(fail("nothing was typed", "run it again")),
        _ => Ok(line.trim().to_owned()),
    }
}

/// The same, and nothing is shown.
pub(crate) fn ask_unseen(question: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(question).context(UNREAD)
}

/// Shows lines in the place of `former` ones that were shown last; returns how many they are.
pub(crate) fn redraw(lines: &[String], former: usize) -> usize {
    if former != 0 && notes_are_seen() {
        note_piece(&format!("\x1b[{former}A\x1b[J"));
    }
    note_piece(&format!("{}\n", lines.join("\n")));
    lines.len()
}

/// Shows what will be done and asks whether it may be, unless `yes` says so already.
pub(crate) fn agree(what: &str, yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    note(what);
    match is_interactive() {
        false => Err(fail("nobody is there to agree to it", "say --yes if you agree")),
        true if confirm(question) => Ok(()),
        true => Err(fail("nothing was changed", "answer y to go on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_gives_a_terminal_no_orders_and_stays_the_same() {
        let json = "{\n  \"é\": \"\u{9b}2J \u{202e}x\u{200b}\u{e0041}\u{7f}\"\n}";
        let safe = escaped(json);
        let text = r"\u009b2J \u202ex\u200b\udb40\udc41\u007f";
        assert_eq!(safe, format!("{{\n  \"é\": \"{text}\"\n}}"));
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&safe), parsed(json));
    }
}
