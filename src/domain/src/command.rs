//! Commands that people give in a chat, as `/status`: which there are, who may give them, who
//! carries them out. What is no command of ours is a text like any other.

use crate::people::Access;
use strum::{EnumString, IntoStaticStr, VariantArray};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Command {
    Stop,
    New,
    Compact,
    Context,
    Cost,
    Status,
    Tasks,
    Panic,
    Resume,
    Timezone,
    Quiet,
    Help,
}

/// Who carries a command out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handler {
    /// At once, whatever the agent is doing.
    Host,
    /// The runner, between two turns.
    Runner,
    /// The agent's CLI knows it by this name; it is passed on as it stands, as a turn of its own
    /// (<https://docs.anthropic.com/en/docs/claude-code/slash-commands>).
    Cli,
}

crate::words!(Command);

impl Command {
    #[must_use]
    pub fn handler(self) -> Handler {
        match self {
            Self::Stop
            | Self::Status
            | Self::Tasks
            | Self::Panic
            | Self::Resume
            | Self::Timezone
            | Self::Quiet
            | Self::Help => Handler::Host,
            Self::New | Self::Compact => Handler::Runner,
            Self::Context | Self::Cost => Handler::Cli,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Stop => "stop what I am doing",
            Self::New => "start a new conversation",
            Self::Compact => "shorten what I remember of this conversation",
            Self::Context => "show how full my context is",
            Self::Cost => "show what this conversation used",
            Self::Status => "show what I am doing",
            Self::Tasks => "show what is scheduled, and change it",
            Self::Panic => "stop every agent on this host until `/resume`",
            Self::Resume => "let me work again after I was stopped",
            Self::Timezone => "show or set your time zone, like `/timezone Europe/Berlin`",
            Self::Quiet => "show or set your quiet hours, like `/quiet 22:00-7:00`",
            Self::Help => "show this list",
        }
    }

    fn needs(self) -> Need {
        match self {
            Self::New | Self::Compact | Self::Context | Self::Cost => Need::Say,
            Self::Resume => Need::Admin,
            Self::Panic => Need::Owner,
            Self::Timezone | Self::Quiet => Need::Known,
            Self::Stop | Self::Status | Self::Tasks | Self::Help => Need::Nothing,
        }
    }
}

/// What stands behind the command in a text, without space around it; empty when nothing does.
#[must_use]
pub fn argument(text: &str) -> &str {
    text.trim().split_once(char::is_whitespace).map_or("", |it| it.1.trim())
}

/// What somebody has to be to give a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// It is about themselves.
    Known,
    /// It changes or reveals what belongs to everybody in the conversation.
    Say,
    Admin,
    Owner,
}

/// The command that a text begins with, in any case. Adapters take the bot's name off `/name@bot`.
#[must_use]
pub fn parse(text: &str) -> Option<Command> {
    let name = text.split_whitespace().next()?.strip_prefix('/')?;
    Command::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    Permit,
    /// Tell the sender of the command.
    Deny(String),
}

/// Whether somebody whose messages are let in may give a command. `is_direct` says that nobody else
/// is in the chat.
#[must_use]
pub fn permit(command: Command, access: Access, is_direct: bool) -> Permission {
    let name = command.as_str();
    let may = match command.needs() {
        Need::Nothing => true,
        Need::Known => access.is_known(),
        Need::Say => access.is_admin() || (is_direct && access.is_known()),
        Need::Admin => access.is_admin(),
        Need::Owner => access == Access::Owner,
    };
    if may {
        return Permission::Permit;
    }
    Permission::Deny(match command.needs() {
        Need::Owner => format!("Only my owner can use `/{name}`."),
        Need::Admin => format!("Only my admins can use `/{name}`. Ask one of them."),
        Need::Nothing | Need::Say if access.is_known() => {
            format!("In a group, only my admins can use `/{name}`. Ask one of them.")
        }
        Need::Nothing | Need::Known | Need::Say => {
            format!("Only users I know can use `/{name}`. Ask my owner.")
        }
    })
}

/// The commands that somebody may give, for `/help`.
#[must_use]
pub fn help_text(access: Access, is_direct: bool) -> String {
    let may = |it: &Command| permit(*it, access, is_direct) == Permission::Permit;
    let lines: Vec<String> = Command::ALL
        .into_iter()
        .filter(may)
        .map(|it| format!("- `/{}`: {}", it.as_str(), it.summary()))
        .collect();
    format!("Just write to me. I also understand:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_first_word_is_a_command() {
        for (text, want) in [
            ("/stop", Command::Stop),
            ("/Stop", Command::Stop),
            ("  /new\nwhat now", Command::New),
            ("/compact keep the names", Command::Compact),
            ("/help", Command::Help),
        ] {
            assert_eq!(parse(text), Some(want), "{text}");
        }
        for text in [
            "",
            "stop",
            "/",
            "/ stop",
            "//stop",
            "/stopp",
            "/sto",
            "/stop!",
            "/stop/now",
            "/etc/passwd",
            "/login",
            "please /stop",
            "／stop",
            "/new-idea",
            "/stop@bot",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for command in Command::ALL {
            assert_eq!(parse(&format!("/{}", command.as_str())), Some(command));
        }
    }

    #[test]
    fn an_argument_is_what_follows() {
        assert_eq!(argument(" /timezone  new york "), "new york");
        assert_eq!(argument("/quiet\noff"), "off");
        assert_eq!(argument("/quiet"), "");
    }

    #[test]
    fn what_concerns_everybody_needs_an_admin_or_a_direct_chat() {
        for command in Command::ALL {
            for access in Access::ALL {
                let free = matches!(
                    command,
                    Command::Stop | Command::Status | Command::Tasks | Command::Help
                );
                let is = |direct| permit(command, access, direct) == Permission::Permit;
                if let Command::Panic | Command::Resume = command {
                    let may = access == Access::Owner
                        || (command == Command::Resume && access.is_admin());
                    assert_eq!((is(false), is(true)), (may, may), "{command:?} {access:?}");
                    continue;
                }
                let own = matches!(command, Command::Timezone | Command::Quiet);
                let everywhere = free || access.is_admin() || (own && access.is_known());
                assert_eq!(is(false), everywhere, "{command:?} {access:?}");
                assert_eq!(is(true), free || access.is_known(), "{command:?} {access:?}");
            }
        }
        let why = permit(Command::New, Access::Member, false);
        assert!(matches!(why, Permission::Deny(text) if text.contains("`/new`")));
    }

    #[test]
    fn help_shows_exactly_what_may_be_used() {
        let unknown_user = help_text(Access::Unknown, true);
        assert!(
            unknown_user.contains("- `/stop`: ") && !unknown_user.contains("/new"),
            "{unknown_user}"
        );
        let member = help_text(Access::Member, true);
        assert!(member.contains("`/new`") && !member.contains("/panic"), "{member}");
        let owner = help_text(Access::Owner, false);
        assert!(Command::ALL.iter().all(|it| owner.contains(&format!("`/{}`", it.as_str()))));
    }

    #[test]
    fn stopping_does_not_wait_for_the_agent() {
        assert_eq!(Command::Stop.handler(), Handler::Host);
        assert_eq!(Command::Cost.handler(), Handler::Cli);
    }
}
