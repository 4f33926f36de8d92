//! `nanoclaw backup`: makes, checks and puts back copies of everything.

use std::fs::Permissions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use domain::plain::shell_word;
use domain::time::{Clock, SystemClock};
use serde_json::json;
use store::CentralStore;
use store::layout::Layout;
use tokio::task::spawn_blocking;
use vault::carry::seal_key_file;

use crate::args::BackupCommand;
use crate::backup::LeftOut;
use crate::backup::create::{self, With};
use crate::backup::restore::{self, Trust};
use crate::error::{Hint, fail};
use crate::{doctor, rows, term};

/// Of what was left out; the whole is in the backup.
const LEFT_OUT_SHOWN: usize = 20;

pub(super) async fn perform(command: BackupCommand, layout: &Layout) -> anyhow::Result<()> {
    let layout = layout.clone();
    // Copying blocks, and takes as long as the disk does.
    let work = spawn_blocking(move || match command {
        BackupCommand::Create(args) => make(&layout, &args),
        BackupCommand::Verify(args) => verify(&layout, &args),
        BackupCommand::Restore(args) => put_back(&layout, &args),
    });
    work.await.context("the work ended early")?
}

fn make(layout: &Layout, args: &crate::args::BackupCreateArgs) -> anyhow::Result<()> {
    if !layout.central().is_file() {
        let what = format!("{} has no data", layout.home().display());
        return Err(fail(what, "say which data directory with `--home DIR`"));
    }
    // It also authenticates what leaves without it.
    let sealed = store::copies::contents(&layout.central())?.sealed;
    let key = rows::key(layout, sealed)?;
    let with_key = !args.without_key && sealed;
    let carried = if with_key {
        let phrase = passphrase(args.passphrase_stdin, true)?;
        let sealed = seal_key_file(&layout.vault_key(), &phrase)
            .context("the key of the vault cannot go along")
            .hint("take a longer passphrase, or leave the key out with `--without-key`")?;
        Some(sealed)
    } else {
        None
    };
    let now = SystemClock.now();
    let bytes_max = args.max_gb.saturating_mul(1_000_000_000);
    let with = With { key: &key, sealed: carried.as_deref(), bytes_max };
    let made = create::create(layout, &args.file, &with, args.force, now)?;
    if args.json {
        return term::json(&json!({
            "file": args.file, "sessions": made.sessions, "bytes": made.bytes,
            "with_key": with_key, "changed_while_read": made.changed,
            "left_out": made.left_out.0, "left_out_first": named(&made.left_out.1),
        }));
    }
    let (file, mb) = (args.file.display(), made.bytes.div_ceil(1_000_000));
    term::out(&format!("made {file}: {} sessions, {mb} MB", made.sessions));
    if made.changed != 0 {
        term::out(&format!(
            "{} files changed while they were read; agents were at work on them",
            made.changed
        ));
    }
    tell_left_out(&made.left_out);
    if args.without_key {
        term::out(
            "the key of the vault is not in it: after a restore, bring back `vault.key` yourself, or \
             enter credentials and tokens again after `nanoclaw vault reset`",
        );
    } else if !sealed {
        term::out("the vault is empty, so its key is not in it; no passphrase was needed");
    }
    term::out(&format!("check it with `nanoclaw backup verify {file}`"));
    Ok(())
}

fn named(left_out: &[LeftOut]) -> Vec<serde_json::Value> {
    left_out.iter().map(|it| json!({ "path": it.path, "why": it.why })).collect()
}

fn tell_left_out((count, first): &(usize, Vec<LeftOut>)) {
    if *count == 0 {
        return;
    }
    term::out(&format!("not in it: {count} files or folders, among them"));
    for left_out in first.iter().take(LEFT_OUT_SHOWN) {
        // An agent chose the name.
        let path: String = left_out.path.chars().filter(|it| !it.is_control()).collect();
        term::out(&format!("  {path}: {}", left_out.why));
    }
}

fn verify(layout: &Layout, args: &crate::args::BackupVerifyArgs) -> anyhow::Result<()> {
    let (file, stdin) = (args.file.as_path(), args.passphrase_stdin);
    let cache = layout.cache();
    let mut private = tempfile::Builder::new();
    private.permissions(Permissions::from_mode(0o700));
    let folder = if cache.is_dir() { private.tempdir_in(cache) } else { private.tempdir() };
    let folder = folder.context("there is no place to unpack the backup")?;
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy)?;
    let now = SystemClock.now();
    let mut ask = || passphrase(stdin, false);
    let own = layout.vault_key();
    let trust = if args.untrusted { Trust::Anything } else { Trust::Authentic(&own) };
    let made = restore::make(file, &copy, trust, &mut ask, now)?;
    let booted = super::selftest::boot(&copy)?;
    if layout.central().is_file() {
        let bytes = std::fs::metadata(file)?.len();
        doctor::record_verified(&CentralStore::open(&layout.central())?, file, bytes, now)?;
    }
    if args.json {
        return term::json(&json!({
            "file": file, "version": made.head.version, "created_at": made.head.created_at,
            "sessions": made.marked.sessions, "credentials": made.credentials,
            "booted": booted, "authentic": !args.untrusted, "left_out": made.left_out.0,
        }));
    }
    term::out(&format!(
        "{} is good: every member is what was written, {} sessions and central.db open and are sound",
        file.display(),
        made.marked.sessions
    ));
    term::out(&match made.credentials {
        Some(count) => format!("the passphrase opens the key of the vault; {count} credentials"),
        None => "it has no key of the vault".to_owned(),
    });
    if args.untrusted {
        term::out("who made it was not checked");
    }
    tell_left_out(&made.left_out);
    term::out(&booted);
    Ok(())
}

fn put_back(layout: &Layout, args: &crate::args::BackupRestoreArgs) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut ask = || passphrase(args.passphrase_stdin, false);
    let how = (args.force, args.untrusted);
    let (made, aside) = restore::restore(layout, &args.file, how, &mut ask, now)?;
    let home = layout.home().display();
    term::out(&format!("restored {} sessions into {home}", made.marked.sessions));
    tell_left_out(&made.left_out);
    if made.credentials.is_none() {
        term::out(
            "the backup has no key of the vault: bring back your `vault.key`, or enter credentials \
             and tokens again after `nanoclaw vault reset`",
        );
    }
    term::out(&format!(
        "{} messages had no answer and {} parts were not sent yet when it was made. Whether that \
         happened later it cannot know, so what is sent of them says that it may be a repetition. \
         Messages that came later are missing, unless their platform delivers them again",
        made.marked.waiting, made.marked.unsent
    ));
    if let Some(aside) = aside {
        term::out(&format!("what was there before is in {}", aside.display()));
        term::out(&format!("to undo: `nanoclaw stop`, then `{}`", undo(layout.home(), &aside)));
    }
    Ok(())
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
        return Err(fail(
            "a passphrase is needed for the key of the vault",
            "pipe it in with `--passphrase-stdin`; `create --without-key` needs none",
        ));
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
