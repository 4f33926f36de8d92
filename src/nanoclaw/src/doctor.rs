//! Finds out what is wrong. Every check ends in time, changes nothing that matters, and a check
//! that fails says how to fix it.

mod backup;
pub(crate) mod data;
mod running;
mod world;

pub(crate) use self::backup::record_verified;
use serde::Serialize;
use store::layout::Layout;

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

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) state: State,
    pub(crate) detail: String,
    pub(crate) fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, detail: detail.into(), fix: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn fail(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Fail, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// All checks, in the order in which to mend things.
pub(crate) async fn examine(layout: &Layout) -> Vec<Check> {
    let mut checks = vec![data::home(layout), data::disk(layout)];
    checks.push(data::central(layout));
    checks.push(data::sessions(layout));
    checks.extend(data::stops(layout));
    checks.extend(data::tasks(layout));
    checks.push(backup::check(layout));
    checks.push(world::engine().await);
    checks.push(world::image(layout).await);
    checks.push(world::credential(layout).await);
    checks.push(running::host(layout).await);
    checks.push(running::chat_socket(layout).await);
    checks.push(running::channels(layout).await);
    checks.push(running::links(layout).await);
    checks
}
