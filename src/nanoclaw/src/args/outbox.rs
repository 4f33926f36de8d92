//! What can be typed about parts on their way and about what became of messages.

use clap::Subcommand;
use domain::delivery::by_hand::HostKey;

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Show what is not delivered yet, and what was given up
    #[command(after_help = "\
Examples:
  nanoclaw outbox list                   what is on its way, and what could not be delivered
  nanoclaw outbox list --dead            only what was given up
  nanoclaw outbox list --chat Family     only of one chat, by its number, title or id
  nanoclaw outbox list --all --json      everything that is kept, for scripts

States: ready (waits for its turn), claimed (is being sent), unsent (did not get through and is tried
again), uncertain (no answer came, so it may be there; is tried again, marked), dead (given up), sent.")]
    List {
        /// What was delivered or dropped too
        #[arg(long, conflicts_with = "dead")]
        all: bool,
        /// Only what was given up
        #[arg(long)]
        dead: bool,
        /// Only of this chat: its number, its title, its id, or CHANNEL:ID
        #[arg(long, value_name = "CHAT")]
        chat: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one part and what it says
    #[command(after_help = "Example:\n  nanoclaw outbox show s7.o3.0")]
    Show {
        #[arg(value_parser = parse_key)]
        key: HostKey,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Send parts again now, with all their tries
    #[command(after_help = "\
A part that its reader may have already is sent as a possible repeat.

Examples:
  nanoclaw outbox retry s7.o3.0
  nanoclaw outbox retry --all-dead      everything that was given up, such as after a bot was unblocked")]
    Retry {
        #[arg(value_parser = parse_key, required_unless_present = "all_dead", value_name = "KEY")]
        keys: Vec<HostKey>,
        /// Everything that was given up
        #[arg(long, conflicts_with = "keys")]
        all_dead: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Never send parts; those behind them in their chat go next
    #[command(after_help = "\
What was sent, or is being sent right now, cannot be dropped.

Example:
  nanoclaw outbox drop s7.o3.0")]
    Drop {
        #[arg(value_parser = parse_key, required = true, value_name = "KEY")]
        keys: Vec<HostKey>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
MESSAGE is one of:
  last             the newest message for any agent
  s7.42            a message by its number in a session
  s7.o3.0          a part of an answer, by its key (see `nanoclaw outbox list --all`)
  4711             a platform's id, of a message that came or of one that went

Examples:
  nanoclaw why last
  nanoclaw why s7.42 --json

Shows who wrote it, why it was let in, which containers took it, which tools were used, what was sent
where, how long each step took, and what it still waits for. Times after + count from its arrival.")]
pub(crate) struct WhyArgs {
    pub(crate) message: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_key(text: &str) -> Result<HostKey, String> {
    let why = "a key reads like s7.o3.0 or host.q5.0; `nanoclaw outbox list` shows them";
    HostKey::parse(text).ok_or_else(|| why.to_owned())
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Commands that changed something, here, in a chat or by an agent; answers to questions, pairings, stops.
Kept as long as messages are (`nanoclaw keep`).

Examples:
  nanoclaw history              the last fifty changes
  nanoclaw history -n 500
  nanoclaw history --all        with the ends of containers, what turns cost, runs of tasks, and
                                requests of agents that the vault did not let out")]
pub(crate) struct HistoryArgs {
    /// What nobody did too: ends of containers, costs, runs of tasks
    #[arg(long)]
    pub(crate) all: bool,
    /// How many events
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) lines: u32,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
