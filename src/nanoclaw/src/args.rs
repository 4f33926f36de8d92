//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use domain::AgentName;
use domain::agent::Provider;

const EXAMPLES: &str = "\
Examples:
  nanoclaw setup                      install what is missing, then open a chat
  nanoclaw chat                       talk to the agent in this terminal
  nanoclaw chat \"what is in my notes?\"  ask once, print the answer
  git diff | nanoclaw chat -          send what a program prints
  nanoclaw vault add anthropic        give the agents a model (asks for the key)
  nanoclaw status                     see what runs and what waits
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
    Keep,
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
    /// List, add, change and remove agents
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// Keep credentials, sealed, outside all containers
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Build the image that agents run in
    #[command(subcommand)]
    Image(ImageCommand),
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
  printf 'one\\ntwo\\n' | nanoclaw chat  each line is a message")]
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

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Show all agents
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Add an agent, or bring a removed one back as it was
    Add {
        #[arg(value_parser = AgentName::parse)]
        name: AgentName,
        #[command(flatten)]
        settings: AgentSettings,
    },
    /// Change an agent
    #[command(after_help = "\
Examples:
  nanoclaw agents set andy --provider demo      no model
  nanoclaw agents set andy --memory 4096 --cpus 1.5
  nanoclaw agents set andy --model ''           back to the default")]
    Set {
        #[arg(value_parser = AgentName::parse)]
        name: AgentName,
        #[command(flatten)]
        settings: AgentSettings,
    },
    /// Take an agent out of service; its files and memory stay
    Remove {
        #[arg(value_parser = AgentName::parse)]
        name: AgentName,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct AgentSettings {
    /// `claude`, `demo` (no model), or `auto`: claude once the vault holds a credential
    #[arg(long, value_name = "PROVIDER", value_parser = parse_provider)]
    pub(crate) provider: Option<ProviderChoice>,
    /// The model's name; '' is the provider's default
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// The image to run in; '' is the one that this install built
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// The memory limit of a container
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    pub(crate) memory: Option<u32>,
    /// The processor limit of a container, like 1.5
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    pub(crate) cpus: Option<CpuMilli>,
    /// How many processes a container may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) pids: Option<u32>,
}

/// `None` is `auto`. A type of its own: clap takes a plain `Option` for "not given".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProviderChoice(pub(crate) Option<Provider>);

/// Thousandths of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuMilli(pub(crate) u32);

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

fn parse_provider(text: &str) -> Result<ProviderChoice, String> {
    match text {
        "auto" => Ok(ProviderChoice(None)),
        text => Provider::parse(text)
            .map(|it| ProviderChoice(Some(it)))
            .ok_or_else(|| "choose `claude`, `demo` or `auto`".to_owned()),
    }
}

/// Reads `2` or `1.5`, to thousandths.
fn parse_cpus(text: &str) -> Result<CpuMilli, String> {
    let wrong = || "write a number like `2` or `0.5`, at least 0.05".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || 4 < whole.len() || 3 < part.len() || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let milli: u32 = format!("{whole}{part:0<3}").parse().map_err(|_not_a_number| wrong())?;
    if milli < 50 { Err(wrong()) } else { Ok(CpuMilli(milli)) }
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
    fn processors_are_read_to_thousandths() {
        for (text, milli) in
            [("2", 2000), ("1.5", 1500), ("0.05", 50), ("0.125", 125), ("1.", 1000)]
        {
            assert_eq!(parse_cpus(text), Ok(CpuMilli(milli)), "{text}");
        }
        for text in ["", ".5", "-1", "1e3", "0", "0.01", "1.2345", "99999", "1,5"] {
            assert!(parse_cpus(text).is_err(), "{text}");
        }
    }
}
