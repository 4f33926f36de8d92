//! One file per command.

mod backup;
mod channels;
mod chat;
mod doctor;
mod escape;
mod history;
mod image;
mod keep;
mod logs;
mod operation;
mod outbox;
mod pair;
mod retention;
mod run;
mod selftest;
mod start;
mod status;
mod stop;
mod stops;
mod timezone;
mod uninstall;
mod vault;
mod why;

use std::process::ExitCode;

use clap::CommandFactory;
use domain::stop::Scope;
use store::layout::Layout;

pub(crate) use self::chat::{prompt, say};
pub(crate) use self::start::{Started, start};
pub(crate) use self::vault::add_model_credential;
use crate::args::{Args, Command};
use crate::{setup, term};

/// Does what was asked; the code says how it went when that is no error.
pub(crate) async fn perform(command: Command, layout: &Layout) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Setup(args) => return Box::pin(setup::perform(args, layout)).await,
        Command::Keeper => return keep::perform(layout).await,
        Command::Status { json } => return status::perform(json, layout).await,
        Command::Doctor { json } => return doctor::perform(json, layout).await,
        Command::Selftest(args) if args.escape => return escape::perform(args.json, layout).await,
        Command::Selftest(args) => match selftest::perform(&args)? {},
        Command::StopAgent { name, json } => {
            return stops::stop(&Scope::Agent(name), json, layout).await;
        }
        Command::Panic { yes: _, json } => return stops::stop(&Scope::All, json, layout).await,
        Command::Resume { name, all: _, json } => stops::resume(name, json, layout).await,
        Command::Outbox(command) => return outbox::perform(command, layout).await,
        Command::Why(args) => return why::perform(args, layout).await,
        Command::History(args) => history::perform(&args, layout),
        Command::Run { detached } => run::perform(detached, layout).await,
        Command::Start => start::perform(layout).await,
        Command::Stop => stop::perform(layout).await,
        Command::Restart => restart(layout).await,
        Command::Chat(args) => return Box::pin(chat::perform(args, layout)).await,
        Command::Logs { follow, lines } => logs::perform(follow, lines, layout).await,
        Command::Operation(operation) => operation::perform(&operation, layout).await,
        Command::Channels(command) => channels::perform(command, layout).await,
        Command::Pair(args) => return pair::perform(args, layout).await,
        Command::Completions { shell } => completions(shell),
        Command::Vault(command) => vault::perform(command, layout).await,
        Command::Backup(command) => backup::perform(command, layout).await,
        Command::Keep(args) => retention::perform(&args, layout),
        Command::Timezone(args) => timezone::perform(&args, layout),
        Command::Image(command) => image::perform(command, layout).await,
        Command::Uninstall => uninstall::perform(layout).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "nanoclaw", &mut script);
    term::out_piece(&String::from_utf8(script)?);
    Ok(())
}

async fn restart(layout: &Layout) -> anyhow::Result<()> {
    stop::perform(layout).await?;
    start::perform(layout).await
}
