//! `nanoclaw backup`: makes, checks and puts back copies of everything.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::plain::shell_word;
use domain::texts::count;
use domain::time::{Clock, SystemClock, Timestamp};
use operations::Output;
use serde_json::json;
use store::CentralStore;
use store::layout::Layout;
use tokio::task::spawn_blocking;
use vault::carry::seal_key_file;

use crate::backup::create::{self, With};
use crate::backup::restore::Source;
use crate::backup::{Manifest, restore, scratch};
use crate::error::{Hint, fail};
use crate::{doctor, rows};

/// Of what was left out; the whole is in the backup.
const LEFT_OUT_SHOWN: usize = 20;

/// For a backup without the key.
const BRING_KEY: &str = "bring back your `vault.key`, or enter credentials and tokens again after \
                         `nanoclaw vault reset`";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum BackupCommand {
    /// Make a backup while the host runs
    Create(BackupCreateArgs),
    /// Check a backup: unpack it, open everything in it, and try its passphrase
    #[command(after_help = "\
Nothing of the running install is touched. `nanoclaw doctor` shows when this last went well.

Example:
  pass show nanoclaw-backup | nanoclaw backup verify nanoclaw.tar --passphrase-stdin")]
    Verify(BackupFile),
    /// Put a backup back; what is there is moved aside
    #[command(after_help = "\
No host may run. What the data directory holds is moved beside it, and the command says how to undo
that. What was unfinished in the backup is sent with a mark that it may be a repetition.

Examples:
  nanoclaw stop && nanoclaw backup restore nanoclaw.tar --force && nanoclaw start
  nanoclaw --home ~/second backup restore nanoclaw.tar      beside the present install")]
    Restore {
        #[command(flatten)]
        file: BackupFile,
        /// Even if there is data; it is moved aside
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupFile {
    file: PathBuf,
    /// Read the passphrase from the standard input
    #[arg(long)]
    passphrase_stdin: bool,
    /// Do not check who made it: without its key, a backup could come from anybody
    #[arg(long)]
    untrusted: bool,
}

impl BackupFile {
    fn source<'a>(&'a self, own_key: &'a Path, now: Timestamp) -> Source<'a> {
        let ask = Box::new(|| passphrase(self.passphrase_stdin, false));
        Source { file: &self.file, own_key: (!self.untrusted).then_some(own_key), ask, now }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file has databases, workspaces, received files and the credentials, which are sealed. Their key is
sealed once more with a passphrase that you are asked for. Each database is consistent; files that an
agent writes at this very moment may be half new. Pipes, devices and what cannot be read are left out,
and so is what is more than a quarter of the limit in one agent's folder; the command names it.

Examples:
  nanoclaw backup create /media/disk/nanoclaw.tar
  nanoclaw backup create nanoclaw.tar --without-key    credentials must be added again later")]
pub(crate) struct BackupCreateArgs {
    file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    /// Read the passphrase from the standard input
    #[arg(long, conflicts_with = "without_key")]
    passphrase_stdin: bool,
    /// Leave the key of the vault out; then no passphrase is needed
    #[arg(long)]
    without_key: bool,
    /// The most that the backup may take
    #[arg(long, value_name = "GB", default_value_t = 100)]
    max_gb: u64,
}

pub(super) async fn perform(command: BackupCommand, layout: &Layout) -> anyhow::Result<Output> {
    let layout = layout.clone();
    // Copying blocks, and takes as long as the disk does.
    let work = spawn_blocking(move || match command {
        BackupCommand::Create(args) => make(&layout, &args),
        BackupCommand::Verify(file) => verify(&layout, &file),
        BackupCommand::Restore { file, force } => put_back(&layout, &file, force),
    });
    work.await.context("the work ended early")?
}

fn make(layout: &Layout, args: &BackupCreateArgs) -> anyhow::Result<Output> {
    if !layout.central().is_file() {
        let what = format!("{} has no data", layout.home().display());
        return Err(fail(what, "say which data directory with `--home DIR`"));
    }
    // It also authenticates what leaves without it.
    let sealed = store::copies::contents(&layout.central())?.sealed;
    let key = rows::key(layout, sealed)?;
    let with_key = !args.without_key && sealed;
    let carry = || {
        let phrase = passphrase(args.passphrase_stdin, true)?;
        seal_key_file(&layout.vault_key(), &phrase)
            .context("the key of the vault cannot go along")
            .hint("take a longer passphrase, or leave the key out with `--without-key`")
    };
    let carried = with_key.then(carry).transpose()?;
    let now = SystemClock.now();
    let bytes_max = args.max_gb.saturating_mul(1_000_000_000);
    let with = With { key: &key, sealed: carried.as_deref(), bytes_max };
    let create::Made { sessions, bytes, changed, manifest } =
        create::create(layout, &args.file, &with, args.force, now)?;
    let (file, mb) = (args.file.display(), bytes.div_ceil(1_000_000));
    let mut lines = vec![format!("made {file}: {}, {mb} MB", count(sessions, "session"))];
    if changed != 0 {
        let files = count(changed, "file");
        lines.push(format!("{files} changed during the backup: agents were at work there"));
    }
    tell_left_out(&manifest, &mut lines);
    if args.without_key {
        lines.push(format!("the key of the vault is not in it: after a restore, {BRING_KEY}"));
    } else if !sealed {
        lines.push("the vault is empty, so its key is not in it; no passphrase was needed".into());
    }
    lines.push(format!("check it with `nanoclaw backup verify {file}`"));
    let json = json!({
        "file": file.to_string(), "sessions": sessions, "bytes": bytes, "with_key": with_key,
        "changed_while_read": changed, "left_out": manifest.left_out_count,
        "left_out_first": manifest.left_out,
    });
    Ok(Output::new(lines.join("\n"), json))
}

fn tell_left_out(manifest: &Manifest, lines: &mut Vec<String>) {
    let count = manifest.left_out_count;
    if count == 0 {
        return;
    }
    lines.push(format!("not in it: {count} files or folders, among them"));
    for left_out in manifest.left_out.iter().take(LEFT_OUT_SHOWN) {
        // An agent chose the name.
        let path: String = left_out.path.chars().filter(|it| !it.is_control()).collect();
        lines.push(format!("  {path}: {}", left_out.why));
    }
}

fn verify(layout: &Layout, args: &BackupFile) -> anyhow::Result<Output> {
    let cache = layout.cache();
    let folder = scratch(&if cache.is_dir() { cache } else { std::env::temp_dir() })?;
    let now = SystemClock.now();
    let made = restore::make(&args.source(&layout.vault_key(), now), folder.path())?;
    let booted = super::selftest::boot(folder.path())?;
    if layout.central().is_file() {
        doctor::record_verified(&CentralStore::open(&layout.central())?, &args.file, now)?;
    }
    let (shown, sessions) = (args.file.display().to_string(), made.marked.sessions);
    let json = json!({
        "file": shown, "version": made.head.version, "created_at": made.head.created_at,
        "sessions": sessions, "credentials": made.credentials, "booted": booted,
        "authentic": !args.untrusted, "left_out": made.manifest.left_out_count,
    });
    let mut lines = vec![
        format!(
            "{shown} is good: every member is what was written, {sessions} sessions and central.db \
             open and are sound"
        ),
        match made.credentials {
            Some(sealed) => {
                let sealed = count(sealed, "credential");
                format!("the passphrase opens the key of the vault; {sealed}")
            }
            None => "it has no key of the vault".to_owned(),
        },
    ];
    if args.untrusted {
        lines.push("who made it was not checked".to_owned());
    }
    tell_left_out(&made.manifest, &mut lines);
    lines.push(booted);
    Ok(Output::new(lines.join("\n"), json))
}

fn put_back(layout: &Layout, args: &BackupFile, force: bool) -> anyhow::Result<Output> {
    let own_key = layout.vault_key();
    let source = args.source(&own_key, SystemClock.now());
    let (made, aside) = restore::restore(layout, &source, force)?;
    let (home, sessions) = (layout.home().display(), made.marked.sessions);
    let mut lines = vec![format!("restored {} into {home}", count(sessions, "session"))];
    tell_left_out(&made.manifest, &mut lines);
    if made.credentials.is_none() {
        lines.push(format!("the backup has no key of the vault: {BRING_KEY}"));
    }
    lines.push(format!(
        "when the backup was made, {} had no answer, and {} had not been sent. Whether that \
         happened later it cannot know, so what is sent of them says that it may be a repetition. \
         Messages that came later are missing, unless their platform delivers them again",
        count(made.marked.waiting, "message"),
        count(made.marked.unsent, "part")
    ));
    if let Some(aside) = &aside {
        lines.push(format!("what was there before is in {}", aside.display()));
        lines.push(format!("to undo: `nanoclaw stop`, then `{}`", undo(layout.home(), aside)));
    }
    let aside = aside.map(|it| it.display().to_string());
    Ok(Output::new(lines.join("\n"), json!({ "sessions": sessions, "moved_to": aside })))
}

/// The line that brings back what a restore has moved aside, for a shell.
fn undo(home: &Path, aside: &Path) -> String {
    let restored = format!("{}.restored", home.display());
    let (home, aside) = (home.display().to_string(), aside.display().to_string());
    let [home, restored, aside] = [&home, &restored, &aside].map(|it| shell_word(it));
    format!("mv {home} {restored} && mv {aside} {home}")
}

/// One line of the standard input, or what is typed and not shown; `new` asks twice.
fn passphrase(stdin: bool, new: bool) -> anyhow::Result<String> {
    if stdin {
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("the standard input could not be read")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !io::stdin().is_terminal() {
        let more = if new { "; with `--without-key` none is needed" } else { "" };
        let hint = format!("pipe it in with `--passphrase-stdin`{more}");
        return Err(fail("a passphrase is needed for the key of the vault", hint));
    }
    let read = |prompt| rpassword::prompt_password(prompt).context("the terminal cannot be read");
    let phrase = read("Passphrase of the backup: ")?;
    if new && read("Once more: ")? != phrase {
        return Err(fail("these are two different passphrases", "run it again"));
    }
    Ok(phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_undoes_a_restore_can_be_pasted_whatever_the_folder_is_called() {
        let line = undo(Path::new("/home/Ann's files"), Path::new("/home/before $1"));
        let home = r"'/home/Ann'\''s files";
        assert_eq!(line, format!("mv {home}' {home}.restored' && mv '/home/before $1' {home}'"));
        assert_eq!(undo(Path::new("/a"), Path::new("/b")), "mv /a /a.restored && mv /b /a");
    }
}
