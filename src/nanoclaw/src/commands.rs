//! One file per command: its options, and what does it.

pub(crate) mod backup;
pub(crate) mod channels;
pub(crate) mod history;
mod operation;
pub(crate) mod outbox;
pub(crate) mod pair;
mod process;
pub(crate) mod selftest;
pub(crate) mod settings;
mod status;
mod stops;
pub(crate) mod vault;
pub(crate) mod why;

use std::process::ExitCode;

use domain::stop::Scope;
use domain::time::{Clock, SystemClock};
use operations::Output;
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, StoreError};

use self::channels::ChannelsCommand;
use self::outbox::OutboxCommand;
pub(crate) use self::process::start;
use self::settings::{KeepArgs, TimezoneArgs};
use self::vault::VaultCommand;
pub(crate) use self::vault::add_model_credential;
use crate::args::{self, Args, Command};
use crate::error::{USAGE, end, fail};
use crate::image::ImageCommand;
use crate::{admin, chat, doctor, home, image, install, logfile, run, setup, term};

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) output: Output,
    /// The program exits with 1, though it has a result.
    pub(crate) has_failed: bool,
    /// A running host is told of it once it is printed: one that hangs delays no result.
    pub(crate) reloads: bool,
}

impl From<Output> for Report {
    fn from(output: Output) -> Self {
        Self { output, has_failed: false, reloads: false }
    }
}

/// Does what was asked; the code says how it went when that is no error.
pub(crate) async fn perform(args: Args, layout: &Layout) -> anyhow::Result<ExitCode> {
    let Args { json, yes, dry_run, command, .. } = args;
    let Some(command) = command else {
        return print(status::overview(layout).await?.into(), json);
    };
    if dry_run && !can_be_tried(&command) {
        return Err(untried());
    }
    let report: Report = match command {
        Command::Setup(_)
        | Command::Keeper
        | Command::Run { .. }
        | Command::Chat(_)
        | Command::Logs { .. }
        | Command::Completions { .. }
            if json =>
        {
            return Err(end(USAGE, "this command has no result as JSON", "leave out --json"));
        }
        Command::Setup(args) => return Box::pin(setup::perform(args, yes, layout)).await,
        Command::Keeper => return process::keep(layout).await,
        Command::Run { detached } => return run::perform(detached, layout).await,
        Command::Chat(args) => return Box::pin(chat::perform(args, layout)).await,
        Command::Logs { follow, lines } => return logfile::show(follow, lines, layout).await,
        Command::Completions { shell } => return completions(shell),
        Command::Help { .. } => said(args::in_groups(&args::definition(), true)).into(),
        Command::Version => said(concat!("nanoclaw ", env!("CARGO_PKG_VERSION"))).into(),
        Command::Selftest(args) if args.escape => selftest::escape(layout).await?,
        Command::Selftest(args) => match selftest::perform(&args, json)? {},
        Command::Status => status::perform(json, layout).await?,
        Command::Doctor => doctor::perform(layout).await?,
        Command::Panic => stops::stop(&Scope::All, layout).await?,
        Command::Outbox(command) => outbox::perform(command, json, layout).await?,
        Command::Why(args) => why::perform(&args, layout).await?.into(),
        Command::History(args) => history::perform(&args, layout)?.into(),
        Command::Start => process::perform_start(layout).await?.into(),
        Command::Stop => process::stop(layout).await?.into(),
        Command::Restart => {
            term::note(&process::stop(layout).await?.text);
            process::perform_start(layout).await?.into()
        }
        Command::Operation(operation) => {
            operation::perform(&operation, yes, dry_run, layout).await?
        }
        Command::Channels(command) => channels::perform(command, layout).await?.into(),
        Command::Pair(args) => pair::perform(&args, json, yes, layout).await?.into(),
        Command::Vault(command) => vault::perform(command, yes, layout).await?.into(),
        Command::Backup(command) => backup::perform(command, layout).await?.into(),
        Command::Keep(args) => settings::keep(&args, layout)?.into(),
        Command::Timezone(args) => settings::timezone(&args, layout)?.into(),
        Command::Image(command) => image::perform(command, layout).await?.into(),
        Command::Uninstall => process::uninstall(layout).await?.into(),
    };
    if report.reloads {
        admin::reload(layout).await;
    }
    print(report, json)
}

fn print(Report { output, has_failed, .. }: Report, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        term::json(&output.json)?;
    } else {
        term::out(&output.text);
        if let Some(hint) = output.hint {
            term::note(&format!("hint: {hint}"));
        }
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// It looks only, or rehearses its change.
fn can_be_tried(command: &Command) -> bool {
    matches!(
        command,
        Command::Operation(_)
            | Command::Status
            | Command::Doctor
            | Command::Logs { .. }
            | Command::Why(_)
            | Command::History(_)
            | Command::Help { .. }
            | Command::Version
            | Command::Completions { .. }
            | Command::Outbox(OutboxCommand::List { .. } | OutboxCommand::Show { .. })
            | Command::Channels(ChannelsCommand::List)
            | Command::Vault(VaultCommand::List)
            | Command::Image(ImageCommand::Show)
            | Command::Keep(KeepArgs { messages: None, machinery: None })
            | Command::Timezone(TimezoneArgs { zone: None })
    ) || matches!(command, Command::Channels(ChannelsCommand::Expose(args)) if args.is_look())
}

fn untried() -> anyhow::Error {
    fail("this command cannot be tried without doing it", "leave out --dry-run")
}

/// A result that is nothing but a text.
fn said(text: impl Into<String>) -> Output {
    let text = text.into();
    Output::new(text.trim_end(), json!({ "text": text.trim_end() }))
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::definition(), "nanoclaw", &mut script);
    term::out_piece(&String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}

/// A change with its line in the history, in one commit.
fn change<T>(
    central: &mut CentralStore,
    line: &str,
    change: impl FnOnce(&mut CentralStore) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    central.whole("a change", |central| {
        let done = change(central)?;
        central.record_change(line, "host", SystemClock.now())?;
        Ok(done)
    })
}

/// The central database, with what every install has; only for a change it is made.
fn central(layout: &Layout, is_change: bool) -> anyhow::Result<CentralStore> {
    let central = if is_change { home::make(layout)? } else { home::central(layout)? };
    install::ensure_defaults(&central)?;
    Ok(central)
}
