//! What can be typed. The options of one command are beside what does it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use operations::Operation;

use crate::commands::{backup, channels, history, outbox, pair, selftest, settings, vault, why};
use crate::{chat, image, setup};

/// The commands as `--help` shows them; those of the last group only in `help --all`.
const GROUPS: [(&str, &str); 8] = [
    ("Use", "chat tasks"),
    ("People", "pair users roles members approvals"),
    ("Chats and agents", "chats agents destinations panic"),
    ("Connect", "channels vault"),
    ("Service", "setup start stop restart status logs doctor"),
    ("Look", "why history outbox sessions dropped"),
    ("Data", "backup keep timezone"),
    ("Expert", "run selftest image completions help version"),
];

const EXAMPLES: &str = "\
Examples:
  nanoclaw setup                         install what is missing, then open a chat
  nanoclaw                               how things are, and what to do next
  nanoclaw chat what is in my notes      ask once; `nanoclaw chat` alone is a prompt
  nanoclaw vault add                     give the agents a model (asks for the key)
  nanoclaw channels add telegram         connect a messenger (see `./nanoclaw.sh add telegram`)
  nanoclaw pair                          make yourself the owner, from your phone
  nanoclaw chats connect 3 --own         give a chat an agent that shares nothing

`nanoclaw help --all` lists every command, `nanoclaw help COMMAND` explains one.
Exit codes: 0 done, 1 refused, 3 the agent asks something, 4 the agent is stopped, 64 wrong usage,
124 time is up, 130 interrupted.
All data lies in one directory: ~/.nanoclaw, or what NANOCLAW_HOME or --home says.";

/// Runs coding agents in containers and connects them to your chats.
#[derive(Debug, Parser)]
#[command(name = "nanoclaw", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// The data directory [default: what NANOCLAW_HOME says, or ~/.nanoclaw]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do it without asking
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Show what a change of chats, agents, people or tasks would do, and change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// What was typed after the program's name; commands have former names, and others that people
    /// guess.
    pub(crate) fn read(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        operations::renamed(&mut words);
        words.insert(0, "nanoclaw".into());
        let read = definition().try_get_matches_from(words).map_err(operations::shortened)?;
        let args = Self::from_arg_matches(&read)?;
        match args.command {
            Some(Command::Help { all: false, mut command }) => {
                command.push("--help".into());
                Self::read(command)
            }
            command => Ok(Self { command, ..args }),
        }
    }
}

/// The definition with the commands in groups; the parser has groups of options alone.
pub(crate) fn definition() -> clap::Command {
    let definition = operations::with_guesses(Args::command());
    let commands = in_groups(&definition, false);
    definition.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{commands}\nOptions:\n{{options}}{{after-help}}"
    ))
}

/// The commands, a line each: the usual ones, or all with those of the nouns.
pub(crate) fn in_groups(definition: &clap::Command, has_all: bool) -> String {
    let shown = GROUPS.len() - usize::from(!has_all);
    let mut text = String::new();
    for (group, names) in &GROUPS[..shown] {
        text += &format!("{group}:\n");
        for command in names.split(' ').filter_map(|it| definition.find_subcommand(it)) {
            let mut add = |name: &str, command: &clap::Command| {
                let about = command.get_about().map(ToString::to_string).unwrap_or_default();
                text += &format!("  {name:<21} {about}\n");
            };
            let noun = command.get_name();
            add(noun, command);
            let verbs = command.get_subcommands().filter(|_| has_all);
            verbs.for_each(|it| add(&format!("{noun} {}", it.get_name()), it));
        }
    }
    text
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install what is missing, build the image, start the host, open a chat
    Setup(setup::SetupArgs),
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
    /// Show the running host in full: actors, channels, sessions, containers, queues
    Status,
    /// Stop every agent at once, until `agents resume --all`; asks nothing (`/panic` in a chat)
    #[command(alias = "stop-all")]
    Panic,
    /// Talk to an agent: one MESSAGE, or a prompt without one
    Chat(chat::ChatArgs),
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
    Selftest(selftest::SelftestArgs),
    /// Show what is on its way to people, send it again, or drop it
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Say how a message came about and what became of it
    Why(why::WhyArgs),
    /// Show who changed what, and when
    History(history::HistoryArgs),
    #[command(flatten)]
    Operation(Operation),
    /// Connect accounts of yours on messaging platforms
    #[command(subcommand)]
    Channels(channels::ChannelsCommand),
    /// Make the sender of a code the bot's owner, or let them in
    Pair(pair::PairArgs),
    /// Keep credentials, sealed, outside all containers
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// Make a copy of everything, check one, or put one back
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Show or set how long things are kept
    Keep(settings::KeepArgs),
    /// Show or set the time zone of this install
    Timezone(settings::TimezoneArgs),
    /// Build the image that agents run in
    #[command(subcommand)]
    Image(image::ImageCommand),
    /// Explain a command, or show all of them
    Help {
        /// Every command, in one line
        #[arg(long)]
        all: bool,
        command: Vec<OsString>,
    },
    /// Print the version
    Version,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound_and_every_command_is_in_a_group() {
        let definition = definition();
        definition.clone().debug_assert();
        let mut shown: Vec<&str> = GROUPS.iter().flat_map(|it| it.1.split(' ')).collect();
        let commands = definition.get_subcommands().filter(|it| !it.is_hide_set());
        let mut all: Vec<&str> = commands.map(clap::Command::get_name).collect();
        shown.sort_unstable();
        all.sort_unstable();
        assert_eq!(shown, all);
    }
}
