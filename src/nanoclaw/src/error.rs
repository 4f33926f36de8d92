//! Errors as people read them: what happened, why, and what to do next.

use std::error::Error;
use std::fmt;

/// What the program exits with that could not do what was asked.
const REFUSED: u8 = 1;
/// The agent asks something first.
pub(crate) const ASKS: u8 = 3;
/// The agent is stopped until somebody resumes it.
pub(crate) const STOPPED: u8 = 4;
/// A wrong command line (`EX_USAGE`).
pub(crate) const USAGE: u8 = 64;
/// Nothing came in time, as `timeout` exits.
pub(crate) const TIMEOUT: u8 = 124;

/// The hint about an input that is not UTF-8.
pub(crate) const CONVERT: &str = "convert it first, for example with `iconv`";

/// An error and what its reader can do. Shows and continues as the error itself.
#[derive(Debug)]
pub(crate) struct Hinted {
    error: anyhow::Error,
    hint: String,
    code: u8,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

pub(crate) trait Hint<T> {
    /// Says what to do about the error: one sentence, lower case, no full stop.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|err| hinted(err, hint))
    }
}

pub(crate) fn hinted(err: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { error: err.into(), hint: hint.into(), code: REFUSED }.into()
}

/// An error that was found here, with its hint.
pub(crate) fn fail(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    hinted(anyhow::Error::msg(what.into()), hint)
}

/// As [`fail`], and the program exits with `code`.
pub(crate) fn end(code: u8, what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { error: anyhow::Error::msg(what.into()), hint: hint.into(), code }.into()
}

pub(crate) fn code_of(err: &anyhow::Error) -> u8 {
    err.chain().find_map(|it| it.downcast_ref::<Hinted>()).map_or(REFUSED, |it| it.code)
}

/// The hint that is nearest to the reader.
pub(crate) fn hint_of(err: &anyhow::Error) -> Option<&str> {
    err.chain().find_map(|it| it.downcast_ref::<Hinted>()).map(|it| it.hint.as_str())
}

/// What happened and its causes, the outermost first. A cause that its effect quotes already is
/// left out.
pub(crate) fn lines(err: &anyhow::Error) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for cause in err.chain() {
        let text = cause.to_string();
        if lines.last().is_none_or(|last| !last.contains(&text)) {
            lines.push(text);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_hint_is_found_below_a_context_and_not_shown_as_a_cause() {
        let io = Err::<(), _>(std::io::Error::other("no space"));
        let err = io.context("could not write").hint("free some").context("step failed");
        let err = err.unwrap_err();
        assert_eq!(lines(&err), ["step failed", "could not write", "no space"]);
        assert_eq!(hint_of(&err), Some("free some"));
        assert_eq!(hint_of(&anyhow::anyhow!("x")), None);
    }
}
