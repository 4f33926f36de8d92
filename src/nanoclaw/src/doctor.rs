//! Finds out what is wrong. Every check ends in time, changes nothing that matters, and a check
//! that fails says how to fix it.

mod data;
mod running;

pub(crate) use self::data::{has_backup, record_verified};
use serde::Serialize;
use store::layout::Layout;

use crate::{admin, lock};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Ok,
    /// Works, but somebody should look.
    Warn,
    Fail,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) state: State,
    pub(crate) detail: String,
    pub(crate) fix: Option<String>,
}

/// What one check found: how things are, or what is wrong.
type Finding = Result<String, Problem>;

#[derive(Debug)]
struct Problem {
    state: State,
    detail: String,
    fix: String,
}

fn warn(detail: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem { state: State::Warn, detail: detail.into(), fix: fix.into() }
}

fn fail(detail: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem { state: State::Fail, detail: detail.into(), fix: fix.into() }
}

/// All checks, in the order in which to mend things.
pub(crate) async fn examine(layout: &Layout) -> Vec<Check> {
    let central = data::open(layout);
    let status = admin::status(layout).await;
    let holder = lock::holder(layout);
    let found = [
        ("data folder", Some(data::home(layout))),
        ("disk", Some(data::disk(layout))),
        ("database", Some(data::central(layout, &central))),
        ("sessions", Some(data::sessions(layout, &central))),
        ("stops", data::stops(&central).map(Err)),
        ("tasks", data::tasks(&central).map(Err)),
        ("backup", Some(data::backup(&central))),
        ("engine", Some(running::engine().await)),
        ("image", Some(running::image(layout, &central).await)),
        ("credential", Some(running::credential(layout, &central).await)),
        ("host", Some(running::host(&status, holder))),
        ("chat", Some(running::chat_socket(layout, holder).await)),
        ("channels", Some(running::channels(&status))),
        ("link", Some(running::links(&status))),
    ];
    let check = |(name, found): (_, Option<Finding>)| {
        Some(match found? {
            Ok(detail) => Check { name, state: State::Ok, detail, fix: None },
            Err(Problem { state, detail, fix }) => Check { name, state, detail, fix: Some(fix) },
        })
    };
    found.into_iter().filter_map(check).collect()
}
