//! `nanoclaw backup`: makes, checks and puts back copies of everything.

use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::Context;
use domain::time::{Clock, SystemClock};
use serde_json::json;
use store::CentralStore;
use store::layout::Layout;
use tokio::task::spawn_blocking;
use vault::carry::seal_key_file;

use crate::args::BackupCommand;
use crate::backup::{create, restore};
use crate::error::{Hint, fail};
use crate::{doctor, term};

pub(super) async fn perform(command: BackupCommand, layout: &Layout) -> anyhow::Result<()> {
    let layout = layout.clone();
    // Copying blocks, and takes as long as the disk does.
    let work = spawn_blocking(move || match command {
        BackupCommand::Create(args) => make(&layout, &args),
        BackupCommand::Verify { file, passphrase_stdin, json } => {
            verify(&layout, &file, passphrase_stdin, json)
        }
        BackupCommand::Restore { file, force, passphrase_stdin } => {
            put_back(&layout, &file, force, passphrase_stdin)
        }
    });
    work.await.context("the work ended early")?
}

fn make(layout: &Layout, args: &crate::args::BackupCreateArgs) -> anyhow::Result<()> {
    if !layout.central().is_file() {
        let what = format!("{} has no data", layout.home().display());
        return Err(fail(what, "say which data directory with `--home DIR`"));
    }
    let with_key = !args.without_key && layout.vault_key().exists();
    let key = if with_key {
        let phrase = passphrase(args.passphrase_stdin, true)?;
        let sealed = seal_key_file(&layout.vault_key(), &phrase)
            .context("the key of the vault cannot go along")
            .hint("take a longer passphrase, or leave the key out with `--without-key`")?;
        Some(sealed)
    } else {
        None
    };
    let now = SystemClock.now();
    let made = create::create(layout, &args.file, key.as_deref(), args.force, now)?;
    if args.json {
        return term::json(&json!({
            "file": args.file, "sessions": made.sessions, "bytes": made.bytes,
            "with_key": with_key, "changed_while_read": made.changed,
            "left_out": made.left_out,
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
    for left_out in &made.left_out {
        term::out(&format!("left out: {left_out}"));
    }
    if args.without_key {
        term::out(
            "the key of the vault is not in it: after a restore, credentials and tokens have to be \
             added again, unless you bring `vault.key` back yourself",
        );
    }
    term::out(&format!("check it with `nanoclaw backup verify {file}`"));
    Ok(())
}

fn verify(layout: &Layout, file: &Path, stdin: bool, as_json: bool) -> anyhow::Result<()> {
    let cache = layout.cache();
    let folder = if cache.is_dir() { tempfile::tempdir_in(cache) } else { tempfile::tempdir() };
    let folder = folder.context("there is no place to unpack the backup")?;
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy)?;
    let now = SystemClock.now();
    let mut ask = || passphrase(stdin, false);
    let made = restore::make(file, &copy, &mut ask, now)?;
    let booted = simulation::verify::boot(&Layout::new(&copy))
        .map_err(|why| fail(why, "take an older backup"))?;
    if layout.central().is_file() {
        let bytes = std::fs::metadata(file)?.len();
        doctor::record_verified(&CentralStore::open(&layout.central())?, file, bytes, now)?;
    }
    if as_json {
        return term::json(&json!({
            "file": file, "version": made.head.version, "created_at": made.head.created_at,
            "sessions": made.marked.sessions, "credentials": made.credentials,
            "booted": booted,
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
    term::out(&booted);
    Ok(())
}

fn put_back(layout: &Layout, file: &Path, force: bool, stdin: bool) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut ask = || passphrase(stdin, false);
    let (made, aside) = restore::restore(layout, file, force, &mut ask, now)?;
    let home = layout.home().display();
    term::out(&format!("restored {} sessions into {home}", made.marked.sessions));
    if made.credentials.is_none() {
        term::out("the backup has no key of the vault: add credentials and tokens again");
    }
    term::out(&format!(
        "{} messages had no answer and {} parts were not sent yet when it was made. Whether that \
         happened later it cannot know, so what is sent of them says that it may be a repetition. \
         Messages that came later are missing, unless their platform delivers them again",
        made.marked.waiting, made.marked.unsent
    ));
    if let Some(aside) = aside {
        let aside = aside.display();
        term::out(&format!(
            "what was there before is in {aside}\nto undo: `nanoclaw stop`, then `mv {home} \
             {home}.restored && mv {aside} {home}`"
        ));
    }
    Ok(())
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
