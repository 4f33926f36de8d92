//! Has old rows removed: once a day those of the central database, and those of sessions in turn. The log
//! is shortened as soon as it is long.
//!
//! The sweep comes here, and each time at most one session is found, so that ten thousand that sleep
//! cost a sweep as little as one. The session itself does the work, since it alone removes its
//! files.

use std::fs::{self, OpenOptions};
use std::path::Path;

use domain::plain::chain;
use domain::retention::{Cutoffs, Retention, due_before, is_due};
use domain::time::Timestamp;
use store::{CentralStore, SessionRow};
use tracing::{info, warn};

use crate::Result;
use crate::host::{Host, settings};

/// Neither a host that runs for a year nor a stranger who is refused without end may fill the disk with
/// what is said about it. The same bound as at its start.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub async fn cutoffs(host: &Host) -> Result<Cutoffs> {
    let rule = host.central.read(|central| central.setting(settings::RETENTION)).await?;
    Ok(Retention::from_setting(rule.as_deref()).cutoffs(host.clock.now()))
}

/// Shortens the log, and prunes the central database if that is due. Returns the session whose turn it is.
pub async fn sweep(host: &Host) -> Option<SessionRow> {
    let log = host.layout.host_log();
    store::on_disk(&*host.gate, move || shorten_log(&log)).await;
    look(host).await.unwrap_or_else(|err| {
        warn!(why = chain(&err), "old rows are left for the next sweep");
        None
    })
}

async fn look(host: &Host) -> Result<Option<SessionRow>> {
    let now = host.clock.now();
    let last = host.central.read(|central| central.setting(settings::PRUNED_AT)).await?;
    let last = last.and_then(|it| it.parse().ok()).map_or(host.started_at, Timestamp);
    if is_due(last, now) {
        prune_central(host, now).await?;
    }
    let (awake, asleep) = due_before(now);
    host.central.read(move |central| central.due_for_pruning(awake, asleep)).await
}

async fn prune_central(host: &Host, now: Timestamp) -> Result<()> {
    let cutoffs = cutoffs(host).await?;
    let mut all = 0;
    loop {
        let prune = move |central: &mut CentralStore| central.prune(cutoffs);
        let gone = host.central.write("prune", prune).await?;
        all += gone;
        if gone == 0 {
            break;
        }
    }
    host.central.read(|central| central.truncate_log()).await?;
    let at = now.0.to_string();
    let note = move |central: &mut CentralStore| central.set_setting(settings::PRUNED_AT, &at);
    host.central.write("note a pruning", note).await?;
    info!(rows = all, "old rows of the central database are gone");
    Ok(())
}

/// Empties a log that grew long, after copying it beside itself, once, where there is room for that. The
/// log is open for appending in this very process, so it is emptied and not renamed; a line that is
/// written in between is lost.
fn shorten_log(log: &Path) {
    if !fs::metadata(log).is_ok_and(|it| LOG_BYTES_MAX < it.len()) {
        return;
    }
    let copied = fs::copy(log, log.with_extension("log.1"));
    let emptied = OpenOptions::new().write(true).open(log).and_then(|it| it.set_len(0));
    if let Err(err) = emptied.and(copied) {
        warn!(why = chain(&err), "the log could not be shortened");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_starts_over_and_is_kept_once() {
        let dir = std::env::temp_dir().join(format!("keeping-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let log = dir.join("host.log");
        fs::write(&log, "short").unwrap();
        shorten_log(&log);
        assert_eq!(fs::read(&log).unwrap(), b"short");
        OpenOptions::new().write(true).open(&log).unwrap().set_len(LOG_BYTES_MAX + 1).unwrap();
        shorten_log(&log);
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
        assert_eq!(fs::metadata(dir.join("host.log.1")).unwrap().len(), LOG_BYTES_MAX + 1);
        // No room for a copy.
        fs::remove_file(dir.join("host.log.1")).unwrap();
        fs::create_dir(dir.join("host.log.1")).unwrap();
        OpenOptions::new().write(true).open(&log).unwrap().set_len(LOG_BYTES_MAX + 1).unwrap();
        shorten_log(&log);
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
        fs::remove_dir_all(dir).unwrap();
    }
}
