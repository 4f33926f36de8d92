//! One file per command: its options, and what does it.

pub(crate) mod backup;
pub(crate) mod channels;
pub(crate) mod chat;
mod escape;
pub(crate) mod history;
pub(crate) mod image;
mod operation;
pub(crate) mod outbox;
pub(crate) mod pair;
mod process;
mod run;
pub(crate) mod selftest;
pub(crate) mod settings;
mod status;
mod stops;
pub(crate) mod vault;
pub(crate) mod why;

use std::process::ExitCode;

use clap::CommandFactory;
use domain::stop::Scope;
use operations::Output;
use store::CentralStore;
use store::layout::Layout;

pub(crate) use self::chat::{prompt, say};
pub(crate) use self::process::{Started, start};
pub(crate) use self::vault::add_model_credential;
use crate::args::{Args, Command};
use crate::error::fail;
use crate::{home, install, setup, term};

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Report {
    output: Output,
    /// The program exits with 1, though it has a result.
    has_failed: bool,
}

impl From<Output> for Report {
    fn from(output: Output) -> Self {
        Self { output, has_failed: false }
    }
}

/// Does what was asked; the code says how it went when that is no error.
pub(crate) async fn perform(
    command: Command,
    json: bool,
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
    let report: Report = match command {
        Command::Setup(_)
        | Command::Keeper
        | Command::Run { .. }
        | Command::Chat(_)
        | Command::Logs { .. }
        | Command::Completions { .. }
            if json =>
        {
            return Err(fail("this command has no result as JSON", "leave out --json"));
        }
        Command::Setup(args) => return Box::pin(setup::perform(args, layout)).await,
        Command::Keeper => return run::keep(layout).await,
        Command::Run { detached } => return run::perform(detached, layout).await,
        Command::Chat(args) => return Box::pin(chat::perform(args, layout)).await,
        Command::Logs { follow, lines } => return run::show_log(follow, lines, layout).await,
        Command::Completions { shell } => return completions(shell),
        Command::Selftest(args) if args.escape => escape::perform(layout).await?,
        Command::Selftest(args) => match selftest::perform(&args, json)? {},
        Command::Status => status::perform(json, layout).await?,
        Command::Doctor => status::check(layout).await?,
        Command::StopAgent { name } => stops::stop(&Scope::Agent(name), layout).await?,
        Command::Panic { yes: _ } => stops::stop(&Scope::All, layout).await?,
        Command::Resume { name, all: _ } => stops::resume(name, layout).await?.into(),
        Command::Outbox(command) => outbox::perform(command, json, layout).await?,
        Command::Why(args) => why::perform(&args, layout).await?.into(),
        Command::History(args) => history::perform(&args, layout)?.into(),
        Command::Start => process::perform_start(layout).await?.into(),
        Command::Stop => process::stop(layout).await?.into(),
        Command::Restart => {
            term::note(&process::stop(layout).await?.text);
            process::perform_start(layout).await?.into()
        }
        Command::Operation(operation) => operation::perform(&operation, layout).await?.into(),
        Command::Channels(command) => channels::perform(command, layout).await?.into(),
        Command::Pair(args) => pair::perform(&args, json, layout).await?.into(),
        Command::Vault(command) => vault::perform(command, layout).await?.into(),
        Command::Backup(command) => backup::perform(command, layout).await?.into(),
        Command::Keep(args) => settings::keep(&args, layout)?.into(),
        Command::Timezone(args) => settings::timezone(&args, layout)?.into(),
        Command::Image(command) => image::perform(command, layout).await?.into(),
        Command::Uninstall => process::uninstall(layout).await?.into(),
    };
    print(report, json)
}

fn print(Report { output, has_failed }: Report, as_json: bool) -> anyhow::Result<ExitCode> {
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

fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "nanoclaw", &mut script);
    term::out_piece(&String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}

/// The central database, with what every install has.
fn central(layout: &Layout) -> anyhow::Result<CentralStore> {
    let central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    Ok(central)
}
