//! Checks of what lies on the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use store::layout::Layout;
use store::{CentralStore, StoreError};

use super::Check;
use crate::home::free_mib;
use domain::plain::chain;

/// Below this a database may stop in the middle of a day.
const FREE_MIB_MIN: u64 = 200;
/// An image build needs about this.
const FREE_MIB_BUILD: u64 = 3 * 1024;

const SET_UP: &str = "`nanoclaw setup` makes it";

pub(super) fn home(layout: &Layout) -> Check {
    const NAME: &str = "data folder";
    let home = layout.home();
    let shown = home.display();
    let Ok(meta) = fs::metadata(home) else {
        return Check::fail(NAME, format!("{shown} is not there"), SET_UP);
    };
    if !meta.is_dir() {
        return Check::fail(NAME, format!("{shown} is no folder"), "choose one with `--home DIR`");
    }
    let mode = meta.permissions().mode() & 0o777;
    if rustix::fs::access(home, rustix::fs::Access::WRITE_OK).is_err() {
        let fix = format!("`chown` {shown} to yourself, or choose another one with `--home`");
        return Check::fail(NAME, format!("{shown} cannot be written"), fix);
    }
    if mode & 0o077 != 0 {
        let fix = format!("`chmod 700 {shown}`");
        return Check::warn(NAME, format!("{shown} is open to others (mode {mode:03o})"), fix);
    }
    Check::ok(NAME, format!("{shown} is writable and yours alone"))
}

pub(super) fn disk(layout: &Layout) -> Check {
    const NAME: &str = "disk";
    let fix = "free some space; `docker system df` shows what images and containers take";
    let there = layout.home().ancestors().find(|it| it.is_dir()).unwrap_or(Path::new("/"));
    match free_mib(there) {
        Ok(free) if free < FREE_MIB_MIN => {
            Check::fail(NAME, format!("only {free} MiB are free"), fix)
        }
        Ok(free) if free < FREE_MIB_BUILD => {
            Check::warn(NAME, format!("{free} MiB are free, too little to build the image"), fix)
        }
        Ok(free) => Check::ok(NAME, format!("{} GiB are free", free / 1024)),
        Err(err) => Check::warn(NAME, format!("the free space is not known: {err}"), "run `df`"),
    }
}

pub(super) fn central(layout: &Layout) -> Check {
    const NAME: &str = "database";
    let path = layout.central();
    if !path.is_file() {
        return Check::fail(NAME, format!("{} is not there", path.display()), SET_UP);
    }
    match CentralStore::open(&path).and_then(|it| it.integrity()) {
        Ok(problems) if problems.is_empty() => Check::ok(NAME, "central.db is sound"),
        Ok(problems) => Check::fail(NAME, problems.join("; "), restore(&path)),
        Err(err) => Check::fail(NAME, chain(&err), fix_of(&err, &path)),
    }
}

/// Tasks that never fire, because this program cannot read them.
pub(super) fn tasks(layout: &Layout) -> Option<Check> {
    const NAME: &str = "tasks";
    let central =
        layout.central().is_file().then(|| CentralStore::open(&layout.central()))?.ok()?;
    let mut bad = central.unreadable_tasks().ok()?;
    bad.retain(|it| it.is_active);
    let first = bad.first()?;
    let (count, id, why) = (bad.len(), first.id, &first.why);
    let said = format!("{count} cannot be read and do not fire, among them task {id}: {why}");
    let fix = format!(
        "install the version that made them, or `nanoclaw tasks cancel {id}` and add them again"
    );
    Some(Check::warn(NAME, said, fix))
}

pub(super) fn sessions(layout: &Layout) -> Check {
    const NAME: &str = "sessions";
    let rows = match layout.central().is_file() {
        true => CentralStore::open(&layout.central()).and_then(|it| it.sessions()),
        false => Ok(Vec::new()),
    };
    let Ok(rows) = rows else {
        return Check::warn(NAME, "not checked, since central.db cannot be read", "mend it first");
    };
    let first = |id| store::outbound_problems(&layout.session(id)).into_iter().next();
    let damaged: Vec<String> = rows
        .iter()
        .filter_map(|row| first(row.id).map(|problem| format!("{}: {problem}", row.id)))
        .collect();
    if damaged.is_empty() {
        return Check::ok(NAME, format!("{} known, all sound", rows.len()));
    }
    let fix = "nothing: the running host sets what an agent damaged aside and starts it again";
    Check::warn(NAME, damaged.join(" | "), fix)
}

/// Nothing to say unless somebody is stopped.
pub(super) fn stops(layout: &Layout) -> Option<Check> {
    let path = layout.central();
    let read = || CentralStore::open(&path).and_then(|it| it.stops()).ok();
    let stops = path.is_file().then(read).flatten()?;
    let all = stops.all.iter().map(|it| format!("every agent, by {}", it.by));
    let each = stops.agents.iter().map(|(name, stop)| format!("{name}, by {}", stop.by));
    let who: Vec<String> = all.chain(each).collect();
    let fix = "`nanoclaw resume NAME`, or `nanoclaw resume --all`";
    (!who.is_empty()).then(|| Check::warn("stops", format!("stopped: {}", who.join("; ")), fix))
}

fn restore(path: &Path) -> String {
    format!("stop the host, then restore {0} from a backup or move it away", path.display())
}

fn fix_of(err: &StoreError, path: &Path) -> String {
    match err {
        StoreError::Newer { .. } => "update: `./nanoclaw.sh update`".to_owned(),
        StoreError::Corrupt { .. } | StoreError::Damaged { .. } => restore(path),
        StoreError::Full { .. } => "free some space on the disk".to_owned(),
        StoreError::Open { .. }
        | StoreError::Quarantine { .. }
        | StoreError::Copy { .. }
        | StoreError::Superseded
        | StoreError::Undone { .. }
        | StoreError::Lost { .. }
        | StoreError::Query { .. } => format!("check who may read and write {}", path.display()),
    }
}
