//! What can be typed.

mod keeping;
mod outbox;
mod timezone;

use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};
use clap_complete::Shell;
use domain::AgentName;
use operations::Operation;

pub(crate) use self::keeping::{
    BackupCommand, BackupCreateArgs, BackupRestoreArgs, BackupVerifyArgs, KeepArgs,
};
pub(crate) use self::outbox::{HistoryArgs, OutboxCommand, WhyArgs};
pub(crate) use self::timezone::TimezoneArgs;

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
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop an agent at once, in all chats, until `resume`
    #[command(after_help = "\
Freezes and kills its containers, takes back what is not sent yet, and says what had gone out. It
stays stopped, also over a restart of the host. New messages are kept and answered after `resume`.
Works without a running host too. In a chat, `/stop` ends only what is done there.

Examples:
  nanoclaw stop-agent andy
  nanoclaw resume andy")]
    StopAgent {
        #[arg(value_parser = AgentName::parse)]
        name: AgentName,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
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
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a stopped agent go on, or all
    #[command(after_help = "\
What came in meanwhile is answered now. What was set aside by the stop stays so.

Examples:
  nanoclaw resume andy
  nanoclaw resume --all     everything, however it was stopped")]
    Resume {
        #[arg(value_parser = AgentName::parse, required_unless_present = "all")]
        name: Option<AgentName>,
        /// Every agent
        #[arg(long, conflicts_with = "name")]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
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
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
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

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nanoclaw chat                        a prompt; Ctrl-D ends it
  nanoclaw chat hello                  one message, one answer
  nanoclaw chat --agent ben \"hello\"    another agent
  nanoclaw chat --chat work \"go on\"    another conversation with its own context
  cat notes.txt | nanoclaw chat -      the message comes from a program
  printf 'one\\ntwo\\n' | nanoclaw chat  each line is a message

Exits with 0 after an answer, with 1 when none comes (it was stopped, given up, or takes too long),
and with 2 when the agent asks you something first: reply with another `nanoclaw chat`.")]
pub(crate) struct ChatArgs {
    /// Who is asked [default: the first agent]
    #[arg(long, value_name = "NAME", value_parser = AgentName::parse)]
    pub(crate) agent: Option<AgentName>,
    /// Which conversation [default: terminal, or terminal-AGENT]
    #[arg(long, value_name = "NAME")]
    pub(crate) chat: Option<String>,
    /// How long to wait for each answer
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout: u64,
    /// What to say; `-` reads it from the standard input
    pub(crate) message: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each run starts a whole host with a platform and an engine in memory, lets people write, breaks
things, kills the host at random points, and checks that every message had one answer. It touches
nothing of this install. The same seed is the same run.

Examples:
  nanoclaw selftest --runs 20000 --seed 7 many, others
  nanoclaw selftest --runs 1 --seed 4711  one run again
  nanoclaw selftest --escape              what an agent could try to get out of its container")]
pub(crate) struct SelftestArgs {
    /// Try to get out of a real container instead, in every way that we know; needs the engine
    #[arg(long, conflicts_with_all = ["runs", "seed", "threads"])]
    pub(crate) escape: bool,
    /// How many runs
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) runs: u64,
    /// The first seed; each run has the next one
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// At a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=512))]
    pub(crate) threads: Option<u16>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Show accounts, and the channels that this program has
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Connect an account; asks for its token
    #[command(after_help = "\
The token is asked for on the terminal and not shown, or read from the standard input. It is kept
sealed in the vault, and no container ever sees it.

Examples:
  nanoclaw channels add telegram
  pass show telegram | nanoclaw channels add telegram
  nanoclaw channels add telegram --url api=http://127.0.0.1:8081    a Bot API server of your own")]
    Add {
        channel: String,
        /// What to call the account here
        #[arg(long, value_name = "NAME", default_value = "main", value_parser = parse_account)]
        name: String,
        /// Where the platform is instead of its usual place; without it, an account keeps what it has
        #[arg(long = "url", value_name = "NAME=URL", value_parser = parse_url)]
        urls: Vec<(String, String)>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Disconnect an account and forget its token; chats and conversations stay
    Remove {
        channel: String,
        #[arg(long, value_name = "NAME", default_value = "main")]
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What a code makes of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PairRole {
    /// Of this host: may do and decide everything
    Owner,
    /// Admin of an agent, or of all
    Admin,
    /// May talk to an agent
    Member,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nanoclaw pair                            you, on your phone: prints a code to send to the bot
  nanoclaw pair --role member --agent andy somebody else, who may then talk to andy
  nanoclaw pair --no-wire                  makes you known, connects no chat")]
pub(crate) struct PairArgs {
    /// [default: owner while there is none, then member]
    #[arg(long)]
    pub(crate) role: Option<PairRole>,
    /// The agent that the chat is connected to [default: the first one]
    #[arg(long, value_name = "NAME", value_parser = AgentName::parse)]
    pub(crate) agent: Option<AgentName>,
    /// Do not connect the chat that the code is sent in
    #[arg(long)]
    pub(crate) no_wire: bool,
    /// Name this channel in the instructions
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// Print the code and do not wait for its use
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Share an agent that others use without being asked
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Store a credential; `anthropic` is the model's
    #[command(after_help = "\
The value is asked for on the terminal and not shown, or read from the standard input. It is
never taken as an argument, where other users and the shell's history could see it.

Examples:
  nanoclaw vault add anthropic
  pass show anthropic | nanoclaw vault add anthropic
  nanoclaw vault add anthropic --base-url https://gateway.example/llm")]
    Add {
        name: String,
        /// Where the credential is sent instead of the Anthropic API; an endpoint that speaks alike
        #[arg(long, value_name = "URL", value_parser = vault::BaseUrl::parse)]
        base_url: Option<vault::BaseUrl>,
    },
    /// Show what is stored, without any value
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a credential
    Remove { name: String },
    /// Forget all credentials and tokens if `vault.key` is lost, with the host stopped; then enter them again
    Reset {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Build the image unless it is there and current; prints its name
    Build(ImageArgs),
    /// Print the name of the image that was built
    Show,
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

/// Reads `api=http://127.0.0.1:8081`.
fn parse_url(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write it as NAME=URL, like api=https://…")?;
    // A socket's address is judged as that of a page: encrypted, or on this machine.
    let as_page = url.replacen("ws", "http", usize::from(url.starts_with("ws")));
    vault::BaseUrl::parse(&as_page).map_err(|err| err.to_string())?;
    Ok((name.trim().to_owned(), url.trim().trim_end_matches('/').to_owned()))
}

/// A name that is safe in a command line and in the vault.
fn parse_account(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !text.is_empty() && text.len() <= 32 && text.chars().all(plain);
    fits.then(|| text.to_owned()).ok_or_else(|| "take 1 to 32 letters, digits, `-`, `_`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_token_is_sent_encrypted_or_to_this_machine() {
        for good in
            ["api=https://bots.example/", "gateway=wss://x.example", "api=http://127.0.0.1:9"]
        {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for bad in ["https://x", "api=http://x.example", "gateway=ws://x.example", "api=ftp://x"] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }
}
