//! `nanoclaw doctor`: finds out what is wrong. Every check ends in time, changes nothing that matters, and
//! one that fails says how to fix it. Here are the checks of what lies on the disk.

mod running;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use domain::plain::chain;
use domain::texts::count;
use domain::time::{Clock, SystemClock, Timestamp};
use operations::{Output, table};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, StoreError};

use crate::commands::Report;
use crate::commands::channels::absent;
use crate::home::{READ_ONLY, WRITABLE, free_mib, is_read_only};
use crate::{admin, lock};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// Works, but somebody should look.
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    fix: Option<String>,
}

/// What one check found: how things are, or what is wrong. Its name is added afterwards.
type Finding = Result<String, Check>;

fn warn(detail: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { name: "", state: State::Warn, detail: detail.into(), fix: Some(fix.into()) }
}

fn fail(detail: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { state: State::Fail, ..warn(detail, fix) }
}

pub(crate) async fn perform(layout: &Layout) -> anyhow::Result<Report> {
    let checks = examine(layout).await;
    let count = |state: State| checks.iter().filter(|it| it.state == state).count();
    let (failed, warned) = (count(State::Fail), count(State::Warn));
    let mut rows = Vec::new();
    for check in &checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        rows.push([state, check.name, &check.detail].map(str::to_owned).to_vec());
        if let Some(fix) = &check.fix {
            rows.push(vec![String::new(), String::new(), format!("fix: {fix}")]);
        }
    }
    let sum = format!("{} checks: {failed} failed, {warned} to look at", checks.len());
    let text = format!("{}\n{sum}", table(&rows));
    let output = Output::new(text, json!({ "ok": failed == 0, "checks": checks }));
    Ok(Report { has_failed: failed != 0, ..output.into() })
}

/// Below this a database may stop in the middle of a day.
const FREE_MIB_MIN: u64 = 200;
/// An image build needs about this.
const FREE_MIB_BUILD: u64 = 3 * 1024;

/// The setting that says which backup was last found to be good.
const VERIFIED: &str = "last_verified_backup";
/// An older one is worth a word.
const BACKUP_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const SET_UP: &str = "`nanoclaw setup` makes it";

type Central = Result<Option<CentralStore>, StoreError>;

/// All checks, in the order in which to mend things.
async fn examine(layout: &Layout) -> Vec<Check> {
    // Opening would make it.
    let path = layout.central();
    let central = path.is_file().then(|| CentralStore::open(&path)).transpose();
    let status = admin::status(layout).await;
    let holder = lock::holder(layout);
    let found = [
        ("data folder", Some(data_folder(layout))),
        ("disk", Some(disk(layout))),
        ("database", Some(database(layout, &central))),
        ("sessions", Some(sessions(layout, &central))),
        ("stops", stops(&central).map(Err)),
        ("tasks", tasks(&central).map(Err)),
        ("outbox", outbox(&central).map(Err)),
        ("backup", Some(backup(&central))),
        ("engine", Some(running::engine().await)),
        ("image", Some(running::image(layout, &central).await)),
        ("credential", Some(running::credential(layout, &central).await)),
        ("host", Some(running::host(&status, holder))),
        ("chat", Some(running::chat_socket(layout, holder).await)),
        ("channels", Some(running::channels(&status))),
        ("webhooks", running::webhooks(layout, &central).await),
        ("link", Some(running::links(&status))),
    ];
    let check = |(name, found): (_, Option<Finding>)| {
        Some(match found? {
            Ok(detail) => Check { name, state: State::Ok, detail, fix: None },
            Err(problem) => Check { name, ..problem },
        })
    };
    found.into_iter().filter_map(check).collect()
}

/// The central database, if it is there and opens.
fn there(central: &Central) -> Option<&CentralStore> {
    central.as_ref().ok()?.as_ref()
}

