//! What can be typed. The options of one command are beside what does it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use domain::AgentName;
use operations::Operation;

use crate::commands::backup::BackupCommand;
use crate::commands::channels::ChannelsCommand;
use crate::commands::chat::ChatArgs;
use crate::commands::history::HistoryArgs;
use crate::commands::image::ImageCommand;
use crate::commands::outbox::OutboxCommand;
use crate::commands::pair::PairArgs;
use crate::commands::selftest::SelftestArgs;
use crate::commands::settings::{KeepArgs, TimezoneArgs};
use crate::commands::vault::VaultCommand;
use crate::commands::why::WhyArgs;

const EXAMPLES: &str = "\
Examples:
  nanoclaw setup                      install what is missing, then open a chat
  nanoclaw chat                       talk to the agent in this terminal
  nanoclaw chat \"what is in my notes?\"  ask once, print the answer
  git diff | nanoclaw chat -          send what a program prints
  nanoclaw vault add anthropic        give the agents a model (asks for the key)
  nanoclaw channels add telegram      connect a messenger (see `./nanoclaw.sh add telegram`)
  nanoclaw pair                       make yourself the owner, from your phone
  nanoclaw wire \"Our family\" --own   give a chat an agent that shares nothing
  nanoclaw tasks list                 what is scheduled, and what came of it last
  nanoclaw status                     see what runs and what waits
  nanoclaw why last                   what became of the last message, step by step
  nanoclaw outbox list                what could not be delivered yet, and why
  nanoclaw doctor                     find out what is wrong and how to fix it

All data lies in one directory: ~/.nanoclaw, or what NANOCLAW_HOME or --home says.";

/// Runs coding agents in containers and connects them to your chats.
#[derive(Debug, Parser)]
#[command(name = "nanoclaw", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// The data directory [default: ~/.nanoclaw]
    #[arg(long, global = true, env = "NANOCLAW_HOME", value_name = "DIR", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install what is missing, build the image, start the host, open a chat
    Setup(SetupArgs),
    /// Run the host in the foreground
    Run {
        /// Set by `start`: leave the terminal's session.
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Start the host in the background, and again whenever it dies
    Start,
    /// What `start` leaves running.
    #[command(hide = true)]
    Keeper,
    /// Stop the host; running containers finish what they do and are found again
    Stop,
    /// Stop the host and start it again
    Restart,
    /// Show the running host: actors, channels, sessions, containers, queues
    Status,
    /// Stop an agent at once, in all chats, until `resume`
    #[command(after_help = "\
Freezes and kills its containers, takes back what is not sent yet, and says what had gone out. It
stays stopped, also over a restart of the host. New messages are kept and answered after `resume`.
Works without a running host too. In a chat, `/stop` ends only what is done there.

Examples:
  nanoclaw stop-agent andy
  nanoclaw resume andy")]
    StopAgent { name: AgentName },
    /// Stop every agent at once, until `resume --all`; asks nothing
    #[command(after_help = "\
Like `stop-agent` for all of them. Owners can say `/panic` in a chat.

Examples:
  nanoclaw panic
  nanoclaw resume --all")]
    Panic {
        /// Changes nothing; it never asks
        #[arg(long, short)]
        yes: bool,
    },
    /// Let a stopped agent go on, or all
    #[command(after_help = "\
What came in meanwhile is answered now. What was set aside by the stop stays so.

Examples:
  nanoclaw resume andy
  nanoclaw resume --all     everything, however it was stopped")]
    Resume {
        #[arg(required_unless_present = "all")]
        name: Option<AgentName>,
        /// Every agent
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Talk to an agent: one MESSAGE, or a prompt without one
    Chat(ChatArgs),
    /// Show the host's log
    Logs {
        /// Wait for more
        #[arg(short, long)]
        follow: bool,
        /// How many lines
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        lines: usize,
    },
    /// Check everything and say how to fix what is wrong
    Doctor,
    /// Run the host through random faults and crashes, in memory, and check that nothing is lost
    Selftest(SelftestArgs),
    /// Show what is on its way to people, send it again, or drop it
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Say how a message came about and what became of it
    Why(WhyArgs),
    /// Show who changed what, and when
    History(HistoryArgs),
    #[command(flatten)]
    Operation(Operation),
    /// Connect accounts of yours on messaging platforms
    #[command(subcommand)]
    Channels(ChannelsCommand),
    /// Make the sender of a code the bot's owner, or let them in
    Pair(PairArgs),
    /// Keep credentials, sealed, outside all containers
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Make a copy of everything, check one, or put one back
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Show or set how long things are kept
    Keep(KeepArgs),
    /// Show or set the time zone of this install
    Timezone(TimezoneArgs),
    /// Build the image that agents run in
    #[command(subcommand)]
    Image(ImageCommand),
    /// Print a script that completes commands in a shell
    #[command(after_help = "\
Examples:
  source <(nanoclaw completions bash)      for this shell; put it into ~/.bashrc to keep it
  nanoclaw completions zsh > \"${fpath[1]}/_nanoclaw\"
  nanoclaw completions fish > ~/.config/fish/completions/nanoclaw.fish")]
    Completions { shell: Shell },
    /// Stop the host and remove this install's containers (see `nanoclaw.sh uninstall`)
    #[command(hide = true)]
    Uninstall,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nanoclaw setup          every step, asks where it must
  nanoclaw setup --yes    asks nothing, ends with one round trip through a container

A step that is done already is skipped, so run it again after a failure.")]
pub(crate) struct SetupArgs {
    /// Ask nothing
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only these steps, by name
    #[arg(long, hide = true, value_delimiter = ',', value_name = "STEP")]
    pub(crate) only: Vec<crate::setup::Step>,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ImageArgs {
    /// The image to build on; '' is Debian's, or one made from this system's packages
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base: Option<String>,
    /// Add Node.js for the agent's own work (kept for later builds; `=false` takes it out)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) with_node: Option<bool>,
    /// Add the Chromium browser, about 400 MB (kept for later builds; `=false` takes it out)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) with_browser: Option<bool>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}
