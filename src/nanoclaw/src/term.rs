//! The one place that writes to the terminal. A result that cannot be written ends the command as
//! failed: what was not shown is not acknowledged.

use std::io::{self, IsTerminal, Write};

pub(crate) use verbs::table;

use crate::error::{fail, hint_of, lines};

/// One line of a result.
pub(crate) fn out(line: &str) {
    let mut to = io::stdout().lock();
    written(writeln!(to, "{line}").and_then(|()| to.flush()));
}

fn written(result: io::Result<()>) {
    if let Err(err) = result {
        if err.kind() != io::ErrorKind::BrokenPipe {
            note(&format!("error: the result could not be written: {err}"));
        }
        std::process::exit(1);
    }
}

/// A piece of a result, without a line end.
pub(crate) fn out_piece(text: &str) {
    let mut to = io::stdout().lock();
    written(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}

/// One line about what is going on.
pub(crate) fn note(line: &str) {
    let mut to = io::stderr().lock();
    let _ = writeln!(to, "{line}");
}

/// A piece of a line about what is going on.
pub(crate) fn note_piece(text: &str) {
    let mut to = io::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Whether somebody sees [`note`] on a terminal, where lines can be overwritten.
pub(crate) fn notes_are_seen() -> bool {
    io::stderr().is_terminal()
}

/// Whether somebody sits there who can be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// An error as people read it.
pub(crate) fn error(err: &anyhow::Error) {
    let mut all = lines(err).into_iter();
    note(&format!("error: {}", all.next().unwrap_or_default()));
    for cause in all {
        note(&format!("  because: {cause}"));
    }
    note(&format!("hint: {}", hint_of(err).unwrap_or("`nanoclaw doctor` checks everything")));
}

/// A value as indented JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    out(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Asks a question that is answered with yes or no; an empty answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    note_piece(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Shows what will be shared and asks whether it may be, unless `yes` says so already.
pub(crate) fn agree(what: &str, yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    note(what);
    if !is_interactive() {
        return Err(fail("nobody is there to agree to it", "say --yes if it may be shared"));
    }
    if !confirm(question) {
        return Err(fail("nothing was changed", "answer y to go on"));
    }
    Ok(())
}
