//! One file per command.

mod agents;
mod chat;
mod doctor;
mod image;
mod keep;
mod logs;
mod run;
mod start;
mod status;
mod stop;
mod uninstall;
mod vault;

use std::process::ExitCode;

use store::layout::Layout;

pub(crate) use self::chat::{prompt, say};
pub(crate) use self::start::{Started, start};
pub(crate) use self::vault::add_model_credential;
use crate::args::Command;
use crate::setup;

/// Does what was asked; the code says how it went when that is no error.
pub(crate) async fn perform(command: Command, layout: &Layout) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Setup(args) => return Box::pin(setup::perform(args, layout)).await,
        Command::Keep => return keep::perform(layout).await,
        Command::Status { json } => return status::perform(json, layout).await,
        Command::Doctor { json } => return doctor::perform(json, layout).await,
        Command::Run { detached } => run::perform(detached, layout).await,
        Command::Start => start::perform(layout).await,
        Command::Stop => stop::perform(layout).await,
        Command::Restart => restart(layout).await,
        Command::Chat(args) => Box::pin(chat::perform(args, layout)).await,
        Command::Logs { follow, lines } => logs::perform(follow, lines, layout).await,
        Command::Agents(command) => agents::perform(command, layout).await,
        Command::Vault(command) => vault::perform(command, layout).await,
        Command::Image(command) => image::perform(command, layout).await,
        Command::Uninstall => uninstall::perform(layout).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

async fn restart(layout: &Layout) -> anyhow::Result<()> {
    stop::perform(layout).await?;
    start::perform(layout).await
}
