//! Makes a data directory of a backup: for a look at it, and for good.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::time::Timestamp;
use store::CentralStore;
use store::copies::{Marked, mark_restored};
use store::layout::Layout;
use vault::Sealed;
use vault::carry::restore_key_file;
use vault::keyfile::open_or_create;

use super::{Head, KEY, LeftOut, unpack};
use crate::error::{Hint, fail};

/// How a passphrase is got, if one is needed.
pub(crate) type Ask<'a> = &'a mut dyn FnMut() -> anyhow::Result<String>;

/// What is asked of a backup before it is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// That it was made with the key that goes along with it, which its passphrase opens, or else with
    /// the one in this file.
    Authentic(&'a Path),
    /// Nothing; somebody said so.
    Anything,
}

/// What lies in a directory that was made of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) head: Head,
    /// What is not in it: how much, and the first of it.
    pub(crate) left_out: (usize, Vec<LeftOut>),
    pub(crate) marked: Marked,
    /// Credentials that the key fits; `None` without a key.
    pub(crate) credentials: Option<usize>,
}

/// Unpacks a backup into `to`, an empty folder of ours, checks who made it, opens and checks everything,
/// and marks what may have been finished since.
///
/// # Errors
/// When anything is not as it was. Then the folder is to be thrown away.
pub(crate) fn make(
    file: &Path,
    to: &Path,
    trust: Trust<'_>,
    ask: Ask<'_>,
    now: Timestamp,
) -> anyhow::Result<Made> {
    let unusable = || format!("{} cannot be used", file.display());
    let unpacked = unpack::unpack(file, to)
        .with_context(unusable)
        .hint("take another backup; `nanoclaw backup verify FILE` checks one")?;
    let layout = Layout::new(to);
    let key = to.join(KEY);
    let mut has_key = false;
    if key.is_file() {
        let carried = fs::read(&key)?;
        restore_key_file(&carried, &ask()?, &layout.vault_key())
            .context("the key of the vault does not open")
            .hint("give the passphrase that the backup was made with")?;
        fs::remove_file(&key)?;
        has_key = true;
    }
    authenticate(&unpacked, trust, has_key.then(|| layout.vault_key()))
        .with_context(unusable)
        .hint(UNTRUSTED)?;
    let (head, left_out) = unpacked.complete().with_context(unusable)?;
    let marked = mark_restored(&layout, now).context("the backup cannot be opened")?;
    check(&layout)?;
    let credentials = if has_key { Some(fitting(&layout)?) } else { None };
    Ok(Made { head, left_out, marked, credentials })
}

const UNTRUSTED: &str = "take another backup, or bring back the `vault.key` that it was made with; if you are \
                         sure that nobody could change this one, say `--untrusted`";

fn authenticate(
    unpacked: &unpack::Unpacked,
    trust: Trust<'_>,
    carried: Option<PathBuf>,
) -> anyhow::Result<()> {
    let Trust::Authentic(own) = trust else { return Ok(()) };
    let path = carried.unwrap_or_else(|| own.to_owned());
    if !path.exists() {
        return Err(unpack::Refused::Unauthenticated.into());
    }
    Ok(unpacked.authenticate(&open_or_create(&path, true)?)?)
}

/// SQLite's own check of every database.
fn check(layout: &Layout) -> anyhow::Result<()> {
    let central = CentralStore::open(&layout.central())?;
    sound("central.db", &central.integrity()?)?;
    Ok(())
}

fn sound(what: &str, problems: &[String]) -> anyhow::Result<()> {
    match problems.first() {
        None => Ok(()),
        Some(first) => {
            Err(fail(format!("{what} is damaged in the backup: {first}"), "take an older backup"))
        }
    }
}

/// How many credentials there are, all of which the key must fit.
fn fitting(layout: &Layout) -> anyhow::Result<usize> {
    let key = open_or_create(&layout.vault_key(), true)?;
    let rows = CentralStore::open(&layout.central())?.secrets()?;
    for row in &rows {
        if !vault::seal::fits(&key, &Sealed::from_bytes(row.sealed.clone())) {
            return Err(fail(
                format!("the credential `{}` was sealed with another key", row.name),
                "remove it with `nanoclaw vault remove` and add it again, then make a new backup",
            ));
        }
    }
    Ok(rows.len())
}

/// Puts a backup in the place of the data directory, which is moved aside. No host may run.
///
/// Returns where the present data went, if there was any.
///
/// # Errors
/// When a host runs, or the backup cannot be used; then everything is as it was.
pub(crate) fn restore(
    layout: &Layout,
    file: &Path,
    (force, untrusted): (bool, bool),
    ask: Ask<'_>,
    now: Timestamp,
) -> anyhow::Result<(Made, Option<PathBuf>)> {
    let home = layout.home();
    let existed = home.exists();
    let had_data = layout.central().exists();
    if had_data && !force {
        return Err(fail(
            format!("{} has data already", home.display()),
            "say `--force`: what is there is moved aside, not removed",
        ));
    }
    let _lock = crate::lock::take(layout)?;
    let own = layout.vault_key();
    let trust = if untrusted { Trust::Anything } else { Trust::Authentic(&own) };
    let done = swap(layout, file, (had_data || existed, trust), ask, now);
    if !existed && done.is_err() {
        // The lock made it.
        let _ = fs::remove_dir_all(home);
    }
    if !had_data && done.is_ok() {
        // Beside the original: containers are told apart by the name of their install.
        crate::install::rename(&CentralStore::open(&layout.central())?)?;
    }
    done
}

fn swap(
    layout: &Layout,
    file: &Path,
    (keep, trust): (bool, Trust<'_>),
    ask: Ask<'_>,
    now: Timestamp,
) -> anyhow::Result<(Made, Option<PathBuf>)> {
    // A link to the folder stays, and leads to what was restored.
    let home = &layout.home().canonicalize().unwrap_or_else(|_| layout.home().to_owned());
    let parent = home.parent().unwrap_or(Path::new("/"));
    let fresh = tempfile::Builder::new()
        .prefix(".nanoclaw-restore-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .with_context(|| format!("nothing can be made in {}", parent.display()))?;
    let made = make(file, fresh.path(), trust, ask, now)?;
    let seconds = now.0 / 1_000;
    let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = home.with_file_name(format!("{name}.before-restore-{seconds}"));
    fs::rename(home, &aside)
        .with_context(|| format!("{} could not be moved aside", home.display()))
        .hint("it must be a plain folder on a disk of yours, not a mount")?;
    let fresh = fresh.keep();
    if let Err(err) = fs::rename(&fresh, home) {
        // Back to where it was.
        let _ = fs::rename(&aside, home);
        let _ = fs::remove_dir_all(&fresh);
        return Err(err).context("the backup could not be put in its place");
    }
    crate::home::create(layout)?;
    if keep {
        return Ok((made, Some(aside)));
    }
    let _ = fs::remove_dir_all(&aside);
    Ok((made, None))
}
