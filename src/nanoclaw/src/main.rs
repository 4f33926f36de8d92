//! The program as tests build it: with the channels that cargo features name. The one that people use is put
//! together by `./nanoclaw.sh`, from this crate and the add-ons that they chose.

use std::process::ExitCode;

// Links them into the program. Each registers itself; nothing else names it.
#[cfg(feature = "discord")]
use discord as _;
#[cfg(feature = "telegram")]
use telegram as _;
#[cfg(feature = "webhook")]
use webhook as _;

fn main() -> ExitCode {
    nanoclaw::main()
}
