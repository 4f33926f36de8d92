//! Makes a data directory of a backup: for a look at it, and for good.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::time::Timestamp;
use store::CentralStore;
use store::copies::{Marked, mark_restored};
use store::layout::Layout;
use vault::carry::restore_key_file;
use vault::keyfile::open_or_create;
use vault::seal::Key;

use super::unpack::{Refused, Unpacked, unpack};
use super::{Head, KEY, Manifest, scratch};
use crate::error::{Hint, fail};

/// A backup that is to be read.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a Path,
    /// The key file of the key that it must have been made with, unless a key goes along with it, which its
    /// passphrase opens; `None`: nobody checks who made it.
    pub(crate) own_key: Option<&'a Path>,
    /// How a passphrase is got, if one is needed.
    pub(crate) ask: Box<dyn Fn() -> anyhow::Result<String> + 'a>,
    pub(crate) now: Timestamp,
}

/// What lies in a directory that was made of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) head: Head,
    pub(crate) manifest: Manifest,
    pub(crate) marked: Marked,
    /// Credentials that the key fits; `None` without a key.
    pub(crate) credentials: Option<usize>,
}

/// Unpacks a backup into `to`, an empty folder of ours, checks who made it, opens and checks everything,
/// and marks what may have been finished since.
/// Fails when anything is not as it was. Then the folder is to be thrown away.
pub(crate) fn make(from: &Source<'_>, to: &Path) -> anyhow::Result<Made> {
    let file = from.file;
    if fs::metadata(file).is_ok_and(|it| !it.is_file()) {
        let what = format!("{} is a pipe, a folder or a device", file.display());
        let hint = "name a file; what comes through a pipe must be stored in one first";
        return Err(fail(what, hint));
    }
    let unusable = || format!("{} cannot be used", file.display());
    let unpacked = unpack(file, to)
        .with_context(unusable)
        .hint("take another backup; `nanoclaw backup verify FILE` checks one")?;
    let layout = Layout::new(to);
    let carried = carried(&to.join(KEY), &layout.vault_key(), from)?;
    if let Some(own) = from.own_key {
        authenticate(&unpacked, carried.as_ref(), own).with_context(unusable).hint(
            "take another backup, or bring back the `vault.key` that it was made with; if you are sure \
             that nobody could change this one, say `--untrusted`",
        )?;
    }
    let (head, manifest) = unpacked.complete().with_context(unusable)?;
    let marked = mark_restored(&layout, from.now).context("the backup cannot be opened")?;
    let central = CentralStore::open(&layout.central())?;
    if let Some(first) = central.integrity()?.first() {
        let what = format!("central.db is damaged in the backup: {first}");
        return Err(fail(what, "take an older backup"));
    }
    let credentials = carried.map(|key| fitting(&central, &key)).transpose()?;
    Ok(Made { head, manifest, marked, credentials })
}

/// Makes the key file of a sealed key that goes along with a backup.
fn carried(sealed: &Path, path: &Path, from: &Source<'_>) -> anyhow::Result<Option<Key>> {
    if !sealed.is_file() {
        return Ok(None);
    }
    restore_key_file(&fs::read(sealed)?, &(from.ask)()?, path)
        .context("the key of the vault does not open")
        .hint("give the passphrase that the backup was made with")?;
    fs::remove_file(sealed)?;
    Ok(Some(open_or_create(path, true)?))
}

fn authenticate(unpacked: &Unpacked, carried: Option<&Key>, own: &Path) -> anyhow::Result<()> {
    if let Some(key) = carried {
        return Ok(unpacked.authenticate(key)?);
    }
    if !own.exists() {
        return Err(Refused::Unauthenticated.into());
    }
    Ok(unpacked.authenticate(&open_or_create(own, true)?)?)
}

/// How many credentials there are, all of which the key must fit.
fn fitting(central: &CentralStore, key: &Key) -> anyhow::Result<usize> {
    let rows = central.secrets()?;
    for row in &rows {
        if !vault::seal::fits(key, &row.sealed) {
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
/// Fails when a host runs, or the backup cannot be used; then everything is as it was.
pub(crate) fn restore(
    layout: &Layout,
    from: &Source<'_>,
    force: bool,
) -> anyhow::Result<(Made, Option<PathBuf>)> {
    let home = layout.home();
    let existed = home.exists();
    let had_data = layout.central().exists();
    if had_data && !force {
        let what = format!("{} has data already", home.display());
        return Err(fail(what, "say `--force`: what is there is moved aside, not removed"));
    }
    let _lock = crate::lock::take_alone(layout)?;
    // That of the backup may be another install's, which lives on beside this one.
    let name = had_data.then(|| CentralStore::open(&layout.central()).ok()).flatten();
    let name = name.and_then(|it| crate::install::id(&it).ok()).flatten();
    let swapped = swap(layout, from, name);
    if !existed {
        // The lock made a folder, which is still there or was moved aside.
        let _ = fs::remove_dir_all(swapped.as_ref().map_or(home, |it| it.1.as_path()));
    }
    let (made, aside) = swapped?;
    Ok((made, existed.then_some(aside)))
}

/// Returns where what was there before went. Containers are told apart by the `name` of their install;
/// without one there is a fresh one.
fn swap(
    layout: &Layout,
    from: &Source<'_>,
    name: Option<String>,
) -> anyhow::Result<(Made, PathBuf)> {
    // A link to the folder stays, and leads to what was restored.
    let home = &layout.home().canonicalize().unwrap_or_else(|_| layout.home().to_owned());
    let parent = home.parent().unwrap_or(Path::new("/"));
    let fresh = scratch(parent)?;
    let made = make(from, fresh.path())?;
    let central = Layout::new(fresh.path()).central();
    crate::install::rename(&CentralStore::open(&central)?, name)?;
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let aside = home.with_file_name(format!("{name}.before-restore-{}", from.now.0 / 1_000));
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
    Ok((made, aside))
}
