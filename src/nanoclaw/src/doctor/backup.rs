//! When a backup was last found to be good.

use std::path::Path;
use std::time::Duration;

use domain::time::{Clock, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use store::CentralStore;
use store::layout::Layout;

use super::Check;

/// The setting that holds a [`Verified`].
const SETTING: &str = "last_verified_backup";
/// An older one is worth a word.
const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const NAME: &str = "backup";
const FIX: &str = "`nanoclaw backup create FILE`, then `nanoclaw backup verify FILE`";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verified {
    at: i64,
    file: String,
    bytes: u64,
}

/// Notes that a backup was found to be good. Its path is left out: it says nothing later.
pub(crate) fn record_verified(
    central: &CentralStore,
    file: &Path,
    bytes: u64,
    now: Timestamp,
) -> anyhow::Result<()> {
    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let verified = Verified { at: now.0, file, bytes };
    Ok(central.set_setting(SETTING, &serde_json::to_string(&verified)?)?)
}

pub(super) fn check(layout: &Layout) -> Check {
    let setting = match layout.central().is_file() {
        true => CentralStore::open(&layout.central()).and_then(|it| it.setting(SETTING)),
        false => Ok(None),
    };
    let last = setting.ok().flatten().and_then(|it| serde_json::from_str(&it).ok());
    judge(last, SystemClock.now())
}

fn judge(last: Option<Verified>, now: Timestamp) -> Check {
    let Some(last) = last else { return Check::warn(NAME, "no backup was ever verified", FIX) };
    let age = now.since(Timestamp(last.at));
    let days = age.as_secs() / (24 * 60 * 60);
    let detail = format!("{} was verified {days} days ago", last.file);
    if AGE_MAX < age { Check::warn(NAME, detail, FIX) } else { Check::ok(NAME, detail) }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn none_and_an_old_one_are_worth_a_word() {
        let at = |days: i64| {
            let last = Verified { at: 0, file: "a.tar".into(), bytes: 1 };
            judge(Some(last), Timestamp(days * 24 * 60 * 60 * 1_000)).state
        };
        assert_eq!(judge(None, Timestamp(0)).state, State::Warn);
        assert_eq!((at(30), at(31)), (State::Ok, State::Warn));
    }
}