fn data_folder(layout: &Layout) -> Finding {
    let home = layout.home();
    let shown = home.display();
    let meta = fs::metadata(home).map_err(|_| fail(format!("{shown} is not there"), SET_UP))?;
    if !meta.is_dir() {
        return Err(fail(format!("{shown} is no folder"), "choose one with `--home DIR`"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if is_read_only(home) {
        return Err(fail(format!("{shown} {READ_ONLY}"), WRITABLE));
    }
    if rustix::fs::access(home, rustix::fs::Access::WRITE_OK).is_err() {
        let fix = format!("`chown` {shown} to yourself, or choose another one with `--home`");
        return Err(fail(format!("{shown} cannot be written"), fix));
    }
    if mode & 0o077 != 0 {
        let detail = format!("{shown} is open to others (mode {mode:03o})");
        return Err(warn(detail, format!("`chmod 700 {shown}`")));
    }
    Ok(format!("{shown} is writable and yours alone"))
}

fn disk(layout: &Layout) -> Finding {
    let fix = "free some space; `docker system df` shows what images and containers take";
    let there = layout.home().ancestors().find(|it| it.is_dir()).unwrap_or(Path::new("/"));
    match free_mib(there) {
        Ok(free) if free < FREE_MIB_MIN => Err(fail(format!("only {free} MiB are free"), fix)),
        Ok(free) if free < FREE_MIB_BUILD => {
            Err(warn(format!("{free} MiB are free, too little to build the image"), fix))
        }
        Ok(free) => Ok(format!("{} GiB are free", free / 1024)),
        Err(err) => Err(warn(format!("the free space is not known: {err}"), "run `df`")),
    }
}

fn database(layout: &Layout, central: &Central) -> Finding {
    let path = layout.central();
    let shown = path.display();
    let restore = format!("stop the host, then restore {shown} from a backup or move it away");
    // What to do about a full disk and about another version the error says.
    let access = format!("do as it says, or check who may read and write {shown}");
    let broken = |err: &StoreError| {
        let is_damaged = matches!(err, StoreError::Corrupt { .. } | StoreError::Damaged { .. });
        let fix = if is_damaged { &restore } else { &access };
        fail(chain(err), fix)
    };
    let none = || fail(format!("{shown} is not there"), SET_UP);
    let central = central.as_ref().map_err(broken)?.as_ref().ok_or_else(none)?;
    let problems = central.integrity().map_err(|err| broken(&err))?;
    if problems.is_empty() {
        return Ok("central.db is sound".to_owned());
    }
    Err(fail(problems.join("; "), restore))
}

/// Tasks that never fire, because this program cannot read them.
fn tasks(central: &Central) -> Option<Check> {
    let mut bad = there(central)?.unreadable_tasks().ok()?;
    bad.retain(|it| it.is_active);
    let first = bad.first()?;
    let (count, id, why) = (bad.len(), first.id, &first.why);
    let said = format!("{count} cannot be read and do not fire, among them task {id}: {why}");
    let fix = format!(
        "install the version that made them, or `nanoclaw tasks remove {id}` and add them again"
    );
    Some(warn(said, fix))
}

/// Nothing to say unless parts wait for an account that is gone.
fn outbox(central: &Central) -> Option<Check> {
    let central = there(central)?;
    let (waiting, accounts) = (central.waiting_parts().ok()?, central.accounts().ok()?);
    let lost = waiting.iter().filter_map(|(channel, account, parts)| {
        let why = absent(channel, account, &accounts)?;
        Some(format!("{} cannot go out: {why}", count(*parts, "part")))
    });
    let lost: Vec<String> = lost.collect();
    let fix = "add the account again, or `nanoclaw outbox list` and `nanoclaw outbox remove KEY`";
    (!lost.is_empty()).then(|| warn(lost.join("; "), fix))
}

fn sessions(layout: &Layout, central: &Central) -> Finding {
    let unread = || warn("not checked, since central.db cannot be read", "mend it first");
    let central = central.as_ref().map_err(|_| unread())?.as_ref();
    let rows = central.map_or(Ok(Vec::new()), CentralStore::sessions).map_err(|_| unread())?;
    let first = |id| store::outbound_problems(&layout.session(id)).into_iter().next();
    let damaged: Vec<String> = rows
        .iter()
        .filter_map(|row| first(row.id).map(|problem| format!("{}: {problem}", row.id)))
        .collect();
    if damaged.is_empty() {
        return Ok(format!("{} known, all sound", rows.len()));
    }
    let fix = "nothing: the running host sets what an agent damaged aside and starts it again";
    Err(warn(damaged.join(" | "), fix))
}

/// Nothing to say unless somebody is stopped.
fn stops(central: &Central) -> Option<Check> {
    let stops = there(central)?.stops().ok()?;
    let all = stops.all.iter().map(|it| format!("every agent, by {}", it.by));
    let each = stops.agents.iter().map(|(name, stop)| format!("{name}, by {}", stop.by));
    let who: Vec<String> = all.chain(each).collect();
    let fix = "`nanoclaw agents resume NAME`, or `nanoclaw agents resume --all`";
    (!who.is_empty()).then(|| warn(format!("stopped: {}", who.join("; ")), fix))
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verified {
    at: i64,
    file: String,
}

pub(crate) fn has_backup(central: &CentralStore) -> Result<bool, StoreError> {
    Ok(central.setting(VERIFIED)?.is_some())
}

/// Notes that a backup was found to be good. Its path is left out: it says nothing later.
pub(crate) fn record_verified(
    central: &CentralStore,
    file: &Path,
    now: Timestamp,
) -> anyhow::Result<()> {
    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let verified = Verified { at: now.0, file };
    Ok(central.set_setting(VERIFIED, &serde_json::to_string(&verified)?)?)
}

fn backup(central: &Central) -> Finding {
    let setting = there(central).and_then(|it| it.setting(VERIFIED).ok().flatten());
    judge(setting.and_then(|it| serde_json::from_str(&it).ok()), SystemClock.now())
}

fn judge(last: Option<Verified>, now: Timestamp) -> Finding {
    let fix = "`nanoclaw backup create FILE`, then `nanoclaw backup verify FILE`";
    let last = last.ok_or_else(|| warn("no backup was ever verified", fix))?;
    let age = now.since(Timestamp(last.at));
    let days = age.as_secs() / (24 * 60 * 60);
    let detail = format!("{} was verified {days} days ago", last.file);
    if BACKUP_AGE_MAX < age { Err(warn(detail, fix)) } else { Ok(detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_an_old_one_are_worth_a_word() {
        let at = |days: i64| {
            let last = Verified { at: 0, file: "a.tar".into() };
            judge(Some(last), Timestamp(days * 24 * 60 * 60 * 1_000))
        };
        assert!(judge(None, Timestamp(0)).is_err());
        assert!(at(30).is_ok() && at(31).is_err());
    }
}
