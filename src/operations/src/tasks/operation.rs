//! What can be said about tasks. No IO.

use crate::prelude::*;
use domain::task::Missed;
use schedule::Zone;

const TASK: &str = "Its number, like t3, or words of its text and times that fit no other";
const MISSED: &str = "What to do about times that passed while nothing ran: `latest` (the last one, \
    late), `all N` (the last N), `skip SPAN` (the last one, unless later than that, like `skip 10m`)";

// Not a doc comment: clap would show it in the place of what a command does.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskName {
    #[arg(required = true, value_name = "TASK", help = TASK)]
    pub words: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TasksOperation {
    /// Show what is scheduled, with the next times and the last result
    List {
        /// Of one agent
        #[arg(long)]
        agent: Option<AgentName>,
        /// Also what is over
        #[arg(long)]
        all: bool,
    },
    /// Show one task in full
    Show(TaskName),
    /// Schedule something
    Add(AddArgs),
    /// Change when a task comes, or what is to be done
    Set(SetArgs),
    /// Let a task rest until it is resumed
    Pause(TaskName),
    /// Let a task go on that was paused, or that failed too often
    Resume(TaskName),
    /// End a task for good
    Remove(TaskName),
    /// Run a task once, right now, besides its times
    Run(TaskName),
    /// Show when a task came, how late, and what came of it
    History {
        #[command(flatten)]
        task: TaskName,
        /// How many of the last times
        #[arg(long, default_value_t = 10, value_name = "N",
              value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
    /// Show when a rule would come; stores nothing
    Preview(PreviewArgs),
    /// Show or set how often a task may come at most; `default` takes it back
    Minimum {
        /// A span like 90s or 1m
        span: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
WHEN is said in plain words, or as a cron expression:
  in 20 minutes, tomorrow at 8, on 24 december at 9:00      once
  2026-12-24T09:00                                          the same, there
  every 2 hours, every weekday at 9, mondays at 7pm         again and again
  every 2 weeks on friday at 10, every other day at 7:30
  on the last day of every month at 18:00, '0 9 * * 1-5'

Examples:
  nanoclaw tasks add 'every weekday at 9' 'say what is on today' --chat telegram:42
  nanoclaw tasks add 'in 20 minutes' 'remind me of the oven' --chat 1
  nanoclaw tasks add 'every 15 minutes' 'tell what is new' --chat 1 --missed 'skip 5m' \\
      --script check.sh      the script runs first and says whether the agent is woken")]
pub struct AddArgs {
    /// When it is to happen
    pub when: String,
    /// What the agent is to do
    pub prompt: String,
    /// Where its answer goes: a number, `channel:chat`, a title, or what the agent calls the chat
    /// [default: this chat, or the only one of the agent]
    #[arg(long)]
    pub chat: Option<String>,
    /// The thread of that chat
    #[arg(long)]
    pub thread: Option<String>,
    /// Who does it [default: the only agent, or the only one of the chat]
    #[arg(long)]
    pub agent: Option<AgentName>,
    /// In whose time WHEN is meant, like Europe/Berlin [default: yours, or that of the install]
    #[arg(long, value_parser = Zone::parse)]
    pub zone: Option<Zone>,
    #[arg(long, value_parser = missed, value_name = "POLICY", help = MISSED)]
    pub missed: Option<Missed>,
    /// A shell script that runs first in the container; its last line is JSON,
    /// {"wakeAgent": true, "data": ...}. On the command line also a file; a path
    /// with a `/` that is no file here is run as a command in the container
    #[arg(long, value_name = "TEXT")]
    pub script: Option<String>,
    /// The conversation in which it runs, like s3 [default: the one that the chat has by then]
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
What is not said stays as it is. A time of day alone keeps the days.

Examples:
  nanoclaw tasks set 3 --when 9:30
  nanoclaw tasks set 3 --script ''      no script any more")]
pub struct SetArgs {
    #[arg(value_name = "TASK", help = TASK)]
    pub task: String,
    /// When it is to happen
    #[arg(long)]
    pub when: Option<String>,
    /// What the agent is to do
    #[arg(long)]
    pub prompt: Option<String>,
    /// In whose time it is meant
    #[arg(long, value_parser = Zone::parse)]
    pub zone: Option<Zone>,
    #[arg(long, value_parser = missed, value_name = "POLICY", help = MISSED)]
    pub missed: Option<Missed>,
    /// A shell script that runs first, as for `tasks add`; '' for none
    #[arg(long, value_name = "TEXT")]
    pub script: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
Examples:
  nanoclaw tasks preview 'every weekday at 9' --zone Europe/Berlin
  nanoclaw tasks preview '30 2 * * *' --zone Europe/Berlin --from '28 march 2027 at 0:00' --count 3")]
pub struct PreviewArgs {
    /// When it is to happen
    pub when: String,
    /// In whose time it is meant
    #[arg(long, value_parser = Zone::parse)]
    pub zone: Option<Zone>,
    /// From when on, like 2026-12-24T09:00:00Z or `24 december at 9` [default: now]
    #[arg(long)]
    pub from: Option<String>,
    /// How many times
    #[arg(long, default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=500))]
    pub count: u32,
}

impl TasksOperation {
    /// The script that was given, to put the content of a file in its place.
    pub fn script_mut(&mut self) -> Option<&mut String> {
        let (Self::Add(AddArgs { script, .. }) | Self::Set(SetArgs { script, .. })) = self else {
            return None;
        };
        script.as_mut()
    }
}

fn missed(text: &str) -> Result<Missed, String> {
    Missed::parse(text).ok_or_else(|| {
        "say `latest`, `all N` (up to 24), or `skip SPAN` like `skip 10m`".to_owned()
    })
}
