//! The program without add-ons; `./nanoclaw.sh` builds one with the providers that were added.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_runner::main()
}
