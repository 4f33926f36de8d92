//! The `nanoclaw` program: what people type, what they read, the setup, and the wiring of the host ([`run`]).
//! A library, so that a program with other add-ons is a `main` that links them and calls [`main`].

mod admin;
mod args;
mod backup;
mod chat;
mod commands;
mod doctor;
mod error;
mod home;
mod image;
mod install;
mod lock;
mod logfile;
mod rows;
mod run;
mod setup;
mod term;

use std::process::ExitCode;

use anyhow::Context;

use crate::args::Args;
use crate::error::{USAGE, code_of};

/// Reads the arguments of the process and does what they say; gives the exit code.
pub fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os().skip(1).collect()) {
        Ok(args) => args,
        Err(asked) => {
            let code = if asked.use_stderr() { USAGE } else { 0 };
            // Fails only when nobody reads it.
            let _ = asked.print();
            return ExitCode::from(code);
        }
    };
    match start(args) {
        Ok(ExitCode::SUCCESS) if term::has_failed() => ExitCode::FAILURE,
        Ok(code) => code,
        Err(err) => {
            term::error(&err);
            ExitCode::from(code_of(&err))
        }
    }
}

fn start(mut args: Args) -> anyhow::Result<ExitCode> {
    let layout = home::find(args.home.take())?;
    // One worker: the work is waiting, and a hop between threads costs more than it brings.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the program cannot start its threads")?;
    let code = runtime.block_on(Box::pin(commands::perform(args, &layout)));
    // A thread that waits for a key press must not keep the program from ending.
    runtime.shutdown_background();
    code
}
