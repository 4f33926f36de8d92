//! What can be typed about backups and about how long things are kept.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Make a backup while the host runs
    Create(BackupCreateArgs),
    /// Check a backup: unpack it, open everything in it, and try its passphrase
    #[command(after_help = "\
Nothing of the running install is touched. `nanoclaw doctor` shows when this last went well.

Examples:
  nanoclaw backup verify /media/disk/nanoclaw.tar
  pass show nanoclaw-backup | nanoclaw backup verify nanoclaw.tar --passphrase-stdin")]
    Verify(BackupVerifyArgs),
    /// Put a backup back; what is there is moved aside
    #[command(after_help = "\
No host may run. What the data directory holds is moved beside it, and the command says how to undo
that. What was unfinished in the backup is sent with a mark that it may be a repetition.

Examples:
  nanoclaw stop && nanoclaw backup restore nanoclaw.tar --force && nanoclaw start
  nanoclaw --home ~/second backup restore nanoclaw.tar      beside the present install")]
    Restore(BackupRestoreArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupVerifyArgs {
    pub(crate) file: PathBuf,
    /// Read the passphrase from the standard input
    #[arg(long)]
    pub(crate) passphrase_stdin: bool,
    /// Do not check who made it: without its key, a backup could come from anybody
    #[arg(long)]
    pub(crate) untrusted: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupRestoreArgs {
    pub(crate) file: PathBuf,
    /// Even if there is data; it is moved aside
    #[arg(long)]
    pub(crate) force: bool,
    /// Read the passphrase from the standard input
    #[arg(long)]
    pub(crate) passphrase_stdin: bool,
    /// Do not check who made it: without its key, a backup could come from anybody
    #[arg(long)]
    pub(crate) untrusted: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file has databases, workspaces, received files and the credentials, which are sealed. Their key is
sealed once more with a passphrase that you are asked for. Each database is consistent; files that an
agent writes at this very moment may be half new. Pipes, devices and what cannot be read are left out,
and so is what is more than a quarter of the limit in one agent's folder; the command names it.

Examples:
  nanoclaw backup create /media/disk/nanoclaw.tar
  pass show nanoclaw-backup | nanoclaw backup create nanoclaw.tar --passphrase-stdin
  nanoclaw backup create nanoclaw.tar --without-key    credentials must be added again later")]
pub(crate) struct BackupCreateArgs {
    pub(crate) file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Read the passphrase from the standard input
    #[arg(long, conflicts_with = "without_key")]
    pub(crate) passphrase_stdin: bool,
    /// Leave the key of the vault out; then no passphrase is needed
    #[arg(long)]
    pub(crate) without_key: bool,
    /// The most that the backup may take
    #[arg(long, value_name = "GB", default_value_t = 100)]
    pub(crate) max_gb: u64,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ages are written as 30d, 52w or 2y. What is unfinished is always kept. Old rows are removed in small
steps while the host runs: daily where something happens, weekly elsewhere.

Examples:
  nanoclaw keep                                  show the rule
  nanoclaw keep --messages 2y                    what people said and what was sent to them
  nanoclaw keep --messages 90d --machinery 7d    files of messages, launches, settled questions")]
pub(crate) struct KeepArgs {
    /// Messages, and what was sent [usually 365d, at least 30d]
    #[arg(long, value_name = "AGE")]
    pub(crate) messages: Option<String>,
    /// Files of messages, launches, settled questions [usually 30d, at least 1d]
    #[arg(long, value_name = "AGE")]
    pub(crate) machinery: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
